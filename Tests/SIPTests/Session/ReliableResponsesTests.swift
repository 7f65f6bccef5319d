import SIP
import Testing

@Suite struct ReliableResponsesTests {
    typealias Action = ReliableResponses.Action
    private let timers = TransactionTimers()

    private func machine(random: UInt64 = 776_655) -> ReliableResponses {
        ReliableResponses(random: random, sequence: 1, timers: timers)
    }

    /// A RAck as the machine reads it.
    private func receive(
        _ machine: inout ReliableResponses, _ rAck: String
    ) throws -> (receipt: ReliableResponses.Receipt, actions: [Action]) {
        let prack = try DialogMessages.request("PRACK", extra: "RAck: \(rAck)\r\n")
        return try prack.withView { try machine.receive(#require(try $0.rAck)) }
    }

    @Test(
        "RFC 3262 §3: the first number is from 1 to 2^31 - 1, each further one is one more",
        arguments: [
            (UInt64(0), UInt32(1)), (776_655, 776_656), (2_147_483_646, 2_147_483_647), (2_147_483_647, 1), (.max, 4),
        ])
    func numbers(random: UInt64, first: UInt32) throws {
        var machine = machine(random: random)
        #expect(machine.send(hasDescription: false).number == first)
        #expect(machine.send(hasDescription: false).number == first + 1)
    }

    @Test("RFC 3262 §3: sent again after T1, 2·T1, 4·T1 … without an end at T2, given up after 64·T1")
    func repeated() throws {
        var machine = machine()
        #expect(machine.send(hasDescription: false).actions == [.send(776_656), .set(.milliseconds(500))])
        var waits: [Duration] = []
        while waits.count < 20 {
            let actions = machine.fire()
            guard actions.count == 2, actions[0] == .resend, case .set(let wait) = actions[1] else {
                #expect(actions == [.giveUp])
                break
            }
            waits.append(wait)
        }
        #expect(waits == [1, 2, 4, 8, 16, 0.5].map { .seconds($0) })
        #expect(machine.fire().isEmpty)
    }

    @Test("RFC 3262 §3: PRACK ends the repetition; the next response goes then, not before")
    func oneAfterTheOther() throws {
        var machine = machine(random: 9)
        #expect(machine.send(hasDescription: true).actions == [.send(10), .set(.milliseconds(500))])
        #expect(machine.send(hasDescription: false).actions.isEmpty)
        #expect(!machine.allowsSuccess)
        let first = try receive(&machine, "10 1 INVITE")
        #expect(first.receipt == .acknowledged(10))
        #expect(first.actions == [.send(11), .set(.milliseconds(500))])
        #expect(machine.allowsSuccess)
        let second = try receive(&machine, "11 1 INVITE")
        #expect(second.receipt == .acknowledged(11))
        #expect(second.actions == [.stop])
        #expect(machine.fire().isEmpty)
    }

    @Test(
        "RFC 3262 §3: a PRACK that matches nothing is answered 481",
        arguments: [
            "11 1 INVITE", "10 2 INVITE", "10 1 INFO", "9 1 INVITE",
        ])
    func unknown(rAck: String) throws {
        var machine = machine(random: 9)
        _ = machine.send(hasDescription: false)
        let found = try receive(&machine, rAck)
        #expect(found.receipt == .unknown)
        #expect(found.actions.isEmpty)
        #expect(machine.fire().first == .resend)
    }

    @Test("RFC 3262 §3: a PRACK acknowledges once")
    func twice() throws {
        var machine = machine(random: 9)
        _ = machine.send(hasDescription: false)
        #expect(try receive(&machine, "10 1 INVITE").receipt == .acknowledged(10))
        #expect(try receive(&machine, "10 1 INVITE").receipt == .unknown)
    }

    @Test("RFC 3262 §3: after the final response nothing is repeated, and a PRACK on its way is answered 2xx")
    func overtaken() throws {
        var machine = machine(random: 9)
        _ = machine.send(hasDescription: false)
        _ = machine.send(hasDescription: false)
        #expect(machine.finish() == [.stop])
        #expect(machine.fire().isEmpty)
        let late = try receive(&machine, "10 1 INVITE")
        #expect(late.receipt == .acknowledged(10))
        #expect(late.actions.isEmpty)
        #expect(try receive(&machine, "11 1 INVITE").receipt == .unknown)
        #expect(machine.finish().isEmpty)
    }

    @Test("RFC 3262 §5: a 2xx waits only for responses with a session description")
    func success() throws {
        var machine = machine(random: 9)
        #expect(machine.allowsSuccess)
        _ = machine.send(hasDescription: false)
        #expect(machine.allowsSuccess)
        _ = machine.send(hasDescription: true)
        #expect(!machine.allowsSuccess)
    }
}

@Suite struct ReliableReceiptsTests {
    @Test("RFC 3262 §4: any number first, then one more each time; others are discarded")
    func order() {
        var receipts = ReliableReceipts()
        #expect(receipts.receive(988_789) == .inOrder)
        #expect(receipts.receive(988_789) == .repeated)
        #expect(receipts.receive(988_791) == .early)
        #expect(receipts.receive(988_790) == .inOrder)
        #expect(receipts.receive(988_791) == .inOrder)
        #expect(receipts.receive(988_788) == .repeated)
        #expect(receipts.last == 988_791)
    }

    @Test("The highest number wraps to nothing")
    func highest() {
        var receipts = ReliableReceipts()
        #expect(receipts.receive(.max) == .inOrder)
        #expect(receipts.receive(0) == .repeated)
        #expect(receipts.receive(1) == .repeated)
    }

    @Test(
        "RFC 3262 §4: what is reliable",
        arguments: [
            (180, "Require: 100rel\r\nRSeq: 7\r\n", UInt32(7)), (183, "RSeq: 7\r\nRequire: a, 100REL\r\n", 7),
            (100, "Require: 100rel\r\nRSeq: 7\r\n", nil), (200, "Require: 100rel\r\nRSeq: 7\r\n", nil),
            (180, "RSeq: 7\r\n", nil), (180, "Require: 100rel\r\n", nil), (180, "Require: 100rel\r\nRSeq: 0\r\n", nil),
            (180, "Require: 100rel\r\nRSeq: x\r\n", nil),
        ])
    func reliable(status: Int, extra: String, number: UInt32?) throws {
        let response = try DialogMessages.response(status, extra: extra)
        #expect(response.withView { $0.reliableNumber } == number)
    }
}
