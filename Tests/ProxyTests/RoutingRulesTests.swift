import Proxy
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@Suite struct RoutingRulesTests {
    let network = SimulatedNetwork(seed: 3)
    let host: ProxyHost
    let caller: ScriptedPeer
    let bob: ScriptedPeer

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        bob = ScriptedPeer(network.node("192.0.2.20:5060"))
        host.add("bob", (bob, 1_000))
    }

    private func ask(_ headers: [String], method: String = "OPTIONS", to uri: String = "sip:bob@192.0.2.1") -> Message?
    {
        caller.send(method, to: uri, from: "alice", via: host.node, headers: headers)
        network.run(for: .seconds(60))
        return caller.responses.last
    }

    @Test func maxForwardsOfZeroIsRefused() {
        #expect(ask(["Max-Forwards: 0"])?.statusCode == 483)
        #expect(bob.requests.isEmpty)
    }

    @Test func anUnknownProxyRequireIsRefused() {
        let answer = ask(["Proxy-Require: foo, bar"])
        #expect(answer?.statusCode == 420)
        #expect(answer?[.unsupported] == "foo, bar")
    }

    @Test func maxBreadthIsSharedAndZeroIsRefused() throws {
        #expect(ask(["Max-Breadth: 0"])?.statusCode == 440)
        let desk = ScriptedPeer(network.node("192.0.2.21:5060"))
        host.add("bob", (bob, 1_000), (desk, 1_000))
        _ = ask([])
        #expect([bob, desk].compactMap { $0.requests.last?[.maxBreadth] } == ["30", "30"])
        _ = ask(["Max-Breadth: 5"])
        #expect(Set([bob, desk].compactMap { $0.requests.last?[.maxBreadth] }) == ["3", "2"])
    }

    @Test func aLoopIsFoundAndASpiralIsNot() {
        // A target that is the proxy itself, for another user: a spiral. For the same user: a loop.
        host.users["spiral"] = [ProxyTarget(uri: Array("sip:bob@192.0.2.1:5060".utf8))]
        #expect(ask([], to: "sip:spiral@192.0.2.1")?.statusCode == 200)
        host.users["loop"] = [ProxyTarget(uri: Array("sip:loop@192.0.2.1:5060".utf8))]
        let answer = ask([], to: "sip:loop@192.0.2.1:5060")
        #expect(answer?.statusCode == 482)
        #expect(host.proxy.counters.loops == 1)
    }

    @Test func aStrictRouterAheadGetsTheRequestURIItWants() throws {
        let router = ScriptedPeer(network.node("192.0.2.30:5060"))
        _ = ask(["Route: <sip:192.0.2.1;lr>, <sip:192.0.2.30>, <sip:192.0.2.31;lr>"], to: "sip:carol@192.0.2.99")
        let request = try #require(router.requests.first)
        #expect(request.view.text(request.view.startLine.uriRange) == "sip:192.0.2.30")
        #expect(request.values(of: .route) == ["<sip:192.0.2.31;lr>", "<sip:carol@192.0.2.99>"])
    }

    @Test func aLooseRouterAheadIsLeftInRoute() throws {
        let router = ScriptedPeer(network.node("192.0.2.30:5060"))
        _ = ask(["Route: <sip:192.0.2.1;lr>, <sip:192.0.2.30;lr>"], to: "sip:carol@192.0.2.99")
        let request = try #require(router.requests.first)
        #expect(request.view.text(request.view.startLine.uriRange) == "sip:carol@192.0.2.99")
        #expect(request.values(of: .route) == ["<sip:192.0.2.30;lr>"])
    }

    @Test func aStrictRouterBehindIsUnderstood() throws {
        // The strict router has put our Record-Route URI into the Request-URI and the target at the end of Route.
        _ = ask([], method: "INVITE")
        let recordRoute = try #require(bob.requests.first?[.recordRoute])
        let own = try NameAddress(recordRoute).uri.description
        let callID = try #require(bob.requests.first?[.callID])
        caller.send(
            "INFO", to: own, from: "alice", via: host.node, headers: ["Route: <\(bob.uri("here"))>"], callID: callID,
            cSeq: 2)
        network.run(for: .seconds(10))
        let request = try #require(bob.requests.last)
        #expect(request.method == .info)
        #expect(request.view.text(request.view.startLine.uriRange) == bob.uri("here"))
        #expect(request.values(of: .route).isEmpty)
    }

    @Test func aHostNameIsLookedUpAndTheNextAddressTriedWhenTheFirstIsDead() throws {
        let dead = TransportAddress("192.0.2.99:5060")
        network.hosts["phones.example.com"] = [try #require(dead), bob.node.address]
        let answer = ask([], method: "INVITE", to: "sip:bob@phones.example.com")
        #expect(answer?.statusCode == 200)
        #expect(ask([], to: "sip:bob@nowhere.example.com")?.statusCode == 480)
    }

    @Test func receivedIsStampedOverWhatTheSenderClaims() throws {
        caller.layer.sendDirectly(
            Array(
                """
                OPTIONS sip:bob@192.0.2.1 SIP/2.0\r
                Via: SIP/2.0/UDP 10.0.0.1:5070;received=203.0.113.9;rport;branch=z9hG4bKx\r
                From: <sip:a@b>;tag=1\r
                To: <sip:bob@192.0.2.1>\r
                Call-ID: stamped\r
                CSeq: 1 OPTIONS\r
                Content-Length: 0\r
                \r

                """.utf8),
            Flow(transport: .udp, listener: 0, local: caller.node.address, remote: host.node.address))
        network.run(for: .seconds(1))
        let via = try #require(bob.requests.first?.values(of: .via).last)
        #expect(via == "SIP/2.0/UDP 10.0.0.1:5070;received=192.0.2.10;rport=5060;branch=z9hG4bKx")
        #expect(bob.requests.first?[.maxForwards] == "70")
    }

    @Test func anUnmatchedCancelGets481() {
        #expect(ask([], method: "CANCEL")?.statusCode == 481)
    }

    /// RFC 5658 §6: a request that leaves by another transport than it came gets a Record-Route for either side.
    @Test func recordRouteStandsTwiceWhereTheTransportChanges() throws {
        host.users["bob"] = [ProxyTarget(uri: Array("sip:bob@192.0.2.20:5060;transport=tcp".utf8))]
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run { bob.requests.contains { $0.method == .ack } }
        let routes = try #require(bob.requests.first).values(of: .recordRoute)
        #expect(routes.count == 2)
        #expect(routes.first?.contains("@192.0.2.1:5060;transport=tcp;lr>") == true)
        #expect(routes.last?.contains("@192.0.2.1:5060;lr>") == true)
        // The caller's side goes on over UDP, and both values are taken away on the way.
        let answer = try #require(caller.responses.last)
        #expect(answer.values(of: .recordRoute) == routes)
        caller.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run(for: .seconds(10))
        #expect(bob.requests.map(\.method) == [.invite, .ack, .bye])
        #expect(bob.requests.last?.values(of: .route).isEmpty == true)
        // On one transport one is enough.
        host.add("bob", (bob, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(1))
        #expect(bob.requests.last { $0.method == .invite }?.values(of: .recordRoute).count == 1)
    }

    @Test func routeTokensAreBoundToTheirDialog() throws {
        let key = SipHash(key: 5, 6)
        let flow = Flow(
            transport: .tcp, listener: 1, connection: 77, local: try #require(TransportAddress("[2001:db8::1]:5060")),
            remote: try #require(TransportAddress("[2001:db8::2]:4000")))
        let datagram = Flow(
            transport: .udp, listener: 0, local: try #require(TransportAddress("192.0.2.1:5060")),
            remote: try #require(TransportAddress("192.0.2.2:4000")))
        let tag = Array("tag".utf8)
        let call = Array("call".utf8)
        let other = Array("other".utf8)
        for (caller, callee) in [(nil, nil), (flow, nil), (nil, datagram), (datagram, flow)] as [(Flow?, Flow?)] {
            let token = tag.withUnsafeBytes { RouteToken(callerFlow: caller, calleeFlow: callee, callerTag: $0) }
            var writer = ByteWriter()
            call.withUnsafeBytes { token.write(callID: $0, key: key, into: &writer) }
            let text = writer.array
            #expect(text.count <= 1 + RouteToken.longestText)
            let read = text.withUnsafeBytes { text in
                call.withUnsafeBytes { RouteToken(text, callID: $0, key: key) }
            }
            #expect(read == token)
            // Another dialog, another key, another digit: none is accepted.
            #expect(
                text.withUnsafeBytes { text in other.withUnsafeBytes { RouteToken(text, callID: $0, key: key) } } == nil
            )
            #expect(
                text.withUnsafeBytes { text in
                    call.withUnsafeBytes { RouteToken(text, callID: $0, key: SipHash(key: 1, 1)) }
                } == nil)
            for i in 1..<text.count {
                var forged = text
                forged[i] = forged[i] == 0x30 ? 0x31 : 0x30
                #expect(
                    forged.withUnsafeBytes { text in call.withUnsafeBytes { RouteToken(text, callID: $0, key: key) } }
                        == nil)
            }
        }
    }

    @Test func inADialogThePhoneBehindANATIsReachedByItsFlow() throws {
        // Bob's contact is an address that leads nowhere; the binding's flow leads to him.
        let flow = Flow(transport: .udp, listener: 0, local: host.node.address, remote: bob.node.address)
        host.users["bob"] = [ProxyTarget(uri: Array("sip:bob@10.9.9.9:5060".utf8), flow: flow, isBehindNAT: true)]
        bob.onRequest = { peer, message, transaction in
            guard let transaction else { return }
            peer.layer.respond(transaction, 200, copiesRecordRoute: true) {
                $0.append("Contact: <sip:bob@10.9.9.9:5060>\r\n")
            }
        }
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run { bob.requests.contains { $0.method == .ack } }
        let answer = try #require(caller.responses.last)
        caller.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run(for: .seconds(10))
        #expect(bob.requests.map(\.method) == [.invite, .ack, .bye])
    }
}
