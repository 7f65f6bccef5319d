/// The server transactions of a lane by the hash of what names them.
///
/// Open addressing with linear probing: what is new, as nearly every request is, costs one look at memory. Several may have one
/// hash. The transactions are not retained: who puts one in keeps it until it is taken out.
struct ServerTransactionIndex: ~Copyable {
    private struct Entry {
        var key: UInt64 = 0
        /// Nil where the place is free.
        var transaction: Unmanaged<ServerTransaction>?
    }

    private var entries: UnsafeMutablePointer<Entry>
    /// Places less one; their number is a power of two.
    private var mask: Int
    /// Transactions in the index.
    private(set) var count = 0

    /// Places in the beginning; it grows when half of them are taken.
    private static let leastPlaces = 256

    init() {
        mask = Self.leastPlaces - 1
        entries = Self.places(Self.leastPlaces)
    }

    deinit { entries.deallocate() }

    private static func places(_ count: Int) -> UnsafeMutablePointer<Entry> {
        let places = UnsafeMutablePointer<Entry>.allocate(capacity: count)
        places.initialize(repeating: Entry(), count: count)
        return places
    }

    private func home(_ key: UInt64) -> Int { Int(truncatingIfNeeded: key) & mask }

    /// The transaction with that hash for which `matches` is true.
    func find(_ key: UInt64, where matches: (ServerTransaction) -> Bool) -> ServerTransaction? {
        var place = home(key)
        while let found = entries[place].transaction {
            if entries[place].key == key {
                let transaction = found.takeUnretainedValue()
                if matches(transaction) { return transaction }
            }
            place = (place &+ 1) & mask
        }
        return nil
    }

    /// Puts a transaction in, under its `key`.
    mutating func insert(_ transaction: ServerTransaction) {
        if 2 * count > mask { grow() }
        place(Entry(key: transaction.key, transaction: .passUnretained(transaction)))
        count += 1
    }

    /// Takes a transaction out; one that is not in is ignored.
    mutating func remove(_ transaction: ServerTransaction) {
        let sought = Unmanaged.passUnretained(transaction).toOpaque()
        var hole = home(transaction.key)
        while let found = entries[hole].transaction, found.toOpaque() != sought { hole = (hole &+ 1) & mask }
        guard entries[hole].transaction != nil else { return }
        // Those behind it that would not be found across a hole move up.
        var place = (hole &+ 1) & mask
        while entries[place].transaction != nil {
            if (place &- home(entries[place].key)) & mask >= (place &- hole) & mask {
                entries[hole] = entries[place]
                hole = place
            }
            place = (place &+ 1) & mask
        }
        entries[hole] = Entry()
        count -= 1
    }

    private mutating func place(_ entry: Entry) {
        var place = home(entry.key)
        while entries[place].transaction != nil { place = (place &+ 1) & mask }
        entries[place] = entry
    }

    private mutating func grow() {
        let (old, oldCount) = (entries, mask + 1)
        entries = Self.places(2 * oldCount)
        mask = 2 * oldCount - 1
        for i in 0..<oldCount where old[i].transaction != nil { place(old[i]) }
        old.deallocate()
    }
}
