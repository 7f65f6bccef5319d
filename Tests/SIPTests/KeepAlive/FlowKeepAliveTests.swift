import SIP
import Testing

/// RFC 5626 §4.4.
@Suite struct FlowKeepAliveTests {
    typealias Machine = FlowKeepAlive

    /// The time until the next keep-alive.
    private func wait(_ actions: [Machine.Action]) -> Duration? {
        for case .set(.next, let delay) in actions { return delay }
        return nil
    }

    @Test(
        "§4.4, §4.4.1, §4.4.2: between 80 % and the whole of Flow-Timer, or of what is usual, and each time another",
        arguments: [
            (Machine.Style.lineEnds, nil, 96.0, 120.0), (.binding, nil, 23.2, 29), (.lineEnds, 50, 40, 50),
            (.binding, 10, 8, 10), (.binding, 120, 23.2, 29), (.lineEnds, 0, 1.6, 2),
            (.lineEnds, 1_000_000, 1_440, 1_800),
        ] as [(Machine.Style, Int?, Double, Double)])
    func intervals(style: Machine.Style, timer: Int?, least: Double, most: Double) throws {
        var machine = Machine(style, seed: 7)
        var waits: [Duration] = []
        for _ in 0..<200 {
            let actions = machine.start(flowTimer: timer.map { .seconds($0) }, expectsAnswer: true)
            waits.append(try #require(wait(actions)))
        }
        #expect(waits.allSatisfy { $0 >= .seconds(least) && $0 <= .seconds(most) })
        #expect(Set(waits).count > 190)
    }

    @Test("§4.4.1: a ping that is not answered within 10 s says that the flow has failed")
    func unanswered() throws {
        var machine = Machine(.lineEnds, seed: 1)
        _ = machine.start(flowTimer: nil, expectsAnswer: true)
        #expect(machine.fire(.next) == [.send, .set(.answer, .seconds(10))])
        let answered = machine.answered()
        #expect(answered.prefix(2) == [.proven, .stop(.answer)])
        #expect(wait(answered) != nil)
        #expect(machine.fire(.answer).isEmpty)
        _ = machine.fire(.next)
        #expect(machine.fire(.answer) == [.stop(.next), .stop(.answer), .failed])
        #expect(!machine.isRunning)
        #expect(machine.fire(.next).isEmpty)
        #expect(machine.answered().isEmpty)
        #expect(machine.refused().isEmpty)
    }

    @Test("§4.4: who has not said that he answers is not expected to, until he has done so once")
    func unasked() throws {
        var machine = Machine(.lineEnds, seed: 1)
        _ = machine.start(flowTimer: nil, expectsAnswer: false)
        let sent = machine.fire(.next)
        #expect(sent.first == .send && wait(sent) != nil)
        #expect(machine.fire(.answer).isEmpty)
        #expect(machine.answered() == [.proven])
        // A refresh of the registration takes nothing back.
        _ = machine.start(flowTimer: nil, expectsAnswer: false)
        #expect(machine.fire(.next) == [.send, .set(.answer, .seconds(10))])
        // STUN is not sent to those who are not known to speak it.
        var datagrams = Machine(.binding, seed: 1)
        #expect(wait(datagrams.start(flowTimer: nil, expectsAnswer: false)) == nil)
        #expect(!datagrams.isRunning)
    }

    @Test("§4.4.2, RFC 8489 §6.2.1: a Binding Request is sent 7 times within 31.5 s, and given up 8 s later")
    func repeated() {
        var machine = Machine(.binding, seed: 1)
        _ = machine.start(flowTimer: nil, expectsAnswer: true)
        var actions = machine.fire(.next)
        var waits: [Duration] = []
        var sent = 0
        while !actions.contains(.failed), sent < 20 {
            for action in actions {
                switch action {
                case .send, .resend: sent += 1
                case .set(.answer, let delay): waits.append(delay)
                default: Issue.record("\(action)")
                }
            }
            actions = machine.fire(.answer)
        }
        #expect(sent == 7)
        #expect(waits == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 8_000].map { Duration.milliseconds($0) })
    }

    @Test("§4.4.2: an error response, or another mapped address, says that the flow has failed")
    func refused() {
        var machine = Machine(.binding, seed: 1)
        _ = machine.start(flowTimer: nil, expectsAnswer: true)
        #expect(machine.refused() == [.stop(.next), .stop(.answer), .failed])
    }
}
