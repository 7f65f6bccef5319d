import SIP
import Testing

@Suite struct NonceCountsTests {
    static func use(_ identifier: UInt64, _ issued: UInt64, _ count: UInt32) -> NonceIssuer.Use {
        NonceIssuer.Use(identifier: identifier, issued: issued, count: count)
    }

    @Test("RFC 7616 §3.4: a count is good once; counts may overtake one another")
    func replay() {
        var counts = NonceCounts(capacity: 64)
        let sequence: [(UInt32, NonceCounts.Verdict)] = [
            (1, .fresh), (1, .replayed), (3, .fresh), (2, .fresh), (2, .replayed), (3, .replayed), (66, .fresh),
            (3, .replayed), (2, .forgotten), (65, .fresh), (65, .replayed), (1000, .fresh), (66, .forgotten),
            (937, .fresh), (936, .forgotten), (.max, .fresh), (.max, .replayed), (.max - 63, .fresh),
            (.max - 64, .forgotten),
        ]
        for (step, (count, verdict)) in sequence.enumerated() {
            #expect(counts.record(Self.use(7, 1, count)) == verdict, "step \(step)")
        }
    }

    @Test("A request that is sent again is known by the highest count, any other with that count is a replay")
    func repeated() {
        var counts = NonceCounts(capacity: 64)
        let sequence: [(UInt32, UInt64, NonceCounts.Verdict)] = [
            (1, 11, .fresh), (1, 11, .repeated), (1, 12, .replayed), (1, 11, .repeated), (2, 21, .fresh),
            (1, 11, .replayed),
            (2, 21, .repeated), (4, 0, .fresh), (4, 0, .replayed), (4, 41, .replayed), (3, 31, .fresh),
            (3, 31, .replayed),
        ]
        for (step, (count, request, verdict)) in sequence.enumerated() {
            #expect(counts.record(Self.use(7, 1, count), by: request) == verdict, "step \(step)")
        }
    }

    @Test("A count of zero is never good")
    func zero() {
        var counts = NonceCounts(capacity: 8)
        #expect(counts.record(Self.use(7, 1, 0)) == .forgotten)
    }

    @Test("In a full table the oldest nonce makes room, and neither it nor an older one is good again")
    func eviction() {
        var counts = NonceCounts(capacity: 8)
        for issued in 1...8 as ClosedRange<UInt64> {
            #expect(counts.record(Self.use(issued, issued * 10, 1)) == .fresh)
        }
        #expect(counts.record(Self.use(9, 90, 1)) == .fresh)
        #expect(counts.record(Self.use(1, 10, 1)) == .forgotten)
        #expect(counts.record(Self.use(1, 10, 2)) == .forgotten)
        #expect(counts.record(Self.use(100, 5, 1)) == .forgotten)
        // Nonces that are still remembered are as before.
        #expect(counts.record(Self.use(2, 20, 1)) == .replayed)
        #expect(counts.record(Self.use(9, 90, 2)) == .fresh)
    }

    @Test("A nonce older than all in a full table is not let in, nor any as old as it later")
    func tooOld() {
        var counts = NonceCounts(capacity: 8)
        for issued in 1...8 as ClosedRange<UInt64> {
            #expect(counts.record(Self.use(issued, issued * 10, 1)) == .fresh)
        }
        #expect(counts.record(Self.use(50, 5, 1)) == .forgotten)
        #expect(counts.record(Self.use(51, 5, 1)) == .forgotten)
        #expect(counts.record(Self.use(1, 10, 2)) == .fresh)
    }

    @Test("However many nonces come, no use is fresh twice")
    func neverTwice() {
        var counts = NonceCounts(capacity: 256)
        var random = SeededGenerator(seed: 42)
        var fresh: Set<[UInt64]> = []
        var newest: UInt64 = 0
        var refused = 0
        let prototype = Self.use(0, 0, 1)
        for _ in 0..<20_000 {
            newest += UInt64.random(in: 0...1, using: &random)
            var use = prototype
            use.issued = newest - min(newest, UInt64.random(in: 0...400, using: &random))
            // As good as random, but one for each time of issue.
            use.identifier = use.issued &* 0x9E37_79B9_7F4A_7C15
            use.count = UInt32.random(in: 1...4, using: &random)
            switch counts.record(use) {
            case .fresh: #expect(fresh.insert([use.identifier, UInt64(use.count)]).inserted)
            case .replayed: #expect(fresh.contains([use.identifier, UInt64(use.count)]))
            case .repeated: Issue.record("no request was named")
            case .forgotten: refused += 1
            }
        }
        #expect(fresh.count > 10_000)
        #expect(refused > 0)
    }
}
