import SIP
import Testing

@Suite struct OutgoingReinviteTests {
    private func receive(
        _ machine: inout OutgoingReinvite, _ status: Int, _ extra: String = ""
    ) throws -> [OutgoingReinvite.Action] {
        try DialogMessages.response(status, extra: extra).withView { machine.receive($0) }
    }

    @Test("RFC 3261 §13.2.2.4: the 2xx is acknowledged each time it comes")
    func accepted() throws {
        var machine = OutgoingReinvite()
        #expect(try receive(&machine, 100) == [.progress(100, reliable: nil)])
        #expect(try receive(&machine, 200) == [.accepted])
        #expect(try receive(&machine, 200) == [.resendAck])
        #expect(try receive(&machine, 180).isEmpty)
        #expect(machine.transactionFailed().isEmpty)
        #expect(machine.state == .accepted)
    }

    @Test("RFC 3262 §4: reliable provisional responses come in order")
    func progress() throws {
        var machine = OutgoingReinvite()
        func reliable(_ number: Int) -> String { "Require: 100rel\r\nRSeq: \(number)\r\n" }
        #expect(try receive(&machine, 183, reliable(5)) == [.progress(183, reliable: 5)])
        #expect(try receive(&machine, 183, reliable(5)).isEmpty)
        #expect(try receive(&machine, 183, reliable(7)).isEmpty)
        #expect(try receive(&machine, 183, reliable(6)) == [.progress(183, reliable: 6)])
    }

    @Test(
        "RFC 3261 §12.2.1.2, §14.1: what a refusal means",
        arguments: [
            (491, "", ChangeRefusal.glare), (481, "", .lost(481)), (408, "", .lost(408)), (488, "", .rejected(488)),
            (500, "Retry-After: 7\r\n", .later(.seconds(7))), (500, "", .rejected(500)),
            (503, "Retry-After: 60 (soon)\r\n", .later(.seconds(60))), (503, "Retry-After: 61\r\n", .rejected(503)),
            (302, "", .rejected(302)), (603, "", .rejected(603)),
        ])
    func refused(status: Int, extra: String, meaning: ChangeRefusal) throws {
        var machine = OutgoingReinvite()
        #expect(try receive(&machine, status, extra) == [.refused(meaning)])
        #expect(machine.state == .refused)
        #expect(try receive(&machine, 200).isEmpty)
    }

    @Test("RFC 3261 §14.1: silence ends the dialog")
    func silence() {
        var machine = OutgoingReinvite()
        #expect(machine.transactionFailed() == [.refused(.lost(408))])
        #expect(machine.transactionFailed().isEmpty)
    }
}

@Suite struct RefusalEffectTests {
    @Test(
        "RFC 5057 §5.1, table 2",
        arguments: [
            (
                [400, 401, 403, 406, 407, 413, 415, 420, 422, 423, 486, 487, 488, 491, 500, 503, 504, 600, 603, 606],
                RefusalEffect.transaction
            ),
            ([405, 480, 481, 489, 501, 408], .usage), ([404, 410, 416, 482, 483, 484, 485, 502, 604], .dialog),
        ])
    func effects(statuses: [UInt16], effect: RefusalEffect) {
        for status in statuses { #expect(RefusalEffect(StatusCode(rawValue: status)) == effect, "\(status)") }
    }

    @Test("RFC 5057 §5.1, note 3: a method that the usage can do without")
    func optionalMethod() {
        for status in [405, 501] as [StatusCode] {
            #expect(RefusalEffect(status, isIntegral: false) == .transaction)
        }
    }
}
