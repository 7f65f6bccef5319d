import Proxy
import SIP
import SIPEndpoint
import TestKit
import Testing

/// RFC 3327 §5.4.
@Suite struct PreloadedRouteTests {
    let network = SimulatedNetwork(seed: 3)
    let host: ProxyHost
    let caller: ScriptedPeer
    let edge: ScriptedPeer

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        edge = ScriptedPeer(network.node("192.0.2.30:5060"))
    }

    private func request(path: String, headers: [String] = []) throws -> Message {
        var target = ProxyTarget(uri: Array("sip:bob@10.0.0.20".utf8))
        target.path = PreloadedRoute(Array(path.utf8))
        host.users["bob"] = [target]
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node, headers: headers)
        network.run(for: .seconds(2))
        return try #require(edge.requests.first)
    }

    private func uri(_ message: Message) -> String { message.withView { $0.text($0.startLine.uriRange) } }

    @Test func thePathBecomesTheRoute() throws {
        let request = try request(path: "<sip:token@192.0.2.30;lr;ob>,<sip:p2.example.com;lr>")
        #expect(uri(request) == "sip:bob@10.0.0.20")
        #expect(request.values(of: .route) == ["<sip:token@192.0.2.30;lr;ob>", "<sip:p2.example.com;lr>"])
        #expect(caller.responses.last?.statusCode == 200)
    }

    @Test func ourOwnRouteValueGoesFirst() throws {
        let request = try request(path: "<sip:192.0.2.30;lr>", headers: ["Route: <sip:192.0.2.1;lr>"])
        #expect(request.values(of: .route) == ["<sip:192.0.2.30;lr>"])
        #expect(uri(request) == "sip:bob@10.0.0.20")
    }

    @Test func aStrictRouterGetsItsOwnURI() throws {
        let request = try request(path: "<sip:192.0.2.30>,<sip:p2.example.com;lr>")
        #expect(uri(request) == "sip:192.0.2.30")
        #expect(request.values(of: .route) == ["<sip:p2.example.com;lr>", "<sip:bob@10.0.0.20>"])
    }

    @Test(arguments: ["", "sip:p;lr", "<tel:1>", "<", "<>", "<sip:p"])
    func whatIsNoListIsNoRoute(_ text: String) { #expect(PreloadedRoute(Array(text.utf8)) == nil) }
}
