import Routing
import SIP
import Testing

@testable import Registrar

@Suite struct BindingTests {
    @Test func registersAndLists() throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(Register("<sip:alice@192.0.2.1>", expires: "600"))
        #expect(answer.statusCode == 200)
        #expect(contacts(answer) == ["<sip:alice@192.0.2.1>;expires=600"])
        #expect(answer[.date] == "Sat, 13 Nov 2010 23:29:00 GMT")
        #expect(fixture.outcome?.added == 1)
        #expect(fixture.contacts() == ["sip:alice@192.0.2.1"])
        #expect(fixture.bindings()[0].preference == 1_000)
    }

    @Test func listsEachBindingWithWhatRemains() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:alice@192.0.2.1>;q=0.5;expires=600"))
        fixture.clock.advance(100)
        let answer = try fixture.send(
            Register("<sip:alice@192.0.2.2:5062>;expires=300;q=0.70", callID: "two"))
        #expect(
            contacts(answer) == [
                "<sip:alice@192.0.2.1>;q=0.5;expires=500", "<sip:alice@192.0.2.2:5062>;q=0.7;expires=300",
            ])
        #expect(fixture.contacts() == ["sip:alice@192.0.2.2:5062", "sip:alice@192.0.2.1"])
    }

    @Test func keepsParametersOfContacts() throws {
        let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\""
        let fixture = RegistrarFixture()
        let answer = try fixture.send(
            Register("\"A\" <sip:alice@192.0.2.1;ob>;expires=600;\(instance);reg-id=1;audio;q=1.0"))
        #expect(contacts(answer) == ["<sip:alice@192.0.2.1;ob>;\(instance);reg-id=1;audio;q=1;expires=600"])
        #expect(contacts(try fixture.send(Register())) == contacts(answer))
    }

    @Test func unfoldsParametersOfContacts() throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(Register("<sip:alice@192.0.2.1>;x=\"a\r\n b\";expires=60"))
        #expect(contacts(answer) == ["<sip:alice@192.0.2.1>;x=\"a   b\";expires=60"])
    }

    @Test func keepsContactsOfOtherSchemes() throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(
            Register("mailto:alice@example.com;expires=60, <tel:+81-3-1234>;expires=60, <http://example.com/a;b?c=d>"))
        #expect(
            contacts(answer) == [
                "<mailto:alice@example.com>;expires=60", "<tel:+81-3-1234>;expires=60",
                "<http://example.com/a;b?c=d>;expires=3600",
            ])
        #expect(fixture.bindings().allSatisfy { $0.flow == nil && !$0.isBehindNAT })
    }

    @Test func takesAFieldForEachContactOrOneForAll() throws {
        let first = RegistrarFixture()
        let second = RegistrarFixture()
        let split = try first.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>"))
        let joined = try second.send(Register("<sip:a@192.0.2.1>, <sip:b@192.0.2.1>"))
        #expect(contacts(split) == ["<sip:a@192.0.2.1>;expires=3600", "<sip:b@192.0.2.1>;expires=3600"])
        #expect(contacts(split) == contacts(joined))
    }

    @Test func refreshesAndRemoves() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:alice@192.0.2.1>", cSeq: 1))
        try fixture.send(Register("<sip:alice@192.0.2.2>", callID: "two", cSeq: 9))
        fixture.clock.advance(1_000)
        let refreshed = try fixture.send(Register("<sip:alice@192.0.2.1>", cSeq: 2))
        #expect(
            contacts(refreshed) == ["<sip:alice@192.0.2.1>;expires=3600", "<sip:alice@192.0.2.2>;expires=2600"])
        #expect(fixture.outcome?.refreshed == 1)
        let removed = try fixture.send(Register("<sip:alice@192.0.2.1>;expires=0", cSeq: 3))
        #expect(contacts(removed) == ["<sip:alice@192.0.2.2>;expires=2600"])
        #expect(fixture.outcome?.removed == 1)
        #expect(try fixture.send(Register("<sip:nobody@192.0.2.9>;expires=0", cSeq: 4)).statusCode == 200)
        #expect(fixture.outcome?.removed == 0)
    }

    @Test func refreshMayChangeEverythingButTheContact() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:alice@192.0.2.1>;q=0.1;a=1", callID: "one", cSeq: 5))
        let answer = try fixture.send(
            Register("<sip:alice@192.0.2.1>;q=0.2;b=22;expires=99", callID: "a longer one", cSeq: 1))
        #expect(contacts(answer) == ["<sip:alice@192.0.2.1>;b=22;q=0.2;expires=99"])
        #expect(fixture.table.statistics.bindings == 1)
        #expect(try fixture.send(Register("<sip:alice@192.0.2.1>", callID: "a longer one", cSeq: 1)).statusCode == 500)
    }

    @Test func takesEquivalentContactsForOne() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:%61lice@Phone.Example.COM;transport=TCP>", cSeq: 1))
        let answer = try fixture.send(Register("<sip:alice@phone.example.com;Transport=tcp>", cSeq: 2))
        #expect(contacts(answer) == ["<sip:alice@phone.example.com;Transport=tcp>;expires=3600"])
    }

    @Test func queriesChangeNothing() throws {
        let fixture = RegistrarFixture()
        #expect(contacts(try fixture.send(Register())) == [])
        try fixture.send(Register("<sip:alice@192.0.2.1>", cSeq: 7))
        let answer = try fixture.send(Register(cSeq: 1))
        #expect(answer.statusCode == 200)
        #expect(contacts(answer) == ["<sip:alice@192.0.2.1>;expires=3600"])
        #expect(fixture.registrar.counters.queries == 2)
    }

    @Test func addressOfRecordIsCanonical() throws {
        let fixture = RegistrarFixture()
        try fixture.send(
            Register("<sip:1@192.0.2.1>").with(\.to, "\"A\" <sips:%61l%69ce;x=y:pw@EXAMPLE.com:5061;user=phone>"))
        #expect(fixture.contacts("alice;x=y") == ["sip:1@192.0.2.1"])
        #expect(fixture.contacts("%61lice;x%3Dy") == ["sip:1@192.0.2.1"])
        #expect(fixture.contacts("Alice;x=y") == [])
        #expect(fixture.contacts("alice;x=y", domain: 1) == [])
    }

    @Test func domainsAreApartAndAliasesAreNot() throws {
        let fixture = RegistrarFixture()
        try fixture.send(
            Register("<sip:1@192.0.2.1>").with(\.uri, "sip:192.0.2.254").with(\.to, "<sip:alice@example.com>"))
        try fixture.send(
            Register("<sip:2@192.0.2.1>").with(\.uri, "sip:example.org").with(\.to, "<sip:alice@example.org>"))
        #expect(fixture.contacts("alice", domain: 0) == ["sip:1@192.0.2.1"])
        #expect(fixture.contacts("alice", domain: 1) == ["sip:2@192.0.2.1"])
    }

    @Test func ignoresRecordRoute() throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(
            Register("<sip:alice@192.0.2.1>").with(\.fields, ["Record-Route: <sip:p.example.net;lr>"]))
        #expect(answer.statusCode == 200)
        #expect(answer[.recordRoute] == nil)
    }

    @Test func answersOverIPv6() throws {
        let fixture = RegistrarFixture()
        let flow = try fixture.flow("[2001:db8::1]:5060")
        let answer = try fixture.send(
            Register("<sip:alice@[2001:db8::1]>").with(\.via, "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1"), on: flow)
        #expect(contacts(answer) == ["<sip:alice@[2001:db8::1]>;expires=3600"])
        #expect(fixture.bindings()[0].flow == flow)
        #expect(!fixture.bindings()[0].isBehindNAT)
        let same = try fixture.send(
            Register("<sip:alice@[2001:DB8:0::1]>", cSeq: 2).with(
                \.via, "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK2"), on: flow)
        #expect(contacts(same) == ["<sip:alice@[2001:DB8:0::1]>;expires=3600"])
    }
}
