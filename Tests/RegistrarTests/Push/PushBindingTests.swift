import Foundation
import Routing
import SIP
import Testing

@testable import Registrar

/// Bindings whose user agents can be woken (RFC 8599 §5.5, §5.6.1), in virtual time.
@Suite struct PushBindingTests {
    private static let contact = "sip:a@192.0.2.1;transport=tcp;pn-provider=acme;pn-prid=1"

    private func fixture(isJournaled: Bool = false) -> RegistrarFixture {
        RegistrarFixture(isJournaled: isJournaled) { $0.pushServices = [Array("acme".utf8)] }
    }

    @Test func outlivesItsConnection() throws {
        let fixture = fixture()
        let stream = try fixture.stream("192.0.2.1:40000", 7)
        try fixture.send(Register("<\(Self.contact)>"), on: stream)
        try fixture.send(Register("<sip:b@192.0.2.1;transport=tcp>", callID: "two"), on: stream)
        #expect(fixture.table.connectionClosed(7) == 1)
        #expect(fixture.contacts() == [Self.contact])
        let binding = try #require(fixture.bindings().first)
        #expect(binding.wakesByPush && binding.age == 0)
        fixture.clock.advance(40)
        #expect(fixture.bindings().first?.age == 40)
        #expect(fixture.outcome?.pushContact == nil)
    }

    /// After a restart it is there, and asleep.
    @Test func outlivesARestart() throws {
        let before = fixture(isJournaled: true)
        try before.send(
            Register("<\(Self.contact)>;+sip.instance=\"<urn:x:1>\";reg-id=1"),
            on: try before.stream("198.51.100.1:40000", 7))
        let after = fixture()
        after.table.beginLoading()
        for (key, row) in try #require(before.journal?.rows) { #expect(after.load(row, of: key.address) == .loaded) }
        after.table.endLoading()
        let binding = try #require(after.bindings().first)
        #expect(binding.wakesByPush && binding.flow == nil && binding.age > 1_000_000)
    }

    /// 120 s before its end, once, unless it was refreshed.
    @Test func isWokenBeforeItEnds() throws {
        let fixture = fixture()
        func waking() -> [String] {
            let found = fixture.table.sweep(
                now: fixture.table.now, lead: RegistrarConfiguration.pushLead, budget: 100_000)
            return found.waking.map { String(decoding: $0, as: UTF8.self) }
        }
        try fixture.send(Register("<\(Self.contact)>;expires=600", "<sip:b@192.0.2.1>;expires=600"))
        fixture.clock.advance(479)
        #expect(waking().isEmpty)
        fixture.clock.advance(1)
        #expect(waking() == [Self.contact])
        #expect(waking().isEmpty)
        try fixture.send(Register("<\(Self.contact)>;expires=600", cSeq: 2))
        #expect(waking().isEmpty)
        fixture.clock.advance(480)
        #expect(waking() == [Self.contact])
        fixture.clock.advance(120)
        #expect(waking().isEmpty)
        #expect(fixture.contacts().isEmpty)
    }

    /// RFC 8599 §6.2.1: each answer has a new reference, unlike the last; all lead to the registration as long as it asks for the
    /// same notifications, and nobody else can make one.
    @Test func referencesLeadToTheRegistration() throws {
        let fixture = fixture()
        func reference(_ contact: String, _ cSeq: UInt32) throws -> String {
            let caps = try #require(try fixture.send(Register("<\(contact)>", cSeq: cSeq))[.featureCaps])
            let found = try #require(caps.firstMatch(of: /^\*;\+sip\.pns="acme";\+sip\.pnspurr="([A-Za-z0-9_-]{40})"$/))
            return String(found.1)
        }
        func contacts(_ reference: String) -> [String]? {
            let found = Array(reference.utf8).withUnsafeBytes { fixture.table.location(registration: $0) }
            guard case .bindings(let bindings) = found else { return nil }
            return bindings.map { String(decoding: $0.contact, as: UTF8.self) }
        }
        try fixture.send(Register("<sip:b@192.0.2.1>", callID: "two"))
        let (first, second) = (try reference(Self.contact, 1), try reference(Self.contact, 2))
        #expect(first != second && first.prefix(12) != second.prefix(12) && first.suffix(12) != second.suffix(12))
        #expect(contacts(first) == [Self.contact] && contacts(second) == [Self.contact])
        for index in first.indices {
            let other = first[index] == "A" ? "B" : "A"
            #expect(contacts(first.replacingCharacters(in: index...index, with: other)) == nil)
        }
        for wrong in ["", "x", String(first.dropLast()), first + "A", "tgruu." + first] {
            #expect(contacts(wrong) == nil)
        }
        try fixture.send(Register("<\(Self.contact)>;expires=0", cSeq: 3))
        #expect(contacts(first) == nil)
        #expect(try fixture.send(Register("<sip:b@192.0.2.1>", callID: "two", cSeq: 2))[.featureCaps] == nil)
    }

    /// A proxy before us sends the notifications itself, and says so.
    @Test func isLeftToAProxyBefore() throws {
        let fixture = fixture()
        let other = Self.contact.replacing("acme", with: "other")
        let answer = try fixture.send(
            Register("<\(other)>").with(\.fields, ["Feature-Caps: *;+sip.pns=\"other\""]))
        #expect(answer.statusCode == 200 && answer[.featureCaps] == nil)
        #expect(fixture.bindings().first?.wakesByPush == false)
        #expect(try fixture.send(Register("<\(other)>", cSeq: 2)).statusCode == 555)
        // Who leaves is not asked.
        #expect(try fixture.send(Register("<\(other)>;expires=0", cSeq: 3)).statusCode == 200)
    }

    @Test(
        arguments: [
            (
                "sip:a@b;pn-provider=APNS;pn-prid=a%3Bb;pn-param=x",
                PushTarget(provider: "apns", resourceID: "a;b", parameter: "x")
            ),
            ("sips:a@b;pn-prid=1;pn-provider=x", PushTarget(provider: "x", resourceID: "1")),
            ("sip:a@b;pn-provider=x", nil), ("sip:a@b;pn-provider;pn-prid=1", nil), ("sip:a@b", nil), ("tel:+1", nil),
        ] as [(String, PushTarget?)])
    func targets(_ contact: String, _ target: PushTarget?) {
        #expect(PushTarget(contact: Array(contact.utf8)) == target)
    }
}
