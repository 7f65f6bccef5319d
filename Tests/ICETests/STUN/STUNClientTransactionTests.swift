import ICE
import Testing

/// RFC 8489 §6.2.1, §6.2.2.
@Suite struct STUNClientTransactionTests {
    private let id = STUNTransactionID(upper: 1, lower: 2)
    private let start = ContinuousClock.now

    private func times(_ transaction: STUNClientTransaction) -> (sent: [Duration], end: Duration?) {
        var transaction = transaction
        var sent: [Duration] = [.zero]
        while let deadline = transaction.deadline {
            switch transaction.fire(deadline) {
            case .nothing: return (sent, nil)
            case .resend: sent.append(deadline - start)
            case .timeout: return (sent, deadline - start)
            }
        }
        return (sent, nil)
    }

    @Test(
        "§6.2.1: with RTO 500 ms requests are sent at 0, 500, 1500, 3500, 7500, 15500, 31500 ms, and given up at 39500 ms"
    )
    func unreliable() {
        let found = times(STUNClientTransaction(id, now: start))
        #expect(found.sent == [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500].map { .milliseconds($0) })
        #expect(found.end == .milliseconds(39_500))
    }

    @Test("§6.2.2: by a reliable transport once, for 39.5 s")
    func reliable() {
        let found = times(STUNClientTransaction(id, isReliable: true, now: start))
        #expect(found.sent == [.zero])
        #expect(found.end == .milliseconds(39_500))
    }

    @Test("Another RTO, and a single transmission")
    func otherTimes() {
        var timing = STUNClientTransaction.Timing()
        timing.repetition = .seconds(1)
        timing.transmissions = 1
        #expect(times(STUNClientTransaction(id, timing: timing, now: start)).end == .seconds(16))
    }

    @Test("Nothing happens before its time, nor after the end")
    func early() {
        var transaction = STUNClientTransaction(id, now: start)
        let early = transaction.fire(start + .milliseconds(499))
        #expect(early == .nothing)
        transaction.end()
        let late = transaction.fire(start + .seconds(100))
        #expect(late == .nothing)
        #expect(transaction.deadline == nil)
    }
}
