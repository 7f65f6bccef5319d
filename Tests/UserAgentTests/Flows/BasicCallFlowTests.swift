import SDP
import SIP
import Server
import TestKit
import Testing

@testable import UserAgent

/// The calls of RFC 3665 §3, message by message.
@Suite struct BasicCallFlowTests {
    let flow = FlowNetwork()

    /// Alice of atlanta.example.com behind Proxy 1, Bob of biloxi.example.com behind Proxy 2.
    ///
    /// - Parameter challenges: whether Proxy 1 asks Alice for credentials; the flows that leave that out say so for brevity.
    func twoProxies(
        challenges: Bool = false, _ first: (inout ServerConfiguration) -> Void = { _ in },
        second: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> (alice: SimulatedPhone, bob: SimulatedPhone) {
        flow.server(
            "p1", "10.0.1.1", [.init(name: "atlanta.example.com")],
            users: challenges ? [0: ["alice": "wonderland"]] : [:], first)
        flow.server("p2", "10.0.1.2", [.init(name: "biloxi.example.com")], second)
        let alice = try flow.phone(
            "alice", "10.0.0.1", of: "atlanta.example.com", passwords: ["atlanta.example.com": "wonderland"],
            proxy: "sip:10.0.1.1")
        let bob = try flow.phone("bob", "10.0.0.2", of: "biloxi.example.com", proxy: "sip:10.0.1.2")
        try flow.register(bob)
        return (alice, bob)
    }

    let toBob = "sip:bob@biloxi.example.com"

    @Test("RFC 3665 §3.1: successful session establishment")
    func direct() throws {
        let alice = try flow.phone("alice", "10.0.0.1")
        let bob = try flow.phone("bob", "10.0.0.2")
        try alice.call(bob.uri)
        flow.run()
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: bob).answer()
        flow.run()
        try flow.call(of: bob).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > bob INVITE sdp | CSeq=1 INVITE, Via 1, Contact=sip:alice@10.0.0.1, Max-Forwards=70, Record-Route 0
            F0 bob > alice 100 INVITE
            F2 bob > alice 180 INVITE | To=tag=, Contact=sip:bob@10.0.0.2, Via 1
            F3 bob > alice 200 INVITE sdp | To=tag=, Contact=sip:bob@10.0.0.2
            F4 alice > bob ACK | CSeq=1 ACK, Via 1, To=tag=
            F5 bob > alice BYE | Via 1
            F6 alice > bob 200 BYE
            """)
        // "Note that the CSeq is NOT 2": each side counts for itself.
        let (invite, bye) = (try #require(flow.ladder["alice > bob INVITE sdp"]), flow.ladder["bob > alice BYE"])
        #expect(bye?[.callID] == invite[.callID])
        #expect(bye?[.to] == invite[.from])
    }

    @Test("RFC 3665 §3.2: session establishment through two proxies")
    func twoProxies() throws {
        let (alice, bob) = try twoProxies(challenges: true)
        try alice.call(URI(toBob))
        flow.run()
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: bob).answer()
        flow.run()
        try flow.call(of: bob).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > p1 INVITE sdp | CSeq=1 INVITE, Via 1, Proxy-Authorization 0
            F2 p1 > alice 407 INVITE | Proxy-Authenticate=realm="atlanta.example.com", To=tag=
            F3 alice > p1 ACK | CSeq=1 ACK, Via 1
            F4 alice > p1 INVITE sdp | CSeq=2 INVITE, Proxy-Authorization=realm="atlanta.example.com", Record-Route 0
            F5 p1 > p2 INVITE sdp | Via 2, Record-Route 1, Max-Forwards=69, Proxy-Authorization 0
            F6 p1 > alice 100 INVITE
            F7 p2 > bob INVITE sdp | Via 3, Record-Route 2, Max-Forwards=68
            F8 p2 > p1 100 INVITE
            F8 bob > p2 100 INVITE
            F9 bob > p2 180 INVITE | Via 3, Record-Route 2, Contact=sip:bob@10.0.0.2, To=tag=
            F10 p2 > p1 180 INVITE | Via 2, Record-Route 2
            F11 p1 > alice 180 INVITE | Via 1, Record-Route 2
            F12 bob > p2 200 INVITE sdp | Via 3, Record-Route 2
            F13 p2 > p1 200 INVITE sdp | Via 2, Record-Route 2
            F14 p1 > alice 200 INVITE sdp | Via 1, Record-Route 2
            F15 alice > p1 ACK | CSeq=2 ACK, Via 1, Route 2
            F16 p1 > p2 ACK | Via 2, Route 1
            F17 p2 > bob ACK | Via 3, Route 0
            F18 bob > p2 BYE | Via 1, Route 2
            F19 p2 > p1 BYE | Via 2, Route 1
            F20 p1 > alice BYE | Via 3, Route 0
            F21 alice > p1 200 BYE | Via 3
            F22 p1 > p2 200 BYE | Via 2
            F23 p2 > bob 200 BYE | Via 1
            """)
        let invite = try #require(flow.ladder["p2 > bob INVITE sdp"])
        #expect(invite.withView { $0.text($0.startLine.uriRange) } == "sip:bob@10.0.0.2:5060")
        let ack = try #require(flow.ladder["p2 > bob ACK"])
        #expect(ack.withView { $0.text($0.startLine.uriRange) }.hasPrefix("sip:bob@10.0.0.2"))
    }

    @Test("RFC 3665 §3.3: session with multiple proxy authentication")
    func multipleAuthentication() throws {
        flow.server(
            "p1", "10.0.1.1", [.init(name: "atlanta.example.com")], users: [0: ["alice": "wonderland"]])
        // Alice has credentials in both domains: Proxy 2 knows her too, in its own realm.
        flow.server(
            "p2", "10.0.1.2",
            [
                .init(name: "biloxi.example.com"), .init(name: "atlanta.example.com", realm: "biloxi.example.com"),
            ], users: [0: ["bob": "zanzibar"], 1: ["alice": "looking glass"]])
        let alice = try flow.phone(
            "alice", "10.0.0.1", of: "atlanta.example.com",
            passwords: ["atlanta.example.com": "wonderland", "biloxi.example.com": "looking glass"],
            proxy: "sip:10.0.1.1")
        let bob = try flow.phone(
            "bob", "10.0.0.2", of: "biloxi.example.com", passwords: ["biloxi.example.com": "zanzibar"],
            proxy: "sip:10.0.1.2")
        try flow.register(bob)
        try alice.call(URI(toBob))
        flow.run()
        try flow.call(of: bob).answer()
        flow.run()
        flow.expect(
            """
            F1 alice > p1 INVITE sdp | CSeq=1 INVITE, Proxy-Authorization 0
            F2 p1 > alice 407 INVITE | Proxy-Authenticate=realm="atlanta.example.com"
            F3 alice > p1 ACK
            F4 alice > p1 INVITE sdp | CSeq=2 INVITE, Proxy-Authorization=realm="atlanta.example.com"
            F6 p1 > p2 INVITE sdp | Via 2, Record-Route 1
            F7 p2 > p1 407 INVITE | Proxy-Authenticate=realm="biloxi.example.com"
            F8 p1 > p2 ACK | Via 1
            F9 p1 > alice 407 INVITE | Proxy-Authenticate=realm="biloxi.example.com"
            F10 alice > p1 ACK | CSeq=2 ACK
            F11 alice > p1 INVITE sdp | CSeq=3 INVITE
            F12 p1 > alice 100 INVITE
            F13 p1 > p2 INVITE sdp | Via 2
            F14 p2 > p1 100 INVITE
            F14 bob > p2 100 INVITE
            F15 p2 > bob INVITE sdp | Via 3
            F16 bob > p2 200 INVITE sdp
            F17 p2 > p1 200 INVITE sdp
            F18 p1 > alice 200 INVITE sdp
            F19 alice > p1 ACK | CSeq=3 ACK
            F20 p1 > p2 ACK
            F21 p2 > bob ACK | Route 0
            """)
        // With both proofs the INVITE is too long for UDP: the proxies take TCP, and stand in Record-Route once for each side.
        // F11 proves her to both.
        let proofs = try #require(flow.ladder.all("alice > p1 INVITE sdp").last).withView { view in
            (0..<view.fieldCount).filter { view.field($0).name == .proxyAuthorization }
                .map { view.text(view.field($0).valueRange) }
        }
        #expect(proofs.count == 2)
        #expect(proofs.contains { $0.contains("atlanta") } && proofs.contains { $0.contains("biloxi") })
    }

    @Test("RFC 3665 §3.4: successful session with proxy failure")
    func proxyFailure() throws {
        let dead = flow.peer("p1", "10.0.1.1")
        flow.server(
            "p2", "10.0.1.2", [.init(name: "biloxi.example.com"), .init(name: "atlanta.example.com")],
            users: [0: ["bob": "zanzibar"], 1: ["alice": "wonderland"]])
        flow.network.hosts["ss.atlanta.example.com"] = [
            dead.node.address, flow.network.hosts["biloxi.example.com"]![0],
        ]
        flow.network.remove(dead.node)
        let alice = try flow.phone(
            "alice", "10.0.0.1", of: "atlanta.example.com", passwords: ["atlanta.example.com": "wonderland"],
            proxy: "sip:ss.atlanta.example.com")
        let bob = try flow.phone(
            "bob", "10.0.0.2", of: "biloxi.example.com", passwords: ["biloxi.example.com": "zanzibar"],
            proxy: "sip:10.0.1.2")
        try flow.register(bob)
        try alice.call(URI(toBob))
        // Timer B, and then the other proxy.
        flow.run(.seconds(33))
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: bob).answer()
        flow.run()
        try flow.call(of: bob).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > p1 INVITE sdp
            F2 alice > p1 INVITE sdp
            F3 alice > p1 INVITE sdp
            F4 alice > p1 INVITE sdp
            F5 alice > p1 INVITE sdp
            F6 alice > p1 INVITE sdp
            F7 alice > p1 INVITE sdp
            F8 alice > p2 INVITE sdp | Via 1, Proxy-Authorization 0
            F9 p2 > alice 407 INVITE | Proxy-Authenticate=realm="atlanta.example.com"
            F10 alice > p2 ACK
            F11 alice > p2 INVITE sdp | Proxy-Authorization=realm="atlanta.example.com"
            F12 p2 > bob INVITE sdp | Via 2, Record-Route 1
            F13 p2 > alice 100 INVITE
            F13 bob > p2 100 INVITE
            F14 bob > p2 180 INVITE
            F15 p2 > alice 180 INVITE | Via 1, Record-Route 1
            F16 bob > p2 200 INVITE sdp
            F17 p2 > alice 200 INVITE sdp
            F18 alice > p2 ACK | Route 1
            F19 p2 > bob ACK | Route 0
            F20 bob > p2 BYE | Route 1
            F21 p2 > alice BYE | Via 2, Route 0
            F22 alice > p2 200 BYE
            F23 p2 > bob 200 BYE
            """)
    }

    /// Our first proxy stands for the gateway: what that changes in descriptions is no matter of the messages' order.
    @Test("RFC 3665 §3.5: session through a SIP ALG, and a proxy that leaves the path")
    func gateway() throws {
        let (alice, bob) = try twoProxies(second: { $0.proxy.recordsRoute = false })
        try alice.call(URI(toBob))
        flow.run()
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: bob).answer()
        flow.run()
        try flow.call(of: alice).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > p1 INVITE sdp | Via 1
            F2 p1 > p2 INVITE sdp | Via 2, Record-Route 1
            F3 p1 > alice 100 INVITE
            F4 p2 > bob INVITE sdp | Via 3, Record-Route 1
            F5 p2 > p1 100 INVITE
            F5 bob > p2 100 INVITE
            F6 bob > p2 180 INVITE | Record-Route 1
            F7 p2 > p1 180 INVITE
            F8 p1 > alice 180 INVITE
            F9 bob > p2 200 INVITE sdp
            F10 p2 > p1 200 INVITE sdp
            F11 p1 > alice 200 INVITE sdp
            F12 alice > p1 ACK | Route 1
            F13 p1 > bob ACK | Via 2, Route 0
            F14 alice > p1 BYE | Route 1
            F15 p1 > bob BYE | Via 2, Route 0
            F16 bob > p1 200 BYE | Via 2
            F17 p1 > alice 200 BYE | Via 1
            """)
    }

    @Test("RFC 3665 §3.6: session via redirect and proxy servers with SDP in ACK")
    func redirected() throws {
        let redirect = flow.server("r", "10.0.1.1", [.init(name: "biloxi.example.com")]) {
            $0.domains[0].mode = .redirect
        }
        flow.server("p3", "10.0.1.3", [.init(name: "chicago.example.com")])
        let alice = try flow.phone("alice", "10.0.0.1", of: "atlanta.example.com")
        let bob = try flow.phone("bob", "10.0.0.2", of: "chicago.example.com", proxy: "sip:10.0.1.3")
        let elsewhere = flow.peer("elsewhere", "10.0.0.9")
        elsewhere.send(
            "REGISTER", to: "sip:bob@biloxi.example.com", from: "bob", via: redirect.node,
            headers: ["Contact: <sip:bob@chicago.example.com>", "Expires: 600"])
        flow.run()
        elsewhere.send(
            "REGISTER", to: "sip:bob@biloxi.example.com", from: "bob", via: redirect.node, headers: ["Expires: 0"],
            callID: "other")
        flow.run()
        try flow.register(bob)
        var options = OutgoingCallOptions()
        options.offersLate = true
        try alice.call(URI(toBob), options: options)
        flow.run()
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: bob).answer()
        flow.run()
        try flow.call(of: bob).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > r INVITE | CSeq=1 INVITE, Content-Type 0
            F2 r > alice 302 INVITE | Contact=sip:bob@chicago.example.com
            F3 alice > r ACK | CSeq=1 ACK
            F4 alice > p3 INVITE | CSeq=2 INVITE, Content-Type 0
            F5 p3 > bob INVITE | Via 2, Record-Route 1
            F6 p3 > alice 100 INVITE
            F6 bob > p3 100 INVITE
            F7 bob > p3 180 INVITE
            F8 p3 > alice 180 INVITE
            F9 bob > p3 200 INVITE sdp
            F10 p3 > alice 200 INVITE sdp
            F11 alice > p3 ACK sdp | Route 1
            F12 p3 > bob ACK sdp | Route 0
            F13 bob > p3 BYE | Route 1
            F14 p3 > alice BYE
            F15 alice > p3 200 BYE
            F16 p3 > bob 200 BYE
            """)
    }

    @Test("RFC 3665 §3.7: session with re-INVITE (IP address change)")
    func addressChange() throws {
        flow.server("p2", "10.0.1.2", [.init(name: "biloxi.example.com")]) { $0.proxy.recordsRoute = false }
        let alice = try flow.phone("alice", "10.0.0.1", of: "atlanta.example.com")
        let bob = try flow.phone("bob", "10.0.0.2", of: "biloxi.example.com", proxy: "sip:10.0.1.2")
        try flow.register(bob)
        try alice.call(URI(toBob))
        flow.run()
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: bob).answer()
        flow.run()
        bob.node.move(to: "10.0.0.22:5060")
        bob.agent.relocate()
        flow.run()
        try flow.call(of: alice).hangUp()
        flow.run()
        let figure = """
            F1 alice > p2 INVITE sdp | Via 1
            F2 p2 > bob INVITE sdp | Via 2, Record-Route 0
            F3 p2 > alice 100 INVITE
            F3 bob > p2 100 INVITE
            F4 bob > p2 180 INVITE
            F5 p2 > alice 180 INVITE
            F6 bob > p2 200 INVITE sdp
            F7 p2 > alice 200 INVITE sdp
            F8 alice > bob ACK | Route 0
            F9 moved > alice INVITE sdp | Contact=10.0.0.22, Via 1
            F10 alice > moved 200 INVITE sdp
            F11 moved > alice ACK
            F12 alice > moved BYE
            F13 moved > alice 200 BYE
            """
        flow.rename("bob", at: "10.0.0.2:5060", moved: "moved")
        flow.expect(figure)
    }
}
