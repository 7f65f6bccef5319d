import Routing
import SIP
import Testing

@testable import Registrar

/// RFC 3261 §10.3 steps 6 and 7: order of requests, repeats, all or nothing.
@Suite struct OrderTests {
    static let contact = "<sip:alice@192.0.2.1>"

    @Test(arguments: [
        // Call-ID, CSeq, contact, status of the answer.
        ("one", 6 as UInt32, "<sip:alice@192.0.2.1>;expires=60", 200 as StatusCode),
        ("one", 5, "<sip:alice@192.0.2.1>;expires=60", 500), ("one", 4, "<sip:alice@192.0.2.1>", 500),
        ("one", 4, "<sip:alice@192.0.2.1>;expires=0", 500), ("one", 5, "<sip:alice@192.0.2.1>;expires=0", 500),
        ("one", 5, "<sip:alice@192.0.2.1>;q=0.5", 500), ("one", 5, "<sip:alice@192.0.2.1>;x=y", 500),
        ("one", 5, "<sip:%61lice@192.0.2.1>", 500), ("one", 5, "<sip:alice@192.0.2.1>", 200),
        ("one", 1, "<sip:other@192.0.2.1>", 200), ("two", 1, "<sip:alice@192.0.2.1>;expires=60", 200),
        ("two", 1, "<sip:alice@192.0.2.1>;expires=0", 200), ("ONE", 5, "<sip:alice@192.0.2.1>;q=0", 200),
        ("one", 5, "<sip:alice@192.0.2.1>;expires=3600", 200),
    ])
    func ordersRequestsOfOneClient(_ callID: String, _ cSeq: UInt32, _ contact: String, _ status: StatusCode) throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register(Self.contact, callID: "one", cSeq: 5))
        let answer = try fixture.send(Register(contact, callID: callID, cSeq: cSeq))
        #expect(answer.statusCode == status)
        if status == 500 {
            #expect(answer.reasonPhrase == "Request Out Of Order")
            #expect(contacts(try fixture.send(Register())) == ["<sip:alice@192.0.2.1>;expires=3600"])
            #expect(fixture.registrar.counters.outOfOrder == 1)
        }
    }

    @Test func repeatGetsTheSameAnswerAndChangesNothing() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        let request = Register("<sip:alice@192.0.2.1>;q=0.3;x", "<sip:b@192.0.2.1>;expires=99", expires: "600")
        let first = try fixture.send(request)
        let calls = fixture.journal?.calls
        for _ in 0..<3 {
            fixture.clock.advance(2)
            #expect(try fixture.send(request).bytes == first.bytes)
            #expect(fixture.outcome?.isRepeat == true)
        }
        #expect(fixture.journal?.calls == calls)
        #expect(fixture.registrar.counters.repeats == 3)
        fixture.clock.advance(27)
        // A repeat that comes later than any retransmission can is told what is true now.
        #expect(
            contacts(try fixture.send(request)) == [
                "<sip:alice@192.0.2.1>;x;q=0.3;expires=567", "<sip:b@192.0.2.1>;expires=66",
            ])
    }

    @Test func repeatedRemovalIsAnsweredAlike() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register(Self.contact, cSeq: 1))
        let first = try fixture.send(Register(Self.contact, expires: "0", cSeq: 2))
        #expect(try fixture.send(Register(Self.contact, expires: "0", cSeq: 2)).bytes == first.bytes)
        #expect(contacts(first) == [])
    }

    @Test func repeatAnswersNoMoreThanWasGrantedMeanwhile() throws {
        let fixture = RegistrarFixture()
        let request = Register(Self.contact, cSeq: 1)
        try fixture.send(request)
        fixture.clock.advance(3)
        try fixture.send(Register("<sip:alice@192.0.2.7>", expires: "600", callID: "two"))
        #expect(
            contacts(try fixture.send(request)) == [
                "<sip:alice@192.0.2.1>;expires=3600", "<sip:alice@192.0.2.7>;expires=600",
            ])
    }

    @Test func requestIsCarriedOutWholeOrNotAtAll() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>", cSeq: 5))
        try fixture.send(Register("<sip:c@192.0.2.1>", callID: "two", cSeq: 5))
        let before = contacts(try fixture.send(Register()))
        let bad = [
            // One that is out of order, behind one to add, one to set anew and one to remove.
            Register("<sip:n@192.0.2.1>", "<sip:c@192.0.2.1>;q=0.1", "<sip:b@192.0.2.1>;expires=0", cSeq: 5),
            Register("<sip:n@192.0.2.1>", "<sip:a@192.0.2.1>;expires=5", cSeq: 6),
            Register("<sip:n@192.0.2.1>", "<sip:a@192.0.2.1>;q=x", cSeq: 6),
            Register("<sip:n@192.0.2.1>", "<sip:n@192.0.2.1>;q=0.1", cSeq: 6),
            Register("<sip:n@192.0.2.1>", "<not a uri>", cSeq: 6),
        ]
        for (request, status) in zip(bad, [500, 423, 400, 400, 400] as [StatusCode]) {
            #expect(try fixture.send(request).statusCode == status)
            #expect(contacts(try fixture.send(Register())) == before)
        }
    }

    @Test func oneContactTwiceAlikeIsOne() throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(Register(Self.contact, Self.contact))
        #expect(contacts(answer) == ["<sip:alice@192.0.2.1>;expires=3600"])
    }

    // MARK: Contact: *

    @Test(arguments: [
        (["*"], "0", 200 as StatusCode), (["*"], nil, 400), (["*"], "1", 400), (["*"], "x", 400),
        (["*", "<sip:a@192.0.2.1>"], "0", 400), (["<sip:a@192.0.2.1>", "*"], "0", 400), (["*", "*"], "0", 400),
        (["<sip:a@192.0.2.1>;expires=1, *"], "0", 400), (["*;q=0.5"], "0", 400), (["* , <sip:a@192.0.2.1>"], "0", 400),
    ])
    func wildcardStandsAloneWithExpiresZero(_ values: [String], _ expires: String?, _ status: StatusCode) throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>", callID: "two"))
        let answer = try fixture.send(Register(expires: expires).with(\.contacts, values))
        #expect(answer.statusCode == status)
        #expect(fixture.contacts().count == (status == 200 ? 0 : 2))
    }

    @Test(arguments: [("one", 1 as UInt32, 500 as StatusCode), ("one", 2, 500), ("one", 3, 200), ("two", 1, 200)])
    func wildcardKeepsTheOrder(_ callID: String, _ cSeq: UInt32, _ status: StatusCode) throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:a@192.0.2.1>", callID: "other", cSeq: 9))
        try fixture.send(Register("<sip:b@192.0.2.1>", callID: "one", cSeq: 2))
        #expect(try fixture.send(Register("*", expires: "0", callID: callID, cSeq: cSeq)).statusCode == status)
        #expect(fixture.contacts().count == (status == 200 ? 0 : 2))
        #expect(fixture.table.statistics.addresses == (status == 200 ? 0 : 1))
        if status == 200 {
            #expect(try fixture.send(Register("*", expires: "0", callID: callID, cSeq: cSeq)).statusCode == 200)
        }
    }
}
