import CLinux
import Glibc

/// The datagrams that a lane has gathered in a turn, for all its sockets: records one behind the other in one piece of memory,
/// into which they are serialised directly.
///
/// Records of one socket are chained, so that each socket's are sent by one system call, in their order.
///
/// It stands in memory of the lane's own and is reached by pointer, which counts no references.
struct SendArena: ~Copyable {
    /// Most datagrams in a batch.
    let slots: Int

    private let size: Int
    private let memory: UnsafeMutableRawPointer
    private let records: UnsafeMutablePointer<UnsafeMutableRawPointer>
    /// The record of the same socket that comes next; -1 at the end.
    private let successors: UnsafeMutablePointer<Int32>
    /// Sockets with records, in the order of their first ones. Unretained: a socket that has records is open, the lane keeps open
    /// sockets, and closing one flushes first.
    private let sockets: UnsafeMutablePointer<Unmanaged<DatagramSocket>>
    private var socketCount = 0
    private var count = 0
    private var used = 0

    /// The vector for sendmmsg(2), made when a socket is flushed.
    let messages: UnsafeMutablePointer<linux_mmsghdr>
    let vectors: UnsafeMutablePointer<iovec>

    init(slots: Int, size: Int) {
        self.slots = max(1, min(slots, 1_024))
        self.size = max(size, 2 * SendRecord.size(payload: DatagramSocket.longestPayload))
        memory = .allocate(byteCount: self.size, alignment: 4_096)
        records = .allocate(capacity: self.slots)
        successors = .allocate(capacity: self.slots)
        sockets = .allocate(capacity: self.slots)
        messages = .allocate(capacity: self.slots)
        vectors = .allocate(capacity: self.slots)
    }

    deinit {
        memory.deallocate()
        records.deallocate()
        successors.deallocate()
        sockets.deallocate()
        messages.deallocate()
        vectors.deallocate()
    }

    /// Room for a payload of at most `capacity` bytes, behind the records that are there; sends those first when there is none.
    mutating func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        if count == slots || used &+ SendRecord.size(payload: capacity) > size { flush() }
        return UnsafeMutableRawBufferPointer(start: memory + used + SendRecord.payloadOffset, count: capacity)
    }

    /// Makes the reserved payload, of which `payload` bytes were written, a datagram of the socket.
    mutating func commit(
        _ payload: Int, _ socket: DatagramSocket, to destination: TransportAddress?, from source: TransportAddress?
    ) {
        let record = memory + used
        SendRecord.fill(record, payload: payload, to: destination, from: source)
        used &+= SendRecord.size(payload: payload)
        let index = Int32(truncatingIfNeeded: count)
        records[count] = record
        successors[count] = -1
        count &+= 1
        if socket.lastPending >= 0 {
            successors[Int(socket.lastPending)] = index
        } else {
            socket.firstPending = index
            sockets[socketCount] = Unmanaged.passUnretained(socket)
            socketCount &+= 1
        }
        socket.lastPending = index
    }

    /// Sends everything that was gathered. Calls no foreign code: what fails is noted with the lane.
    mutating func flush() {
        guard count > 0 else { return }
        for index in 0..<socketCount {
            sockets[index]._withUnsafeGuaranteedRef { socket in
                var pending = 0
                var next = socket.firstPending
                while next >= 0 {
                    SendRecord.describe(records[Int(next)], in: messages + pending, vectors + pending)
                    pending &+= 1
                    next = successors[Int(next)]
                }
                socket.firstPending = -1
                socket.lastPending = -1
                socket.transmit(messages, pending)
            }
        }
        socketCount = 0
        count = 0
        used = 0
    }
}
