import SIP
import Testing

/// What a client sends to a server that has asked for less (RFC 7339 §5.5, §7.2, RFC 7415 §3.5).
@Suite struct OverloadThrottleTests {
    private let start = ContinuousClock.now

    private func feedback(
        _ limit: OverloadFeedback.Limit, for milliseconds: Int = 100_000, _ second: UInt64? = nil
    ) -> OverloadFeedback {
        OverloadFeedback(
            limit, validity: .milliseconds(milliseconds),
            sequence: second.map { OverloadSequence(seconds: $0, microseconds: 0) })
    }

    /// Offers requests at even distances, `sheddable` of ten given up first; the shares of both kinds that may be sent.
    private func offer(
        _ throttle: inout OverloadThrottle, _ count: Int, perSecond: Int, sheddable: Int, from: Duration = .zero
    ) -> (sheddable: Double, others: Double) {
        var generator = SeededGenerator(seed: 7)
        var offered = (0.0, 0.0)
        var sent = (0.0, 0.0)
        for n in 0..<count {
            let isSheddable = n % 10 < sheddable
            let at = start + from + .microseconds(n * 1_000_000 / perSecond)
            let admitted = throttle.admits(isSheddable: isSheddable, at: at, random: generator.next())
            if isSheddable { offered.0 += 1 } else { offered.1 += 1 }
            guard admitted else { continue }
            if isSheddable { sent.0 += 1 } else { sent.1 += 1 }
        }
        return (sent.0 / max(1, offered.0), sent.1 / max(1, offered.1))
    }

    /// Whether a request that is given up first may be sent, by the most unlucky draw.
    private func sends(_ throttle: OverloadThrottle, at time: ContinuousClock.Instant) -> Bool {
        var copy = throttle
        return copy.admits(isSheddable: true, at: time, random: 0)
    }

    @Test(
        "Of all requests so many percent are not sent, and those that are given up first make up for the others",
        arguments: [
            // The example of RFC 7339 §7.2: 10 of 40 is 25 percent of the first category.
            (10, 4, 0.75, 1.0), (20, 8, 0.75, 1.0), (50, 5, 0.0, 1.0),
            // 90 percent: all of the first category and half of the other fifth.
            (90, 8, 0.0, 0.5), (100, 8, 0.0, 0.0), (0, 8, 1.0, 1.0), (30, 10, 0.7, 0.0), (30, 0, 0.0, 0.7),
        ])
    func loss(percent: Int, sheddable: Int, first: Double, others: Double) {
        var throttle = OverloadThrottle()
        throttle.receive(feedback(.loss(percent)), at: start)
        // The mix is known after the first five seconds.
        _ = offer(&throttle, 6_000, perSecond: 1_000, sheddable: sheddable)
        let sent = offer(&throttle, 40_000, perSecond: 1_000, sheddable: sheddable, from: .seconds(6))
        if sheddable > 0 { #expect(abs(sent.sheddable - first) < 0.02, "\(sent)") }
        if sheddable < 10 { #expect(abs(sent.others - others) < 0.02, "\(sent)") }
    }

    @Test(
        "Where all requests are of one kind some are sent from the first second on, by which the client hears what is next"
    )
    func firstEstimate() {
        for sheddable in [0, 10] {
            var throttle = OverloadThrottle()
            throttle.receive(feedback(.loss(99)), at: start)
            let sent = offer(&throttle, 3_000, perSecond: 3_000, sheddable: sheddable)
            let share = sheddable == 0 ? sent.others : sent.sheddable
            #expect((0.004...0.02).contains(share), "\(sent)")
        }
    }

    @Test("§5.7: a limit ends with its validity, or when the server says so")
    func validity() {
        var throttle = OverloadThrottle()
        #expect(!throttle.isActive(at: start))
        throttle.receive(feedback(.loss(100), for: 500, 1), at: start)
        #expect(!sends(throttle, at: start + .milliseconds(499)))
        #expect(sends(throttle, at: start + .milliseconds(500)))
        throttle.receive(feedback(.loss(100), for: 500, 2), at: start + .seconds(1))
        #expect(throttle.isActive(at: start + .seconds(1)))
        throttle.receive(feedback(.loss(100), for: 0, 3), at: start + .seconds(1))
        #expect(sends(throttle, at: start + .seconds(1)))
    }

    @Test("§5.4, §4.4: what is older or the same changes nothing, but a sequence may begin anew")
    func sequence() {
        var throttle = OverloadThrottle()
        throttle.receive(feedback(.loss(100), for: 500, 10_000), at: start)
        for tardy in [10_000, 9_999, 9_950] as [UInt64] {
            throttle.receive(feedback(.loss(0), for: 60_000, tardy), at: start + .milliseconds(400))
            #expect(!sends(throttle, at: start + .milliseconds(499)))
        }
        #expect(!throttle.isActive(at: start + .milliseconds(500)))
        throttle.receive(feedback(.loss(100), for: 500, 3), at: start + .seconds(1))
        #expect(throttle.isActive(at: start + .seconds(1)))
    }

    @Test(
        "No more are sent in a second than the server has said, whatever the mix",
        arguments: [(150, 8, 1), (150, 0, 1), (150, 10, 1), (1, 8, 1), (1_000, 8, 4)])
    func rate(rate: Int, sheddable: Int, sharers: Int) {
        var throttle = OverloadThrottle(sharers: sharers)
        throttle.receive(feedback(.rate(rate)), at: start)
        let sent = offer(&throttle, 50_000, perSecond: 1_000, sheddable: sheddable)
        let total = (sent.sheddable * Double(sheddable) + sent.others * Double(10 - sheddable)) / 10 * 50_000
        let allowed = 50 * Double(rate) / Double(sharers)
        // TAU2 lets a burst of ten through at the beginning; what empties begins anew at random.
        #expect(total <= allowed + 12)
        #expect(total >= allowed * 0.95 - 2)
    }

    @Test("RFC 7415 §3.5.2: requests that are given up last come before the others")
    func priority() {
        var throttle = OverloadThrottle()
        throttle.receive(feedback(.rate(300)), at: start)
        // 200 of 1,000 in a second are of the second category: all of them fit.
        let sent = offer(&throttle, 50_000, perSecond: 1_000, sheddable: 8)
        #expect(sent.others > 0.99)
        #expect(abs(sent.sheddable - 0.125) < 0.02)
    }

    @Test("RFC 7415 §3.5.1: a rate of zero lets nothing through, and one that is not reached all")
    func bounds() {
        var throttle = OverloadThrottle()
        throttle.receive(feedback(.rate(0)), at: start)
        let none = offer(&throttle, 1_000, perSecond: 100, sheddable: 5)
        #expect(none == (0, 0))
        throttle.receive(feedback(.rate(200)), at: start + .seconds(20))
        let all = offer(&throttle, 1_000, perSecond: 100, sheddable: 5, from: .seconds(20))
        #expect(all == (1, 1))
    }
}
