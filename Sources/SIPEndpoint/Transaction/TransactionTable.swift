/// Slots for the transactions of a lane, reused; a token names a slot and its generation, so that a late timer or response
/// finds nothing instead of somebody else's transaction.
struct TransactionTable<Element: AnyObject> {
    private var slots: [Element?] = []
    private var generations: [UInt32] = []
    private var free: [UInt32] = []

    /// Transactions that are there.
    var count: Int { slots.count - free.count }

    /// The token that the next `insert` must carry.
    mutating func reserve() -> UInt64 {
        if let slot = free.popLast() { return UInt64(generations[Int(slot)]) << 28 | UInt64(slot) }
        slots.append(nil)
        generations.append(1)
        return 1 << 28 | UInt64(slots.count - 1)
    }

    /// Puts an element under a token that was reserved.
    mutating func insert(_ element: Element, _ token: UInt64) { slots[Int(token & 0xFFF_FFFF)] = element }

    /// The element of a token, nil when it has gone.
    func find(_ token: UInt64) -> Element? {
        let slot = Int(token & 0xFFF_FFFF)
        guard slot < slots.count, UInt64(generations[slot]) == token >> 28 else { return nil }
        return slots[slot]
    }

    /// Removes the element of a token and ends the token.
    mutating func remove(_ token: UInt64) {
        let slot = Int(token & 0xFFF_FFFF)
        guard slot < slots.count, UInt64(generations[slot]) == token >> 28, slots[slot] != nil else { return }
        slots[slot] = nil
        generations[slot] = generations[slot] &+ 1
        free.append(UInt32(slot))
    }

    /// All elements, for shutdown and for failures that concern many.
    var all: [Element] { slots.compactMap { $0 } }
}
