import SIP
import SIPEndpoint
import Server
import TestKit
import Testing

@testable import UserAgent

/// The registrations of RFC 3665 §2, message by message.
@Suite struct RegistrationFlowTests {
    private let flow = FlowNetwork()

    private func bob(_ password: String) throws -> SimulatedPhone {
        flow.server("server", "10.0.1.1", [.init(name: "biloxi.example.com")], users: [0: ["bob": "zanzibar"]])
        return try flow.phone(
            "bob", "10.0.0.2", of: "biloxi.example.com", passwords: ["biloxi.example.com": password],
            proxy: "sip:biloxi.example.com")
    }

    /// Sends a REGISTER as a phone does that cached what proves its user: §1.3 leaves the challenges out, and so does a server
    /// without authentication.
    private func register(_ peer: ScriptedPeer, _ number: Int, _ fields: String...) {
        let text = fields.map { $0 + "\r\n" }.joined()
        let target = Target(.udp, flow.network.hosts["biloxi.example.com"]![0])  // The test has made the server.
        _ = peer.layer.send(.register, to: target, user: peer) { writer, via, _ in
            writer.append("REGISTER sip:biloxi.example.com SIP/2.0\r\n")
            writer.append(via)
            writer.append(
                "Max-Forwards: 70\r\nFrom: Bob <sip:bob@biloxi.example.com>;tag=a73kszlfl\r\n"
                    + "To: Bob <sip:bob@biloxi.example.com>\r\nCall-ID: 1j9FpLxk3uxtm8tn@biloxi.example.com\r\n"
                    + "CSeq: \(number) REGISTER\r\n\(text)Content-Length: 0\r\n\r\n")
        }
        flow.run()
    }

    private func cached() -> ScriptedPeer {
        flow.server("server", "10.0.1.1", [.init(name: "biloxi.example.com")])
        return flow.peer("bob", "10.0.0.2")
    }

    @Test("RFC 3665 §2.1: successful new registration")
    func new() throws {
        let bob = try bob("zanzibar")
        try bob.register()
        flow.run()
        flow.expect(
            """
            F1 bob > server REGISTER | CSeq=1 REGISTER, Via 1, Contact 1, Authorization 0
            F2 server > bob 401 REGISTER | WWW-Authenticate=realm="biloxi.example.com", Via 1, Contact 0
            F3 bob > server REGISTER | CSeq=2 REGISTER, Authorization=realm="biloxi.example.com", Contact 1
            F4 server > bob 200 REGISTER | CSeq=2 REGISTER, Contact=sip:bob@10.0.0.2, Contact=expires=3600
            """)
        let steps = flow.ladder.steps
        #expect(Set(steps.map { $0.message[.callID] }).count == 1)
        #expect(steps[2].message[.authorization]?.contains("uri=\"sip:biloxi.example.com\"") == true)
    }

    @Test("RFC 3665 §2.2: update of contact list")
    func update() {
        let bob = cached()
        register(bob, 1, "Contact: <sip:bob@10.0.0.2>")
        flow.begin()
        register(bob, 2, "Contact: mailto:bob@biloxi.example.com")
        flow.expect(
            """
            F1 bob > server REGISTER | CSeq=2 REGISTER, Contact=mailto:
            F2 server > bob 200 REGISTER | CSeq=2 REGISTER, Contact 2
            """)
    }

    @Test("RFC 3665 §2.3: request for current contact list")
    func query() {
        let bob = cached()
        register(bob, 1, "Contact: <sip:bob@10.0.0.2>, <mailto:bob@biloxi.example.com>")
        flow.begin()
        register(bob, 2)
        flow.expect(
            """
            F1 bob > server REGISTER | Contact 0
            F2 server > bob 200 REGISTER | Contact 2
            """)
    }

    @Test("RFC 3665 §2.4: cancellation of registration")
    func cancellation() {
        let bob = cached()
        register(bob, 1, "Contact: <sip:bob@10.0.0.2>")
        flow.begin()
        register(bob, 2, "Expires: 0", "Contact: *")
        flow.expect(
            """
            F1 bob > server REGISTER | Expires=0, Contact=*
            F2 server > bob 200 REGISTER | Contact 0
            """)
    }

    @Test("RFC 3665 §2.5: unsuccessful registration")
    func unsuccessful() throws {
        let bob = try bob("wrong")
        try bob.register()
        flow.run(.seconds(2))
        flow.expect(
            """
            F1 bob > server REGISTER | CSeq=1 REGISTER, Authorization 0
            F2 server > bob 401 REGISTER | WWW-Authenticate=realm="biloxi.example.com"
            F3 bob > server REGISTER | CSeq=2 REGISTER, Authorization=username="bob"
            F4 server > bob 401 REGISTER | CSeq=2 REGISTER, WWW-Authenticate=realm="biloxi.example.com"
            """)
        #expect(bob.registration?.isBound == false)
    }
}
