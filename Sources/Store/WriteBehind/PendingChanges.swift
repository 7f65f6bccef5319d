/// Binding changes that wait for their commit, in the order in which they must be carried out; a later change of the
/// same binding takes the place of the earlier one.
///
/// Carrying them out in order gives the same bindings as carrying out every change that was ever added.
struct PendingChanges {
    /// In order; nil where a later change with the same subject was moved behind the removal of a whole address.
    private var slots: [BindingChange?] = []

    /// Where the change with each subject is.
    private var places: [BindingKey: Int] = [:]

    /// Changes before this place may not be replaced where they are: a removal of a whole address comes after them.
    private var barrier = 0

    /// Makes an empty list with room for `capacity` changes.
    init(capacity: Int = 0) {
        slots.reserveCapacity(capacity)
        places.reserveCapacity(capacity)
    }

    /// The number of changes that a commit would carry out.
    var count: Int { places.count }

    /// The room they take, gaps included: at most twice `count` and a few.
    var slotCount: Int { slots.count }

    /// Whether there is nothing to commit.
    var isEmpty: Bool { places.isEmpty }

    /// Whether a change with this subject waits already, so that adding one takes no more room.
    func contains(_ subject: BindingKey) -> Bool { places[subject] != nil }

    /// Adds a change, in place of an earlier one with the same subject.
    mutating func add(_ change: BindingChange) {
        let subject = change.subject
        let isWholeAddress = if case .removeAll = change { true } else { false }
        if let place = places[subject] {
            if place >= barrier, !isWholeAddress {
                slots[place] = change
                return
            }
            slots[place] = nil
        }
        places[subject] = slots.count
        slots.append(change)
        if isWholeAddress { barrier = slots.count }
        if slots.count > 2 * places.count + 16 { compact() }
    }

    /// Calls `body` with each change in order.
    func forEach(_ body: (BindingChange) throws -> Void) rethrows {
        for case let change? in slots { try body(change) }
    }

    /// Closes the gaps.
    private mutating func compact() {
        var kept: [BindingChange?] = []
        kept.reserveCapacity(places.count)
        var newBarrier = 0
        for (place, slot) in slots.enumerated() {
            guard let slot else { continue }
            places[slot.subject] = kept.count
            kept.append(slot)
            if place < barrier { newBarrier = kept.count }
        }
        slots = kept
        barrier = newBarrier
    }
}
