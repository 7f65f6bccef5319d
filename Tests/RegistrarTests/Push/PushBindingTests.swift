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
