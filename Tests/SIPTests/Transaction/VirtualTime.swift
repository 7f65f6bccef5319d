/// A seeded generator (SplitMix64), so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Events in virtual time: the next one is taken as soon as the last is handled, however far away it is.
struct VirtualTime<Event> {
    /// The time of the event that was taken last.
    private(set) var now: ContinuousClock.Instant

    private var pending: [(due: ContinuousClock.Instant, order: Int, event: Event)] = []
    private var count = 0

    init(start: ContinuousClock.Instant = .now) {
        now = start
    }

    mutating func schedule(_ event: Event, after delay: Duration) {
        count += 1
        pending.append((now + max(delay, .zero), count, event))
    }

    /// The earliest event; those of one instant come in the order in which they were scheduled.
    mutating func next() -> Event? {
        guard
            let index = pending.indices.min(by: {
                (pending[$0].due, pending[$0].order) < (pending[$1].due, pending[$1].order)
            })
        else { return nil }
        let entry = pending.remove(at: index)
        now = entry.due
        return entry.event
    }
}
