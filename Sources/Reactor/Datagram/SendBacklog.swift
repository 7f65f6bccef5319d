import CLinux
import Glibc

/// Datagrams that the kernel had no room for, in their order: records in one piece of memory that exists only while there are any.
struct SendBacklog: ~Copyable {
    private let limit: Int
    private var memory: UnsafeMutableRawPointer?
    private var first = 0
    private var end = 0

    /// A backlog of at most `limit` bytes; 0 keeps nothing.
    init(limit: Int) { self.limit = max(limit, 0) }

    deinit { memory?.deallocate() }

    var isEmpty: Bool { first == end }

    /// Copies a record to the end; false when there is no room.
    mutating func append(_ record: UnsafeRawPointer) -> Bool {
        let size = SendRecord.size(record)
        if end + size > limit, first > 0, let memory {
            memory.copyMemory(from: memory + first, byteCount: end - first)
            end -= first
            first = 0
        }
        guard end + size <= limit else { return false }
        let memory = memory ?? UnsafeMutableRawPointer.allocate(byteCount: limit, alignment: 64)
        self.memory = memory
        memory.advanced(by: end).copyMemory(from: record, byteCount: size)
        end += size
        return true
    }

    /// Describes the oldest records, at most `count`; returns how many there are.
    func describe(_ count: Int, _ messages: UnsafeMutablePointer<linux_mmsghdr>, _ vectors: UnsafeMutablePointer<iovec>)
        -> Int
    {
        guard let memory else { return 0 }
        var offset = first
        var described = 0
        while described < count && offset < end {
            SendRecord.describe(memory + offset, in: messages + described, vectors + described)
            offset += SendRecord.size(memory + offset)
            described += 1
        }
        return described
    }

    /// Removes the oldest records; gives the memory back with the last one.
    mutating func removeFirst(_ count: Int) {
        guard let memory else { return }
        for _ in 0..<count where first < end { first += SendRecord.size(memory + first) }
        guard first == end else { return }
        memory.deallocate()
        self.memory = nil
        first = 0
        end = 0
    }
}
