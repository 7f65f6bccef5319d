/// Changes of a shard on their way to the journal, in the order in which they took place.
///
/// They are written down under the shard's lock and handed over without it, by one thread at a time, so that two lanes
/// that change one address of record cannot bring their changes in disorder.
struct JournalOutbox {
    private var pending: [UInt8] = []
    private var isDelivering = false
    /// Whether the journal had no room for what is pending.
    private(set) var isBlocked = false

    /// Memory of an outbox that is kept for reuse, in bytes.
    private static let keptCapacity = 16_384

    enum Kind: UInt8 {
        case upsert, remove, removeAll
    }

    /// A change as it is written: kind, bytes of all, domain, bytes of the user; then the user and what the kind has.
    private static let headerSize = 9

    /// One change that was written down.
    struct Change {
        let kind: Kind
        let domain: Int
        let user: UnsafeRawBufferPointer
        /// The binding or its key.
        let content: UnsafeRawBufferPointer
    }

    // MARK: Writing, under the lock

    mutating func upsert(_ domain: Int, _ user: UnsafeRawBufferPointer, _ binding: StoredBinding) {
        append(.upsert, domain, user, UnsafeRawBufferPointer(start: binding.base, count: binding.size))
    }

    mutating func remove(_ domain: Int, _ user: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        append(.remove, domain, user, key)
    }

    mutating func removeAll(_ domain: Int, _ user: UnsafeRawBufferPointer) {
        append(.removeAll, domain, user, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private mutating func append(
        _ kind: Kind, _ domain: Int, _ user: UnsafeRawBufferPointer, _ content: UnsafeRawBufferPointer
    ) {
        pending.append(kind.rawValue)
        let size = UInt32(Self.headerSize + user.count + content.count)
        withUnsafeBytes(of: size) { pending.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt16(domain)) { pending.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt16(user.count)) { pending.append(contentsOf: $0) }
        pending.append(contentsOf: user)
        pending.append(contentsOf: content)
    }

    // MARK: Handing over

    /// Takes all that is pending, in exchange for an empty array; false when there is nothing, or another thread is at it
    /// and will take this too.
    mutating func begin(_ batch: inout [UInt8]) -> Bool {
        guard !isDelivering, !pending.isEmpty else { return false }
        isDelivering = true
        swap(&pending, &batch)
        return true
    }

    /// Ends a delivery of which the journal took the first bytes, or goes on with what came meanwhile.
    ///
    /// - Returns: whether `batch` holds more to deliver.
    mutating func end(_ batch: inout [UInt8], taken: Int) -> Bool {
        isBlocked = taken < batch.count
        if isBlocked {
            batch.removeFirst(taken)
            batch.append(contentsOf: pending)
            pending.removeAll()
            swap(&pending, &batch)
            isDelivering = false
            return false
        }
        batch.removeAll(keepingCapacity: batch.capacity <= Self.keptCapacity)
        swap(&pending, &batch)
        isDelivering = !batch.isEmpty
        return isDelivering
    }

    /// Calls `body` with each change until it returns false; returns the bytes of those it took.
    static func forEach(_ batch: [UInt8], _ body: (Change) -> Bool) -> Int {
        batch.withUnsafeBytes { bytes in
            var at = 0
            while at + headerSize <= bytes.count {
                let size = Int(bytes.loadUnaligned(fromByteOffset: at + 1, as: UInt32.self))
                let userCount = Int(bytes.loadUnaligned(fromByteOffset: at + 7, as: UInt16.self))
                let user = at + headerSize
                guard let kind = Kind(rawValue: bytes[at]) else { break }
                let change = Change(
                    kind: kind, domain: Int(bytes.loadUnaligned(fromByteOffset: at + 5, as: UInt16.self)),
                    user: UnsafeRawBufferPointer(rebasing: bytes[user..<user + userCount]),
                    content: UnsafeRawBufferPointer(rebasing: bytes[user + userCount..<at + size]))
                guard body(change) else { return at }
                at += size
            }
            return at
        }
    }
}
