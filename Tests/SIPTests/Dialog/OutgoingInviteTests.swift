import SIP
import Testing

@Suite struct OutgoingInviteTests {
    typealias Action = OutgoingInvite.Action
    static let more = Action.set(.moreSuccesses, .seconds(32))

    static func machine(extra: String = "") throws -> OutgoingInvite {
        OutgoingInvite(request: try DialogMessages.request(extra: extra))
    }

    static func receive(
        _ machine: inout OutgoingInvite, _ status: Int, _ tag: String? = "bob",
        contact: String? = "<sip:bob@10.0.0.2>"
    ) throws -> [Action] {
        machine.receive(try DialogMessages.response(status, toTag: tag, contact: contact))
    }

    @Test("RFC 3261 §13.2.2: 100, 180, 200: one dialog, one ACK, the call")
    func answered() throws {
        var machine = try Self.machine()
        #expect(machine.start().isEmpty)
        #expect(machine.state == .calling)
        #expect(try Self.receive(&machine, 100, nil) == [.progress(100, dialog: nil)])
        #expect(machine.state == .proceeding)
        #expect(try Self.receive(&machine, 180) == [.progress(180, dialog: 0)])
        #expect(machine.dialogs[0].state == .early)
        #expect(try Self.receive(&machine, 180) == [.progress(180, dialog: 0)])
        #expect(try Self.receive(&machine, 200) == [.accepted(dialog: 0), .sendAck(dialog: 0), Self.more])
        #expect(machine.dialogs.count == 1)
        #expect(machine.dialogs[0].state == .confirmed)
        #expect(machine.state == .accepted)
    }

    @Test("RFC 3261 §13.2.2.4: every repeated 2xx is acknowledged again until 64·T1 after the first")
    func repeated() throws {
        var machine = try Self.machine()
        #expect(try Self.receive(&machine, 200) == [.accepted(dialog: 0), .sendAck(dialog: 0), Self.more])
        #expect(try Self.receive(&machine, 200) == [.resendAck(dialog: 0)])
        #expect(try Self.receive(&machine, 180, "late").isEmpty)
        #expect(try Self.receive(&machine, 486, "late").isEmpty)
        #expect(machine.cancel().isEmpty)
        #expect(machine.fire(.expires).isEmpty)
        #expect(machine.transactionFailed(isTimeout: true).isEmpty)
        #expect(machine.fire(.moreSuccesses) == [.finished])
        #expect(machine.dialogs[0].state == .confirmed)
        #expect(try Self.receive(&machine, 200).isEmpty)
        #expect(machine.fire(.moreSuccesses).isEmpty)
    }

    @Test("RFC 3261 §13.2.2.4: surplus answers of a fork get ACK and BYE; early dialogs end after 64·T1")
    func forked() throws {
        var machine = try Self.machine()
        #expect(try Self.receive(&machine, 180, "a") == [.progress(180, dialog: 0)])
        #expect(try Self.receive(&machine, 183, "b") == [.progress(183, dialog: 1)])
        #expect(try Self.receive(&machine, 180, "c") == [.progress(180, dialog: 2)])
        #expect(try Self.receive(&machine, 200, "b") == [.accepted(dialog: 1), .sendAck(dialog: 1), Self.more])
        #expect(try Self.receive(&machine, 200, "a") == [.sendAck(dialog: 0), .sendBye(dialog: 0)])
        #expect(try Self.receive(&machine, 200, "d") == [.sendAck(dialog: 3), .sendBye(dialog: 3)])
        #expect(try Self.receive(&machine, 200, "a") == [.resendAck(dialog: 0)])
        #expect(try Self.receive(&machine, 200, "b") == [.resendAck(dialog: 1)])
        #expect(machine.fire(.moreSuccesses) == [.dialogEnded(2), .finished])
        #expect(machine.dialogs.map(\.state) == [.terminated, .confirmed, .terminated, .terminated])
    }

    @Test("RFC 3261 §12.3, §13.2.2.3: a refusal ends all early dialogs", arguments: [302, 401, 407, 486, 500, 603])
    func refused(status: Int) throws {
        var machine = try Self.machine()
        _ = try Self.receive(&machine, 180, "a")
        _ = try Self.receive(&machine, 180, "b")
        #expect(
            try Self.receive(&machine, status, "c") == [
                .dialogEnded(0), .dialogEnded(1), .ended(.rejected(StatusCode(rawValue: UInt16(status)))), .finished,
            ])
        #expect(machine.state == .ended)
        #expect(try Self.receive(&machine, 200, "a").isEmpty)
        #expect(machine.cancel().isEmpty)
    }

    @Test("RFC 3261 §8.1.3.1: silence and an unreachable peer")
    func failed() throws {
        var silent = try Self.machine()
        #expect(silent.transactionFailed(isTimeout: true) == [.ended(.timedOut), .finished])
        var unreachable = try Self.machine()
        #expect(unreachable.transactionFailed(isTimeout: false) == [.ended(.transportFailed), .finished])
    }

    // MARK: CANCEL

    @Test("RFC 3261 §9.1: CANCEL waits for a provisional response")
    func cancelWaits() throws {
        var machine = try Self.machine()
        #expect(machine.cancel().isEmpty)
        #expect(!machine.hasSentCancel)
        #expect(try Self.receive(&machine, 100, nil) == [.sendCancel])
        #expect(machine.hasSentCancel)
        #expect(try Self.receive(&machine, 180).isEmpty)
        #expect(machine.cancel().isEmpty)
        #expect(try Self.receive(&machine, 487) == [.dialogEnded(0), .ended(.cancelled), .finished])
    }

    @Test("RFC 3261 §9.1: CANCEL goes at once when it rings, and is sent once")
    func cancelAtOnce() throws {
        var machine = try Self.machine()
        _ = try Self.receive(&machine, 180)
        #expect(machine.cancel() == [.sendCancel])
        #expect(machine.cancel().isEmpty)
        #expect(machine.fire(.expires).isEmpty)
        #expect(machine.transactionFailed(isTimeout: true) == [.dialogEnded(0), .ended(.cancelled), .finished])
    }

    @Test(
        "RFC 3261 §9.1: no CANCEL after a final response that overtakes the first provisional one",
        arguments: [200, 486])
    func cancelTooLate(status: Int) throws {
        var machine = try Self.machine()
        _ = machine.cancel()
        let actions = try Self.receive(&machine, status)
        #expect(!actions.contains(.sendCancel))
        #expect(actions.contains(.ended(.cancelled)))
    }

    @Test("RFC 3261 §15: a 200 that crosses the CANCEL is acknowledged and ended by BYE, each of them")
    func cancelLosesTheRace() throws {
        var machine = try Self.machine()
        _ = try Self.receive(&machine, 180, "a")
        #expect(machine.cancel() == [.sendCancel])
        #expect(
            try Self.receive(&machine, 200, "a") == [
                .sendAck(dialog: 0), .sendBye(dialog: 0), .ended(.cancelled), Self.more,
            ])
        #expect(try Self.receive(&machine, 200, "a") == [.resendAck(dialog: 0)])
        #expect(try Self.receive(&machine, 200, "b") == [.sendAck(dialog: 1), .sendBye(dialog: 1)])
        #expect(machine.fire(.moreSuccesses) == [.finished])
    }

    @Test("RFC 3261 §13.2.1: an invitation that expires is cancelled")
    func expires() throws {
        var machine = try Self.machine(extra: "Expires: 30\r\n")
        #expect(machine.start() == [.set(.expires, .seconds(30))])
        _ = try Self.receive(&machine, 180)
        #expect(machine.fire(.expires) == [.sendCancel])
        #expect(try Self.receive(&machine, 487) == [.dialogEnded(0), .ended(.expired), .finished])
    }

    // MARK: Reliable provisional responses

    @Test(
        "RFC 3262 §4: reliable responses of each early dialog are acknowledged in order, others are as if they had not come"
    )
    func reliable() throws {
        var machine = try Self.machine()
        func receive(_ status: Int, _ tag: String, _ number: Int) throws -> [Action] {
            machine.receive(
                try DialogMessages.response(status, toTag: tag, extra: "Require: 100rel\r\nRSeq: \(number)\r\n"))
        }
        #expect(try receive(183, "a", 5) == [.progress(183, dialog: 0), .sendPrack(dialog: 0, 5)])
        #expect(try receive(183, "a", 5).isEmpty)
        #expect(try receive(180, "b", 900) == [.progress(180, dialog: 1), .sendPrack(dialog: 1, 900)])
        #expect(try receive(180, "a", 7).isEmpty)
        #expect(try receive(180, "a", 6) == [.progress(180, dialog: 0), .sendPrack(dialog: 0, 6)])
    }

    @Test("RFC 3261 §9.1: CANCEL goes with the first provisional response, in order or not")
    func cancelWithReliable() throws {
        var machine = try Self.machine()
        let response = try DialogMessages.response(180, extra: "Require: 100rel\r\nRSeq: 5\r\n")
        #expect(machine.cancel().isEmpty)
        #expect(machine.receive(response) == [.sendPrack(dialog: 0, 5), .sendCancel])
        #expect(machine.receive(response).isEmpty)
    }

    // MARK: Odd responses

    @Test("RFC 6228 §4: 199 ends one early dialog; a 2xx of it would still count")
    func earlyDialogTerminated() throws {
        var machine = try Self.machine()
        _ = try Self.receive(&machine, 180, "a")
        #expect(try Self.receive(&machine, 199, "a") == [.dialogEnded(0), .progress(199, dialog: 0)])
        #expect(machine.dialogs[0].state == .terminated)
        #expect(try Self.receive(&machine, 200, "a") == [.accepted(dialog: 0), .sendAck(dialog: 0), Self.more])
        #expect(machine.dialogs[0].state == .confirmed)
    }

    @Test("Provisional responses that cannot make a dialog are progress all the same")
    func progressWithoutDialog() throws {
        var machine = try Self.machine()
        #expect(try Self.receive(&machine, 180, nil) == [.progress(180, dialog: nil)])
        #expect(try Self.receive(&machine, 180, "a", contact: "*") == [.progress(180, dialog: nil)])
        #expect(machine.dialogs.isEmpty)
    }

    @Test("A 2xx that cannot be acknowledged ends the attempt and says why")
    func malformedSuccess() throws {
        var machine = try Self.machine()
        guard case .ended(.malformed(let defect)) = try Self.receive(&machine, 200, "a", contact: "*").first else {
            Issue.record("malformed")
            return
        }
        #expect(defect.code == .headerValue)
        var called = try Self.machine()
        _ = try Self.receive(&called, 200, "a")
        #expect(try Self.receive(&called, 200, "b", contact: "*").isEmpty)
    }

    @Test("A 2xx without tag, from an RFC 2543 peer, makes a dialog")
    func successWithoutTag() throws {
        var machine = try Self.machine()
        #expect(try Self.receive(&machine, 200, nil) == [.accepted(dialog: 0), .sendAck(dialog: 0), Self.more])
        #expect(try Self.receive(&machine, 200, nil) == [.resendAck(dialog: 0)])
    }

    @Test("The number of dialogs is bounded")
    func bounded() throws {
        var machine = try Self.machine()
        for index in 0..<(OutgoingInvite.mostDialogs + 10) { _ = try Self.receive(&machine, 200, "t\(index)") }
        #expect(machine.dialogs.count == OutgoingInvite.mostDialogs)
    }
}
