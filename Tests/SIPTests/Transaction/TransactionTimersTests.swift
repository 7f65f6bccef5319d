import SIP
import Testing

@Suite struct TransactionTimersTests {
    @Test("RFC 3261 table 4 and RFC 6026 §8.11: the defaults")
    func defaults() {
        let timers = TransactionTimers()
        #expect(timers.t1 == .milliseconds(500))
        #expect(timers.t2 == .seconds(4))
        #expect(timers.t4 == .seconds(5))
        #expect(timers.timerB == .seconds(32))
        #expect(timers.timerC > .seconds(180))
        #expect(timers.timerD == .seconds(32))
        #expect(timers.timerF == .seconds(32))
        #expect(timers.timerH == .seconds(32))
        #expect(timers.timerI == .seconds(5))
        #expect(timers.timerJ == .seconds(32))
        #expect(timers.timerK == .seconds(5))
        #expect(timers.timerL == .seconds(32))
        #expect(timers.timerM == .seconds(32))
        #expect(timers.inviteTrying == .milliseconds(200))
        #expect(timers.nonInviteTrying == .milliseconds(3500))
        #expect(timers.nonInviteExpiry == .seconds(32))
        #expect(timers.cancelExpiry == .seconds(32))
    }

    @Test("RFC 3261 §17.1.1.2: the rest follows T1, but Timer D is never below 32 s")
    func derived() {
        let fast = TransactionTimers(t1: .milliseconds(100), t4: .seconds(1))
        #expect(fast.timerB == .milliseconds(6400))
        #expect(fast.timerD == .seconds(32))
        #expect(fast.timerI == .seconds(1))
        let slow = TransactionTimers(t1: .seconds(1))
        #expect(slow.timerD == .seconds(64))
    }

    @Test("A T1 of zero or less does not flood the network", arguments: [Duration.zero, .seconds(-1)])
    func noFlood(t1: Duration) {
        let timers = TransactionTimers(t1: t1, t2: t1)
        var invite = InviteClientTransaction(isReliable: false)
        #expect(invite.start(timers).retransmission == .set(.a, .milliseconds(1)))
        var other = NonInviteClientTransaction(isReliable: false)
        #expect(other.start(timers).retransmission == .set(.e, .milliseconds(1)))
        _ = other.receive(100, timers)
        #expect(other.fire(.e, timers).retransmission == .set(.e, .milliseconds(1)))
    }
}
