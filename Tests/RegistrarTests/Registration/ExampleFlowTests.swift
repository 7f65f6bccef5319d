import Routing
import SIP
import SIPEndpoint
import Testing

@testable import Registrar

/// The registrations of RFC 3665 §2, as they are once the user has authenticated. The CSeq counts up, which those
/// examples leave out for brevity (§1.3).
@Suite struct ExampleFlowTests {
    private func request(_ cSeq: UInt32, _ contacts: String...) -> Register {
        var request = Register()
        request.uri = "sips:example.com"
        request.via = "SIP/2.0/TLS client.biloxi.example.com:5061;branch=z9hG4bKnashd\(cSeq)"
        request.from = "Bob <sips:bob@example.com>"
        request.to = "Bob <sips:bob@example.com>"
        request.callID = "1j9FpLxk3uxtm8tn@biloxi.example.com"
        request.cSeq = cSeq
        request.contacts = contacts
        return request
    }

    @Test func registersUpdatesAsksAndCancels() throws {
        let fixture = RegistrarFixture(users: ["bob"])
        fixture.authenticatedUser = "bob"
        let flow = try fixture.stream("192.0.2.201:5061", 7)
        // §2.1 F3, F4: a new registration.
        var answer = try fixture.send(request(2, "<sips:bob@client.biloxi.example.com>"), on: flow)
        #expect(answer.statusCode == 200)
        #expect(contacts(answer) == ["<sips:bob@client.biloxi.example.com>;expires=3600"])
        #expect(answer[.cSeq] == "2 REGISTER")
        #expect(answer[.callID] == "1j9FpLxk3uxtm8tn@biloxi.example.com")
        // §2.2: another contact joins the list.
        answer = try fixture.send(request(3, "mailto:bob@biloxi.example.com"), on: flow)
        let both = [
            "<sips:bob@client.biloxi.example.com>;expires=3600", "<mailto:bob@biloxi.example.com>;expires=3600",
        ]
        #expect(contacts(answer) == both)
        // §2.3: a query.
        answer = try fixture.send(request(4), on: flow)
        #expect(contacts(answer) == both)
        // §2.4: all are cancelled.
        answer = try fixture.send(request(5, "*").with(\.expires, "0"), on: flow)
        #expect(answer.statusCode == 200)
        #expect(contacts(answer) == [])
        #expect(fixture.location("bob") == .noBinding)
    }

    @Test func aStreamGetsItsAnswerOnItsConnection() throws {
        let fixture = RegistrarFixture()
        try fixture.send(
            request(1, "<sips:bob@client.biloxi.example.com>"), on: try fixture.stream("192.0.2.201:5061", 7))
        #expect(fixture.driver.sent.map(\.connection) == [7])
        #expect(fixture.bindings("bob").map(\.flow?.connection) == [7])
    }
}
