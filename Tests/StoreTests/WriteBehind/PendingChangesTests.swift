import Testing

@testable import Store

@Suite struct PendingChangesTests {
    private func changes(_ list: [BindingChange]) -> [BindingChange] {
        var pending = PendingChanges()
        for change in list { pending.add(change) }
        var result: [BindingChange] = []
        pending.forEach { result.append($0) }
        #expect(pending.count == result.count)
        #expect(pending.isEmpty == result.isEmpty)
        return result
    }

    private let whole = BindingChange.removeAll(addressOfRecord: Array(binding(1).addressOfRecord))

    @Test func aLaterChangeReplacesAnEarlierOne() {
        let key = binding(1).key
        #expect(changes([.upsert(binding(1)), .upsert(binding(1, sequence: 2))]) == [.upsert(binding(1, sequence: 2))])
        #expect(changes([.upsert(binding(1)), .remove(key)]) == [.remove(key)])
        #expect(changes([.remove(key), .upsert(binding(1))]) == [.upsert(binding(1))])
        #expect(changes([]) == [])
    }

    @Test func aChangeAfterARemovalOfAllStaysAfterIt() {
        let first = BindingChange.upsert(binding(1))
        let second = BindingChange.upsert(binding(1, sequence: 2))
        #expect(changes([first, whole, second]) == [whole, second])
        #expect(changes([whole, first, second]) == [whole, second])
        #expect(changes([whole, first, whole]) == [first, whole])
    }

    @Test func itStaysAsSmallAsItsSubjects() {
        var pending = PendingChanges()
        for sequence in 0..<10_000 {
            pending.add(whole)
            pending.add(.upsert(binding(1, sequence: UInt32(sequence))))
        }
        #expect(pending.count == 2)
        #expect(pending.slotCount <= 2 * 2 + 16)
    }

    /// Random runs of changes over few users and contacts, so that all orders of all kinds meet.
    @Test(arguments: 0..<40) func coalescingKeepsTheOutcome(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var pending = PendingChanges()
        var start: Model = [:]
        for user in 0..<3 { apply(.upsert(binding(user, sequence: 0)), to: &start) }
        var expected = start
        for step in 1...Int.random(in: 1...400, using: &random) {
            let record = binding(
                .random(in: 0..<3, using: &random), contact: .random(in: 0..<3, using: &random), sequence: UInt32(step))
            let change: BindingChange =
                switch Int.random(in: 0..<10, using: &random) {
                case 0: .removeAll(addressOfRecord: Array(record.addressOfRecord))
                case 1...3: .remove(record.key)
                default: .upsert(record)
                }
            pending.add(change)
            apply(change, to: &expected)
        }
        var outcome = start
        pending.forEach { apply($0, to: &outcome) }
        #expect(outcome == expected)
        #expect(pending.count <= 3 * 3 + 3)
    }
}

/// A small generator with a seed, so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
