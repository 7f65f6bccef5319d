import Reactor
import SIP
import Testing

@testable import SIPEndpoint

/// How long targets rest that have failed, and how they come back.
@Suite struct TargetHealthTests {
    private let start = ContinuousClock.now

    private func target(_ number: UInt16) -> Target { Target(.udp, .loopback(port: number)) }

    private func fail(
        _ health: inout TargetHealth, _ number: UInt16, after: Duration = .zero, retryAfter: Duration? = nil
    ) {
        health.failed(.udp, .loopback(port: number), retryAfter: retryAfter, at: start + after)
    }

    @Test func aFailedTargetRestsAndIsProbedOnce() {
        var health = TargetHealth(.init())
        let both = [target(1), target(2)]
        #expect(health.choose(both, at: start) == 0)
        fail(&health, 1)
        for seconds in [0, 1, 29] { #expect(health.choose(both, at: start + .seconds(seconds)) == 1) }
        // Its rest of 30 s is over: one request is the probe, the others go on as they did.
        #expect(health.choose(both, at: start + .seconds(30)) == 0)
        #expect(health.choose(both, at: start + .seconds(30)) == 1)
        #expect(health.choose(both, at: start + .seconds(69)) == 1)
        // A probe that nobody hears of any more is followed by another one.
        #expect(health.choose(both, at: start + .seconds(70)) == 0)
        health.answered(.udp, .loopback(port: 1))
        #expect(health.count == 0)
        #expect(health.choose(both, at: start + .seconds(70)) == 0)
        #expect(health.choose(both, at: start + .seconds(70)) == 0)
    }

    /// Each failed probe doubles the rest, to ten minutes at most.
    @Test func restsGrow() {
        var health = TargetHealth(.init())
        var time = Duration.zero
        var rests: [Int64] = []
        for _ in 0..<7 {
            fail(&health, 1, after: time)
            guard case .resting(let end) = health.state(target(1), at: start + time) else { break }
            rests.append((end - start - time).components.seconds)
            time = end - start
        }
        #expect(rests == [30, 60, 120, 240, 480, 600, 600])
    }

    /// RFC 3261 §21.5.4: Retry-After says how long, within bounds.
    @Test(arguments: [(5, 5), (0, 0), (120, 120), (86_400, 600)] as [(Int, Int)])
    func retryAfterSetsTheRest(asked: Int, rest: Int) {
        var health = TargetHealth(.init())
        fail(&health, 1, retryAfter: .seconds(asked))
        #expect(health.state(target(1), at: start + .seconds(rest)) == .due)
        if rest > 0 {
            #expect(
                health.state(target(1), at: start + .seconds(rest) - .nanoseconds(1))
                    == .resting(until: start + .seconds(rest)))
        }
    }

    /// What was under way when a target failed, and fails too, is the same failure.
    @Test func failuresAtOnceCountOnce() {
        var health = TargetHealth(.init())
        for _ in 0..<100 { fail(&health, 1, after: .seconds(1)) }
        #expect(health.state(target(1), at: start + .seconds(31)) == .due)
    }

    @Test func whereAllRestTheOneWhoseRestEndsFirstIsTried() {
        var health = TargetHealth(.init())
        fail(&health, 1, after: .seconds(2))
        fail(&health, 2, after: .seconds(1))
        fail(&health, 3, after: .seconds(3))
        #expect(health.choose([target(1), target(2), target(3)], at: start + .seconds(4)) == 1)
        #expect(health.choose([target(1)], at: start + .seconds(4)) == 0)
        #expect(health.choose([], at: start) == nil)
    }

    @Test func otherTransportsAndFlowsAreOthers() {
        var health = TargetHealth(.init())
        fail(&health, 1)
        #expect(health.state(Target(.tcp, .loopback(port: 1)), at: start) == .usable)
        let flow = Flow(transport: .udp, listener: 0, local: .loopback(), remote: .loopback(port: 1))
        #expect(health.state(Target(flow), at: start) == .usable)
    }

    /// One address may be the server of several domains: without the certificate of one it is of use to the others.
    @Test func oneDomainSaysNothingOfAnother() {
        var health = TargetHealth(.init())
        func target(_ domain: String?) -> Target { Target(.tls, .loopback(port: 1), domain: domain) }
        health.failed(.tls, .loopback(port: 1), domain: "A.test", at: start)
        #expect(health.state(target("a.test"), at: start) != .usable)
        #expect(health.choose([target("b.test")], at: start) == 0)
        for other in ["b.test", nil] { #expect(health.state(target(other), at: start) == .usable) }
        health.answered(.tls, .loopback(port: 1), domain: "b.test")
        #expect(health.count == 1)
        health.answered(.tls, .loopback(port: 1), domain: "a.TEST")
        #expect(health.count == 0)
        // Without TLS nobody proves anything.
        health.failed(.tcp, .loopback(port: 1), domain: "a.test", at: start)
        #expect(health.state(Target(.tcp, .loopback(port: 1)), at: start) != .usable)
    }

    @Test func theTableIsBounded() {
        var configuration = TargetHealth.Configuration()
        configuration.limit = 10
        var health = TargetHealth(configuration)
        for number in 1...100 { fail(&health, UInt16(number), after: .seconds(number)) }
        #expect(health.count == 10)
        #expect(health.state(target(90), at: start + .seconds(100)) == .usable)
        #expect(health.state(target(91), at: start + .seconds(100)) != .usable)
    }
}
