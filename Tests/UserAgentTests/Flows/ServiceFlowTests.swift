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
    private let flow = FlowNetwork()

    private func direct() throws -> (alice: SimulatedPhone, bob: SimulatedPhone, carol: SimulatedPhone) {
        (
            try flow.phone("alice", "10.0.0.1"), try flow.phone("bob", "10.0.0.2"),
            try flow.phone("carol", "10.0.0.3")
        )
    }

    /// Phones of one domain behind its proxy.
    private func atProxy(
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> (alice: SimulatedPhone, bob: SimulatedPhone, carol: SimulatedPhone) {
        flow.server("proxy", "10.0.1.1", [.init(name: "example.com")], change)
        func phone(_ user: String, _ address: String) throws -> SimulatedPhone {
            try flow.phone(user, address, of: "example.com", proxy: "sip:10.0.1.1")
        }
        return (try phone("alice", "10.0.0.1"), try phone("bob", "10.0.0.2"), try phone("carol", "10.0.0.3"))
    }

    private func answer(_ phone: SimulatedPhone, rings: Bool = true) throws {
        flow.run()
        if rings {
            try flow.call(of: phone).ring()
            flow.run()
        }
        try flow.call(of: phone).answer()
        flow.run()
    }

    private func hold(_ leg: CallLeg, _ isHeld: Bool = true) {
        leg.renegotiate { $0.wish.direction = isHeld ? .sendonly : .sendrecv }
        flow.run()
    }

    /// The direction of the session that a message describes.
    private func direction(_ line: String, _ number: Int) throws -> String? {
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

    /// REFER is accepted by 200 since RFC 7647 §5, where the figure has 202.
    @Test("RFC 5359 §2.4: transfer, unattended")
    func unattendedTransfer() throws {
        let (alice, bob, carol) = try direct()
        follows(bob)
        try bob.call(alice.uri)
        try answer(alice)
        var options = OutgoingReferral.Options()
        options.referredBy = NameAddress(alice.uri)
        let referral = alice.call.refer(to: ReferTarget(carol.uri), as: alice.identity, options)
        flow.network.run(for: .milliseconds(24))
        try flow.call(of: alice).hangUp()
        try answer(carol)
        #expect(referral != nil)
        let lines = flow.ladder.lines
        expectInOrder(
            lines.filter { !$0.contains("carol") },
            [
                "bob > alice INVITE sdp", "alice > bob 180 INVITE", "alice > bob 200 INVITE sdp", "bob > alice ACK",
                "alice > bob REFER", "bob > alice 200 REFER", "bob > alice NOTIFY sipfrag;version=2.0",
                "alice > bob 200 NOTIFY", "alice > bob BYE", "bob > alice 200 BYE",
                "bob > alice NOTIFY sipfrag;version=2.0", "alice > bob 200 NOTIFY",
            ])
        expectInOrder(
            lines.filter { $0.contains("carol") },
            [
                "bob > carol INVITE sdp", "carol > bob 180 INVITE", "carol > bob 200 INVITE sdp", "bob > carol ACK",
            ])
        let refer = try #require(flow.ladder["alice > bob REFER"])
        #expect(refer[.referTo] == "<\(carol.uri)>")
        #expect(flow.ladder["bob > carol INVITE sdp"]?[.referredBy] == refer[.referredBy])
        let notifies = flow.ladder.all("bob > alice NOTIFY sipfrag;version=2.0")
        #expect(notifies.first?[.subscriptionState]?.hasPrefix("active") == true)
        #expect(notifies.last?[.subscriptionState] == "terminated;reason=noresource")
        #expect(notifies.last.map { String(decoding: $0.body, as: UTF8.self) } == "SIP/2.0 200 OK\r\n")
    }

    @Test("RFC 5359 §2.5: transfer, attended")
    func attendedTransfer() throws {
        let (alice, bob, carol) = try direct()
        follows(alice)
        try alice.call(bob.uri)
        try answer(bob)
        hold(bob.calls[0])
        try bob.call(carol.uri)
        try answer(carol)
        hold(bob.calls[1])
        carol.onInvitation = { leg in
            leg.answer()
            if case .replaces(let old) = leg.relation { old.hangUp() }
        }
        let replaced = try #require(bob.calls[1].reference)
        let referral = bob.calls[0].refer(to: ReferTarget(carol.uri, replaces: replaced), as: bob.identity, .init())
        flow.run(.seconds(2))
        bob.calls[0].hangUp()
        flow.run()
        #expect(referral != nil)
        let lines = flow.ladder.lines
        expectInOrder(
            lines.filter { $0.contains("alice") && $0.contains("bob") },
            [
                "alice > bob INVITE sdp", "bob > alice 180 INVITE", "bob > alice 200 INVITE sdp", "alice > bob ACK",
                "bob > alice INVITE sdp", "alice > bob 200 INVITE sdp", "bob > alice ACK", "bob > alice REFER",
                "alice > bob 200 REFER", "alice > bob NOTIFY sipfrag;version=2.0", "bob > alice 200 NOTIFY",
                "alice > bob NOTIFY sipfrag;version=2.0", "bob > alice 200 NOTIFY", "bob > alice BYE",
                "alice > bob 200 BYE",
            ])
        expectInOrder(
            lines.filter { $0.contains("bob") && $0.contains("carol") },
            [
                "bob > carol INVITE sdp", "carol > bob 180 INVITE", "carol > bob 200 INVITE sdp", "bob > carol ACK",
                "bob > carol INVITE sdp", "carol > bob 200 INVITE sdp", "bob > carol ACK", "carol > bob BYE",
                "bob > carol 200 BYE",
            ])
        expectInOrder(
            lines.filter { $0.contains("alice") && $0.contains("carol") },
            ["alice > carol INVITE sdp", "carol > alice 200 INVITE sdp", "alice > carol ACK"])
        // F15 and F19 name the dialog between Bob and Carol.
        let refer = try #require(flow.ladder["bob > alice REFER"])
        #expect(refer[.referTo]?.contains("Replaces=") == true)
        let callID = try #require(flow.ladder["bob > carol INVITE sdp"]?[.callID])
        #expect(flow.ladder["alice > carol INVITE sdp"]?[.replaces]?.hasPrefix(callID) == true)
    }

    @Test("RFC 5359 §2.6: transfer by instant message")
    func transferByMessage() throws {
        let (alice, bob, carol) = try direct()
        carol.agent.servedMethods = [.message]
        carol.agent.onRequest = { $0.respond(200) }
        try alice.call(bob.uri)
        try answer(bob)
        let replaced = try #require(bob.call.reference)
        bob.agent.send(
            .message, to: carol.uri, as: bob.identity,
            MessageContent([.init(.contentType, "text/html")], body: Array("<html>Take this call?</html>".utf8))
        ) { _, _, _ in }
        flow.run()
        alice.onInvitation = { leg in
            leg.answer()
            if case .replaces(let old) = leg.relation { old.hangUp() }
        }
        var options = OutgoingCallOptions()
        options.fields = [.init(.replaces, "\(replaced)"), .init(.require, "replaces")]
        // The dialog as Alice knows it: what Bob's peer names.
        try carol.call(alice.uri, options: options)
        flow.run()
        expectInOrder(
            Array(flow.ladder.lines.prefix(8)),
            [
                "alice > bob INVITE sdp", "bob > alice 180 INVITE", "bob > alice 200 INVITE sdp", "alice > bob ACK",
                "bob > carol MESSAGE html", "carol > bob 200 MESSAGE", "carol > alice INVITE sdp",
                "alice > carol 200 INVITE sdp",
            ])
        #expect(
            Set(flow.ladder.lines.dropFirst(8)) == ["carol > alice ACK", "alice > bob BYE", "bob > alice 200 BYE"])
    }

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
    private func contacts(_ phones: SimulatedPhone...) {
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

    /// The reports that the figure leaves to the PC are there too.
    @Test("RFC 5359 §2.18: click to dial")
    func clickToDial() throws {
        let (_, bob, carol) = try direct()
        follows(bob)
        let computer = flow.peer("pc", "10.0.0.7")
        computer.send(
            "REFER", to: "\(bob.uri)", from: "pc", via: bob.node, headers: ["Refer-To: <\(carol.uri)>"])
        try answer(carol)
        expectInOrder(
            flow.ladder.lines.filter { !$0.contains("NOTIFY") },
            [
                "pc > bob REFER", "bob > pc 200 REFER", "bob > carol INVITE sdp", "carol > bob 180 INVITE",
                "carol > bob 200 INVITE sdp", "bob > carol ACK",
            ])
        let last = flow.ladder.all("bob > pc NOTIFY sipfrag;version=2.0").last
        #expect(last.map { String(decoding: $0.body, as: UTF8.self) } == "SIP/2.0 200 OK\r\n")
    }

    // MARK: Referrals

    /// Lets a phone do what a REFER asks for, and report.
    private func follows(_ phone: SimulatedPhone) {
        phone.agent.onReferral = { [unowned phone] referral in
            referral.accept()
            kept.referrals.append(referral)
            var options = OutgoingCallOptions()
            if let replaces = referral.target.replaces {
                options.fields += [.init(.replaces, "\(replaces)"), .init(.require, "replaces")]
            }
            if let referrer = referral.request[.referredBy] { options.fields.append(.init(.referredBy, referrer)) }
            guard let leg = try? phone.call(referral.target.uri, options: options) else { return }
            leg.onEvent = { event in
                switch event {
                case .answered: referral.report(StatusFragment(200))
                case .ended(let ending) where !leg.isAnswered:
                    referral.report(StatusFragment(ending.status, ending.reason))
                default: return
                }
            }
        }
    }

    private final class Kept {
        var referrals: [IncomingReferral] = []
    }

    private let kept = Kept()

    private func expectInOrder(
        _ lines: [String], _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(lines == expected, sourceLocation: sourceLocation)
    }
}
