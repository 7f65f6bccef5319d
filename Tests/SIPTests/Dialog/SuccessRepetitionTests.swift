import SIP
import Testing

@Suite struct SuccessRepetitionTests {
    @Test("RFC 3261 §13.3.1.4: the 2xx is repeated with intervals from T1 to T2, and given up after 64·T1")
    func untilGivenUp() {
        let timers = TransactionTimers()
        var machine = SuccessRepetition()
        guard case .wait(var next) = machine.start(timers) else {
            Issue.record("waits")
            return
        }
        var intervals = [next]
        var last = SuccessRepetition.Action.none
        while intervals.count < 100 {
            last = machine.fire(timers)
            guard case .resend(thenWait: let interval) = last else { break }
            next = interval
            intervals.append(next)
        }
        #expect(
            intervals == [500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 500].map { .milliseconds($0) })
        #expect(intervals.reduce(.zero, +) == .seconds(32))
        #expect(last == .giveUp)
        #expect(!machine.isWaiting)
        #expect(machine.fire(timers) == .none)
    }

    @Test("The ACK ends it")
    func untilAck() {
        let timers = TransactionTimers()
        var machine = SuccessRepetition()
        _ = machine.start(timers)
        _ = machine.fire(timers)
        machine.stop()
        #expect(machine.fire(timers) == .none)
    }
}
