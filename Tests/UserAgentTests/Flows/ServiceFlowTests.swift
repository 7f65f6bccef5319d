import SDP
import SIP
import SIPEndpoint
import Server
import TestKit
import Testing

@testable import UserAgent

/// The services of RFC 5359 §2 that need neither an event package nor a media server, message by message. Left out are music on hold
/// (§2.3) and the screening of incoming calls (§2.13), whose figures have a server of announcements in them.
@Suite struct ServiceFlowTests {
    let flow = FlowNetwork()

    func direct() throws -> (alice: SimulatedPhone, bob: SimulatedPhone, carol: SimulatedPhone) {
        (
            try flow.phone("alice", "10.0.0.1"), try flow.phone("bob", "10.0.0.2"),
            try flow.phone("carol", "10.0.0.3")
        )
    }

    /// Phones of one domain behind its proxy.
    func atProxy(
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> (alice: SimulatedPhone, bob: SimulatedPhone, carol: SimulatedPhone) {
        flow.server("proxy", "10.0.1.1", [.init(name: "example.com")], change)
        func phone(_ user: String, _ address: String) throws -> SimulatedPhone {
            try flow.phone(user, address, of: "example.com", proxy: "sip:10.0.1.1")
        }
        return (try phone("alice", "10.0.0.1"), try phone("bob", "10.0.0.2"), try phone("carol", "10.0.0.3"))
    }

    func answer(_ phone: SimulatedPhone, rings: Bool = true) throws {
        flow.run()
        if rings {
            try flow.call(of: phone).ring()
            flow.run()
        }
        try flow.call(of: phone).answer()
        flow.run()
    }

    func hold(_ leg: CallLeg, _ isHeld: Bool = true) {
        leg.renegotiate { $0.wish.direction = isHeld ? .sendonly : .sendrecv }
        flow.run()
    }

    /// The direction of the session that a message describes.
    func direction(_ line: String, _ number: Int) throws -> String? {
        let body = try #require(flow.ladder.all(line).dropFirst(number).first).body
        return String(decoding: body, as: UTF8.self).split(whereSeparator: \.isNewline)
            .first { ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"].contains($0) }.map(String.init)
    }

    @Test("RFC 5359 §2.1: call hold")
    func callHold() throws {
        let (alice, bob, _) = try atProxy()
        try flow.register(bob)
        try alice.call(URI("sip:bob@example.com"))
        try answer(bob)
        hold(bob.call)
        hold(bob.call, false)
        try flow.call(of: alice).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > proxy INVITE sdp | Via 1
            F2 proxy > bob INVITE sdp | Via 2, Record-Route 1
            F3 proxy > alice 100 INVITE
            F3 bob > proxy 100 INVITE
            F4 bob > proxy 180 INVITE
            F5 proxy > alice 180 INVITE
            F6 bob > proxy 200 INVITE sdp
            F7 proxy > alice 200 INVITE sdp
            F8 alice > proxy ACK | Route 1
            F9 proxy > bob ACK | Route 0
            F10 bob > proxy INVITE sdp | Route 1
            F11 proxy > alice INVITE sdp | Route 0, Via 2
            F12 alice > proxy 200 INVITE sdp
            F13 proxy > bob 200 INVITE sdp
            F14 bob > proxy ACK
            F15 proxy > alice ACK
            F16 bob > proxy INVITE sdp
            F17 proxy > alice INVITE sdp
            F18 alice > proxy 200 INVITE sdp
            F19 proxy > bob 200 INVITE sdp
            F20 bob > proxy ACK
            F21 proxy > alice ACK
            F22 alice > proxy BYE
            F23 proxy > bob BYE
            F24 bob > proxy 200 BYE
            F25 proxy > alice 200 BYE
            """)
        #expect(try direction("bob > proxy INVITE sdp", 0) == "a=sendonly")
        #expect(try direction("alice > proxy 200 INVITE sdp", 0) == "a=recvonly")
        #expect(try direction("bob > proxy INVITE sdp", 1) == "a=sendrecv")
    }

    @Test("RFC 5359 §2.2: consultation hold")
    func consultationHold() throws {
        let (alice, bob, carol) = try atProxy()
        try flow.register(bob, carol)
        try alice.call(URI("sip:bob@example.com"))
        try answer(bob)
        hold(bob.calls[0])
        try bob.call(URI("sip:carol@example.com"))
        try answer(carol)
        bob.calls[1].hangUp()
        flow.run()
        hold(bob.calls[0], false)
        try flow.call(of: alice).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > proxy INVITE sdp
            F2 proxy > bob INVITE sdp
            F3 proxy > alice 100 INVITE
            F3 bob > proxy 100 INVITE
            F4 bob > proxy 180 INVITE
            F5 proxy > alice 180 INVITE
            F6 bob > proxy 200 INVITE sdp
            F7 proxy > alice 200 INVITE sdp
            F8 alice > proxy ACK
            F9 proxy > bob ACK
            F10 bob > proxy INVITE sdp
            F11 proxy > alice INVITE sdp
            F12 alice > proxy 200 INVITE sdp
            F13 proxy > bob 200 INVITE sdp
            F14 bob > proxy ACK
            F15 proxy > alice ACK
            F16 bob > proxy INVITE sdp | Via 1, Route 0
            F17 proxy > carol INVITE sdp | Via 2
            F18 proxy > bob 100 INVITE
            F18 carol > proxy 100 INVITE
            F19 carol > proxy 180 INVITE
            F20 proxy > bob 180 INVITE
            F21 carol > proxy 200 INVITE sdp
            F22 proxy > bob 200 INVITE sdp
            F23 bob > proxy ACK
            F24 proxy > carol ACK
            F25 bob > proxy BYE
            F26 proxy > carol BYE
            F27 carol > proxy 200 BYE
            F28 proxy > bob 200 BYE
            F29 bob > proxy INVITE sdp
            F30 proxy > alice INVITE sdp
            F31 alice > proxy 200 INVITE sdp
            F32 proxy > bob 200 INVITE sdp
            F33 bob > proxy ACK
            F34 proxy > alice ACK
            F35 alice > proxy BYE
            F36 proxy > bob BYE
            F37 bob > proxy 200 BYE
            F38 proxy > alice 200 BYE
            """)
    }

    /// What Bob's phone does with the sound of both is no matter of the messages.
    @Test("RFC 5359 §2.10: three-way conference, third party is added")
    func thirdPartyIsAdded() throws {
        let (alice, bob, carol) = try direct()
        try alice.call(bob.uri)
        try answer(bob)
        bob.calls[0].renegotiate { _ in }
        flow.run()
        try bob.call(carol.uri)
        try answer(carol)
        flow.expect(
            """
            F1 alice > bob INVITE sdp
            F0 bob > alice 100 INVITE
            F2 bob > alice 180 INVITE
            F3 bob > alice 200 INVITE sdp
            F4 alice > bob ACK
            F5 bob > alice INVITE sdp
            F6 alice > bob 200 INVITE sdp
            F7 bob > alice ACK
            F8 bob > carol INVITE sdp
            F0 carol > bob 100 INVITE
            F9 carol > bob 180 INVITE
            F10 carol > bob 200 INVITE sdp
            F11 bob > carol ACK
            """)
    }

    @Test("RFC 5359 §2.11: three-way conference, third party joins")
    func thirdPartyJoins() throws {
        let (alice, bob, carol) = try direct()
        try alice.call(bob.uri)
        try answer(bob)
        let joined = try #require(alice.call.reference)
        var options = OutgoingCallOptions()
        options.fields = [.init(.join, "\(joined)"), .init(.require, "join")]
        try carol.call(bob.uri, options: options)
        flow.run()
        bob.calls[1].ring()
        flow.run()
        bob.calls[0].renegotiate { _ in }
        flow.run()
        bob.calls[1].answer()
        flow.run()
        flow.expect(
            """
            F1 alice > bob INVITE sdp
            F0 bob > alice 100 INVITE
            F2 bob > alice 180 INVITE
            F3 bob > alice 200 INVITE sdp
            F4 alice > bob ACK
            F5 carol > bob INVITE sdp | Join 1, Require=join
            F0 bob > carol 100 INVITE
            F6 bob > carol 180 INVITE
            F7 bob > alice INVITE sdp
            F8 alice > bob 200 INVITE sdp
            F9 bob > alice ACK
            F10 bob > carol 200 INVITE sdp
            F11 carol > bob ACK
            """)
        guard case .joins(let leg) = bob.calls[1].relation else {
            Issue.record("the call of Carol joins none")
            return
        }
        #expect(leg === bob.calls[0])
    }

    /// What our proxy screens outgoing calls for is that they come from whom they say: Alice calls in Bob's name.
    @Test("RFC 5359 §2.14: call management, outgoing call screening")
    func outgoingScreening() throws {
        flow.server(
            "proxy", "10.0.1.1", [.init(name: "example.com")], users: [0: ["alice": "wonderland", "bob": "builder"]])
        let alice = try flow.phone(
            "alice", "10.0.0.1", of: "example.com", passwords: ["example.com": "wonderland"], proxy: "sip:10.0.1.1")
        alice.addressOfRecord = try URI("sip:bob@example.com")
        try alice.call(URI("sip:bob@example.com"))
        flow.run()
        flow.expect(
            """
            F1 alice > proxy INVITE sdp | Proxy-Authorization 0
            F2 proxy > alice 407 INVITE | Proxy-Authenticate 1
            F3 alice > proxy ACK
            F4 alice > proxy INVITE sdp | CSeq=2 INVITE, Proxy-Authorization=username="alice"
            F5 proxy > alice 403 INVITE
            F6 alice > proxy ACK
            """)
        #expect(alice.story == ["ended 403 remote"])
    }

    final class Kept {
        var referrals: [IncomingReferral] = []
    }

    let kept = Kept()

    func expectInOrder(
        _ lines: [String], _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(lines == expected, sourceLocation: sourceLocation)
    }
}
