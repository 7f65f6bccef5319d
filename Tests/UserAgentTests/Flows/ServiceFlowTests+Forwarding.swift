import SDP
import SIP
import SIPEndpoint
import Server
import TestKit
import Testing

@testable import UserAgent

// Calls that go to another phone than they were made to.
extension ServiceFlowTests {
    @Test("RFC 5359 §2.7: call forwarding, unconditional")
    func forwardingUnconditional() throws {
        let (alice, _, carol) = try atProxy()
        // Carol's phone takes Bob's calls: its contact is the only one of his address.
        carol.addressOfRecord = try URI("sip:bob@example.com")
        try flow.register(carol)
        try alice.call(URI("sip:bob@example.com"))
        try answer(carol)
        try flow.call(of: alice).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > proxy INVITE sdp
            F2 proxy > alice 100 INVITE
            F2 carol > proxy 100 INVITE
            F4 proxy > carol INVITE sdp | Via 2, Record-Route 1
            F5 carol > proxy 180 INVITE
            F6 proxy > alice 180 INVITE
            F7 carol > proxy 200 INVITE sdp
            F8 proxy > alice 200 INVITE sdp
            F9 alice > proxy ACK
            F10 proxy > carol ACK
            F11 alice > proxy BYE
            F12 proxy > carol BYE
            F13 carol > proxy 200 BYE
            F14 proxy > alice 200 BYE
            """)
        #expect(flow.ladder["proxy > carol INVITE sdp"]?[.to] == "<sip:bob@example.com>")
    }

    /// Binds contacts to Bob's address in their order.
    func contacts(_ phones: SimulatedPhone...) {
        let registrar = flow.peer("registrar", "10.0.9.9")
        for (number, phone) in phones.enumerated() {
            let request = ["Contact: <\(phone.uri)>;q=0.\(9 - number)", "Expires: 600"]
            let target = flow.network.hosts["example.com"]![0]  // The test has made the server.
            // By the phone's own socket: a contact is reached by the way that its registration came.
            _ = phone.layer.send(.register, to: Target(.udp, target), user: registrar) { writer, via, _ in
                writer.append("REGISTER sip:example.com SIP/2.0\r\n")
                writer.append(via)
                writer.append(
                    "Max-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n"
                        + "Call-ID: bob\(number)\r\nCSeq: 1 REGISTER\r\n"
                        + request.map { $0 + "\r\n" }.joined() + "Content-Length: 0\r\n\r\n")
            }
            flow.run()
        }
        #expect(registrar.responses.map(\.statusCode) == phones.map { _ in 200 })
        flow.begin()
    }

    @Test("RFC 5359 §2.8: call forwarding, busy")
    func forwardingBusy() throws {
        let (alice, bob, carol) = try atProxy()
        contacts(bob, carol)
        bob.onInvitation = { $0.reject(486) }
        try alice.call(URI("sip:bob@example.com"))
        try answer(carol)
        try flow.call(of: alice).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > proxy INVITE sdp
            F2 proxy > bob INVITE sdp
            F3 proxy > alice 100 INVITE
            F3 carol > proxy 100 INVITE
            F4 bob > proxy 486 INVITE
            F5 proxy > bob ACK
            F7 proxy > carol INVITE sdp
            F8 carol > proxy 180 INVITE
            F9 proxy > alice 180 INVITE
            F10 carol > proxy 200 INVITE sdp
            F11 proxy > alice 200 INVITE sdp
            F12 alice > proxy ACK
            F13 proxy > carol ACK
            F14 alice > proxy BYE
            F15 proxy > carol BYE
            F16 carol > proxy 200 BYE
            F17 proxy > alice 200 BYE
            """)
    }

    /// The proxy does not wait for the 487 before it tries the next.
    @Test("RFC 5359 §2.9: call forwarding, no answer")
    func forwardingNoAnswer() throws {
        let (alice, bob, carol) = try atProxy { $0.proxy.ringTime = .seconds(5) }
        contacts(bob, carol)
        try alice.call(URI("sip:bob@example.com"))
        flow.run()
        try flow.call(of: bob).ring()
        flow.run(.seconds(5))
        try answer(carol)
        try flow.call(of: alice).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > proxy INVITE sdp
            F2 proxy > bob INVITE sdp
            F3 proxy > alice 100 INVITE
            F3 bob > proxy 100 INVITE
            F3 carol > proxy 100 INVITE
            F4 bob > proxy 180 INVITE
            F5 proxy > alice 180 INVITE
            F6 proxy > bob CANCEL
            F11 proxy > carol INVITE sdp
            F7 bob > proxy 200 CANCEL
            F8 bob > proxy 487 INVITE
            F9 proxy > bob ACK
            F12 carol > proxy 180 INVITE
            F13 proxy > alice 180 INVITE
            F14 carol > proxy 200 INVITE sdp
            F15 proxy > alice 200 INVITE sdp
            F16 alice > proxy ACK
            F17 proxy > carol ACK
            F18 alice > proxy BYE
            F19 proxy > carol BYE
            F20 carol > proxy 200 BYE
            F21 proxy > alice 200 BYE
            """)
    }

    /// The proxy does not wait for the 487 before it tries the next.
    @Test("RFC 5359 §2.12: find-me")
    func findMe() throws {
        let (alice, _, _) = try atProxy { $0.proxy.ringTime = .seconds(5) }
        let phones = try (1...4).map { try flow.phone("b\($0)", "10.0.2.\($0)") }
        contacts(phones[0], phones[1], phones[2], phones[3])
        phones[1].onInvitation = { $0.reject(480) }
        phones[2].onInvitation = { $0.reject(486) }
        try alice.call(URI("sip:bob@example.com"))
        flow.run()
        try flow.call(of: phones[0]).ring()
        flow.run(.seconds(5))
        try answer(phones[3])
        try flow.call(of: phones[3]).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > proxy INVITE sdp
            F2 proxy > b1 INVITE sdp
            F3 proxy > alice 100 INVITE
            F3 b1 > proxy 100 INVITE
            F3 b4 > proxy 100 INVITE
            F4 b1 > proxy 180 INVITE
            F5 proxy > alice 180 INVITE
            F6 proxy > b1 CANCEL
            F10 proxy > b2 INVITE sdp
            F7 b1 > proxy 200 CANCEL
            F8 b1 > proxy 487 INVITE
            F11 b2 > proxy 480 INVITE
            F9 proxy > b1 ACK
            F12 proxy > b2 ACK
            F13 proxy > b3 INVITE sdp
            F14 b3 > proxy 486 INVITE
            F15 proxy > b3 ACK
            F16 proxy > b4 INVITE sdp
            F17 b4 > proxy 180 INVITE
            F18 proxy > alice 180 INVITE
            F19 b4 > proxy 200 INVITE sdp
            F20 proxy > alice 200 INVITE sdp
            F21 alice > proxy ACK
            F22 proxy > b4 ACK
            F23 b4 > proxy BYE
            F24 proxy > alice BYE
            F25 alice > proxy 200 BYE
            F26 proxy > b4 200 BYE
            """)
    }
}
