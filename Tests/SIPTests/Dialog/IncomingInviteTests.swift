import SIP
import Testing

@Suite struct IncomingInviteTests {
    typealias Action = IncomingInvite.Action

    static func machine(extra: String = "") throws -> IncomingInvite {
        try IncomingInvite(request: DialogMessages.request(extra: extra), localTag: Array("bob".utf8))
    }

    static func ack(_ sequence: Int = 314) throws -> Message {
        try DialogMessages.request("ACK", sequence: sequence, toTag: "bob")
    }

    static let accepted: [Action] = [
        .send(200), .stop(.progress), .stop(.expires), .set(.success, .milliseconds(500)),
    ]

    @Test("RFC 3261 §13.3.1: ringing, answer, ACK")
    func answered() throws {
        var machine = try Self.machine()
        #expect(machine.start().isEmpty)
        #expect(!machine.hasDialog)
        #expect(machine.progress(180) == [.send(180), .set(.progress, .seconds(60))])
        #expect(machine.hasDialog)
        #expect(machine.dialog.state == .early)
        #expect(machine.accept() == Self.accepted)
        #expect(machine.dialog.state == .confirmed)
        #expect(machine.state == .accepted)
        #expect(machine.receiveAck(try Self.ack()) == [.stop(.success), .confirmed])
        #expect(machine.state == .confirmed)
        #expect(machine.fire(.success).isEmpty)
        #expect(machine.receiveAck(try Self.ack()).isEmpty)
    }

    @Test("RFC 3261 §13.3.1.4: the 2xx is repeated for 64·T1, then BYE")
    func unacknowledged() throws {
        var machine = try Self.machine()
        _ = machine.accept()
        var resent = 0
        var last: [Action] = []
        for _ in 0..<20 {
            last = machine.fire(.success)
            if last.first == .resend { resent += 1 } else { break }
        }
        #expect(resent == 10)
        #expect(last == [.sendBye, .ended(.unacknowledged)])
        #expect(machine.dialog.state == .terminated)
        #expect(machine.receiveAck(try Self.ack()).isEmpty)
    }

    @Test("RFC 3261 §13.3.1.1: a provisional response is repeated every minute, 100 is none")
    func progressRepeats() throws {
        var machine = try Self.machine()
        #expect(machine.fire(.progress).isEmpty)
        #expect(machine.progress(100).isEmpty)
        #expect(machine.progress(200).isEmpty)
        _ = machine.progress(183)
        #expect(machine.fire(.progress) == [.resend, .set(.progress, .seconds(60))])
        _ = machine.accept()
        #expect(machine.fire(.progress).isEmpty)
        #expect(machine.progress(180).isEmpty)
    }

    @Test("RFC 3261 §13.3.1.3: a refusal is final")
    func refused() throws {
        var machine = try Self.machine()
        #expect(machine.reject(200).isEmpty)
        #expect(
            machine.reject(486) == [.send(486), .stop(.progress), .stop(.expires), .ended(.rejected(486))])
        #expect(machine.state == .ended)
        #expect(machine.dialog.state == .terminated)
        #expect(machine.accept().isEmpty)
        #expect(machine.reject(486).isEmpty)
        #expect(machine.receiveCancel().isEmpty)
        #expect(machine.hangUp().isEmpty)
    }

    @Test("RFC 3261 §9.2: CANCEL brings 487, but not after a final response")
    func cancelled() throws {
        var machine = try Self.machine()
        _ = machine.progress(180)
        #expect(machine.receiveCancel() == [.send(487), .stop(.progress), .stop(.expires), .ended(.cancelled)])
        var answered = try Self.machine()
        _ = answered.accept()
        #expect(answered.receiveCancel().isEmpty)
        #expect(answered.state == .accepted)
    }

    @Test("RFC 3261 §13.3.1: an invitation that expires gets 487")
    func expired() throws {
        var machine = try Self.machine(extra: "Expires: 20\r\n")
        #expect(machine.start() == [.set(.expires, .seconds(20))])
        #expect(machine.fire(.expires) == [.send(487), .stop(.progress), .stop(.expires), .ended(.expired)])
        var answered = try Self.machine(extra: "Expires: 20\r\n")
        _ = answered.accept()
        #expect(answered.fire(.expires).isEmpty)
    }

    @Test("RFC 3261 §15: hanging up before the ACK sends BYE when the ACK is there, or its time is over")
    func hangUpBeforeAck() throws {
        var machine = try Self.machine()
        _ = machine.accept()
        #expect(machine.hangUp().isEmpty)
        #expect(machine.receiveAck(try Self.ack()) == [.stop(.success), .sendBye, .ended(.hungUp)])

        var lost = try Self.machine()
        _ = lost.accept()
        _ = lost.hangUp()
        var last: [Action] = []
        for _ in 0..<20 where last.first != .sendBye { last = lost.fire(.success) }
        #expect(last == [.sendBye, .ended(.hungUp)])
    }

    @Test("RFC 3262 §3: a reliable response is not repeated but sent anew, every two and a half minutes")
    func reliableProgress() throws {
        var machine = try Self.machine()
        #expect(machine.progress(180, isReliable: true) == [.send(180), .set(.progress, .seconds(150))])
        #expect(machine.fire(.progress) == [.send(180), .set(.progress, .seconds(150))])
        #expect(machine.progress(182) == [.send(182), .set(.progress, .seconds(60))])
        #expect(machine.fire(.progress) == [.resend, .set(.progress, .seconds(60))])
    }

    @Test("Hanging up: before the answer 603, in the call BYE")
    func hangUp() throws {
        var ringing = try Self.machine()
        #expect(ringing.hangUp().first == .send(603))
        var talking = try Self.machine()
        _ = talking.accept()
        _ = talking.receiveAck(try Self.ack())
        #expect(talking.hangUp() == [.sendBye, .ended(.hungUp)])
        #expect(talking.dialog.state == .terminated)
        #expect(talking.hangUp().isEmpty)
    }

    @Test("RFC 3261 §15.1.2: BYE before the answer brings 487, before the ACK and after it the end")
    func byeFromPeer() throws {
        var ringing = try Self.machine()
        _ = ringing.progress(180)
        #expect(ringing.receiveBye().first == .send(487))
        for isConfirmed in [false, true] {
            var machine = try Self.machine()
            _ = machine.accept()
            if isConfirmed { _ = machine.receiveAck(try Self.ack()) }
            #expect(machine.receiveBye() == [.stop(.success), .ended(.hungUpByPeer)])
            #expect(machine.fire(.success).isEmpty)
            #expect(machine.receiveBye().isEmpty)
        }
    }

    @Test("An ACK with another number is none of this INVITE's")
    func foreignAck() throws {
        var machine = try Self.machine()
        _ = machine.accept()
        #expect(machine.receiveAck(try Self.ack(315)).isEmpty)
        #expect(machine.state == .accepted)
    }

    @Test("An INVITE that cannot make a dialog is an error to be answered by 400")
    func malformed() throws {
        let request = try DialogMessages.request(contact: nil)
        let error = #expect(throws: MessageDefect.self) {
            try IncomingInvite(request: request, localTag: Array("bob".utf8))
        }
        #expect(error?.status == 400)
    }
}
