import Synchronization

/// Numbers by key, in fixed memory that all lanes share: when there is no room, the smallest number near by is forgotten.
///
/// A number that is a moment, such as the one at which a bucket is full or somebody was last seen, is then the one that matters
/// least. Parts lie each under a mutex of its own for the time of comparing a few numbers.
final class BoundedTable: Sendable {
    private struct Entry {
        var key: UInt64 = 0
        var value: UInt64 = 0
    }

    private struct Content: Sendable {
        var entries: [Entry]
    }

    private final class Part: Sendable {
        let content: Mutex<Content>

        init(buckets: Int) {
            content = Mutex(Content(entries: Array(repeating: Entry(), count: buckets * BoundedTable.ways)))
        }
    }

    private static let ways = 8
    static let partCount = 16
    private let parts: [Part]
    private let mask: Int

    /// A table for about so many keys: a power of two of at least 128.
    init(capacity: Int) {
        var buckets = 1
        while buckets * Self.ways * Self.partCount < min(capacity, 1 << 28) { buckets *= 2 }
        mask = buckets - 1
        parts = (0..<Self.partCount).map { [buckets] _ in Part(buckets: buckets) }
    }

    /// Keys that have room.
    var capacity: Int { (mask + 1) * Self.ways * Self.partCount }

    /// The number of a key; 0 when there is none.
    func value(_ key: UInt64) -> UInt64 {
        let start = start(key)
        return part(key).content.withLock { content in
            for index in start..<start + Self.ways
            where content.entries[index].key == key && content.entries[index].value != 0 {
                return content.entries[index].value
            }
            return 0
        }
    }

    /// Changes the number of a key, which begins with 0; one that is 0 again is forgotten.
    func change<Result: Sendable>(_ key: UInt64, _ body: (inout UInt64) -> Result) -> Result {
        let start = start(key)
        return part(key).content.withLock { content in
            var place = start
            for index in start..<start + Self.ways {
                if content.entries[index].key == key, content.entries[index].value != 0 {
                    place = index
                    break
                }
                if content.entries[index].value < content.entries[place].value { place = index }
            }
            var value = content.entries[place].key == key ? content.entries[place].value : 0
            let result = body(&value)
            if value != 0 || content.entries[place].key == key {
                content.entries[place] = Entry(key: key, value: value)
            }
            return result
        }
    }

    private func part(_ key: UInt64) -> Part { parts[Int(key >> 60)] }

    private func start(_ key: UInt64) -> Int { (Int(truncatingIfNeeded: key & 0xFFFF_FFFF) & mask) &* Self.ways }
}
