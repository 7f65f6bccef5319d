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

    /// Entries in memory of their own: they are looked at several times for each request that authenticates, and an array would
    /// be checked for its bounds and for other owners at each step.
    // Proof of Sendable: the only value is made in `Part.init` and lies in its mutex, so that one thread at a time has the memory; it
    // is freed in `Part.deinit`, when nobody has the part any more.
    private struct Content: @unchecked Sendable {
        let entries: UnsafeMutablePointer<Entry>
    }

    private final class Part: Sendable {
        let content: Mutex<Content>

        init(buckets: Int) {
            let count = buckets * BoundedTable.ways
            let entries = UnsafeMutablePointer<Entry>.allocate(capacity: count)
            entries.initialize(repeating: Entry(), count: count)
            content = Mutex(Content(entries: entries))
        }

        deinit { content.withLock { $0.entries.deallocate() } }
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
            // `start` masks: the bucket lies within the memory.
            let bucket = content.entries + start
            for index in 0..<Self.ways where bucket[index].key == key && bucket[index].value != 0 {
                return bucket[index].value
            }
            return 0
        }
    }

    /// Changes the number of a key, which begins with 0; one that is 0 again is forgotten.
    @inline(__always)
    func change<Result: Sendable>(_ key: UInt64, _ body: (inout UInt64) -> Result) -> Result {
        let start = start(key)
        return part(key).content.withLock { content in
            let bucket = content.entries + start
            var place = 0
            for index in 0..<Self.ways {
                if bucket[index].key == key, bucket[index].value != 0 {
                    place = index
                    break
                }
                if bucket[index].value < bucket[place].value { place = index }
            }
            var value = bucket[place].key == key ? bucket[place].value : 0
            let result = body(&value)
            if value != 0 || bucket[place].key == key { bucket[place] = Entry(key: key, value: value) }
            return result
        }
    }

    private func part(_ key: UInt64) -> Part { parts[Int(key >> 60)] }

    private func start(_ key: UInt64) -> Int { (Int(truncatingIfNeeded: key & 0xFFFF_FFFF) & mask) &* Self.ways }
}
