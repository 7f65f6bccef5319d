import Proxy
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

/// RFC 5626 §7: the flows of one device are tried one after another.
@Suite struct FlowFailOverTests {
    let network = SimulatedNetwork(seed: 21)
    let host: ProxyHost
    let caller: ScriptedPeer

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
    }

    private func peer(_ number: Int, _ status: StatusCode? = 200) -> ScriptedPeer {
        let peer = ScriptedPeer(network.node("192.0.2.\(number):5060"))
        host.peers.append(peer)
        peer.onRequest = { peer, message, transaction in
            guard let transaction else { return }
            if let status {
                peer.answer(transaction, status)
            } else {
                peer.answer(transaction, 180)
            }
        }
        return peer
    }

    private func target(_ ways: ScriptedPeer...) -> ProxyTarget {
        var targets = ways.map { peer in
            ProxyTarget(
                uri: Array(peer.uri("bob").utf8),
                flow: Flow(transport: .udp, listener: 0, local: host.node.address, remote: peer.node.address))
        }
        targets[0].alternates = Array(targets.dropFirst())
        return targets[0]
    }

    private func call(_ time: Duration = .seconds(200)) -> [UInt16] {
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: time)
        return caller.responses.filter { $0.statusCode.isFinal }.map(\.statusCode.rawValue)
    }

    /// What the first flow says, whether the second is tried, and what the caller hears when that answers 486.
    @Test(
        arguments: [
            (430, true, 486), (408, true, 486), (480, false, 480), (603, false, 603), (404, false, 404),
            (503, false, 500),
        ] as [(UInt16, Bool, UInt16)])
    func theNextFlowIsTried(_ first: UInt16, _ isTried: Bool, _ heard: UInt16) {
        let (one, two) = (peer(20, StatusCode(rawValue: first)), peer(21, 486))
        host.users["bob"] = [target(one, two)]
        #expect(call() == [heard])
        #expect(two.requests.isEmpty == !isTried)
        #expect(host.proxy.counters.failOvers == (isTried ? 1 : 0))
        #expect(host.layer.transactionCount == 0)
    }

    @Test func whatRangIsNotTriedElsewhere() {
        let (one, two) = (peer(20, nil), peer(21))
        host.users["bob"] = [target(one, two)]
        #expect(call(.seconds(300)) == [408])
        #expect(two.requests.isEmpty)
    }

    @Test func aSilentFlowIsGivenUp() {
        let (one, two, three) = (peer(20), peer(21, 430), peer(22))
        network.remove(one.node)
        host.users["bob"] = [target(one, two, three)]
        #expect(call() == [200])
        #expect(two.requests.count == 1)
        #expect(three.requests.map(\.method) == [.invite, .ack])
    }

    /// When all are gone the caller hears that the user cannot be reached, and nothing of flows (§11.5).
    @Test func nobodyElseHearsOfFlows() {
        host.users["bob"] = [target(peer(20, 430), peer(21, 430))]
        #expect(call() == [480])
        // On its way to another home it goes on as it is.
        caller.send("INVITE", to: "sip:bob@192.0.2.20", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(caller.responses.last?.statusCode == 430)
    }

    /// Beside another device: each has one flow at a time.
    @Test func otherDevicesRingMeanwhile() {
        let (one, two, other) = (peer(20, 430), peer(21), peer(22, nil))
        host.users["bob"] = [target(one, two), target(other)]
        #expect(call() == [200])
        #expect(other.cancelled.count == 1)
    }

    /// A connection that is gone is told at once, and to whoever keeps the bindings.
    @Test func aLostConnectionIsTold() {
        let two = peer(21)
        var lost = target(two)
        lost.flow = Flow(
            transport: .tcp, listener: 1, connection: 4_711, local: host.node.address, remote: two.node.address)
        lost.alternates = [target(two)]
        host.users["bob"] = [lost]
        #expect(call(.seconds(5)) == [200])
        #expect(host.lostFlows.map(\.connection) == [4_711])
    }

    @Test func theCallerCancelsAfterAFailOver() throws {
        let (one, two) = (peer(20, 430), peer(21, nil))
        host.users["bob"] = [target(one, two)]
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run(for: .seconds(2))
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(100))
        #expect(two.cancelled.count == 1)
        #expect(caller.responses.last?.statusCode == 487)
        #expect(host.layer.transactionCount == 0)
    }
}

/// RFC 5626 §5: this server between a phone and its registrar.
@Suite struct EdgeProxyTests {
    let network = SimulatedNetwork(seed: 22)
    let host: ProxyHost
    let phone: ScriptedPeer
    let registrar: ScriptedPeer

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        phone = ScriptedPeer(network.node("192.0.2.10:5060"))
        registrar = ScriptedPeer(network.node("192.0.2.50:5060"))
    }

    /// The Path that a REGISTER arrives with.
    private func path(_ headers: [String], contact: String = "") throws -> [String] {
        phone.send(
            "REGISTER", to: "sip:192.0.2.50", from: "bob", via: host.node, headers: headers)
        network.run(for: .seconds(40))
        return try #require(registrar.requests.last).values(of: .path)
    }

    @Test func aRegisterGetsOurPath() throws {
        let first = try path(["Supported: path, outbound"])
        #expect(first.count == 1)
        #expect(first[0].hasPrefix("<sip:i") && first[0].hasSuffix("@192.0.2.1:5060;lr;ob>"))
        #expect(try path(["Supported: timer"]).isEmpty)
        // On top of what is there; and through another proxy, whose phone it is not, none.
        let stacked = try path(["Supported: path", "Path: <sip:p0.example.com;lr>"])
        #expect(stacked == [first[0], "<sip:p0.example.com;lr>"])
        #expect(try path(["Supported: path", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy"]).isEmpty)
        #expect(try path(["Contact: <sip:b@10.0.0.1>;reg-id=1;+sip.instance=\"<urn:x>\""]).count == 1)
    }

    /// What the registrar's home sends by that Path reaches the phone by its flow, whatever the contact, and the dialog that
    /// begins stays with us.
    @Test func requestsComeBackByTheFlow() throws {
        let route = try #require(try path(["Supported: path, outbound"]).first)
        registrar.send("INVITE", to: "sip:bob@10.9.9.9", from: "alice", via: host.node, headers: ["Route: \(route)"])
        network.run { phone.requests.contains { $0.method == .ack } }
        let invite = try #require(phone.requests.first)
        #expect(invite.withView { $0.text($0.startLine.uriRange) } == "sip:bob@10.9.9.9")
        #expect(invite.values(of: .route).isEmpty)
        #expect(invite.values(of: .recordRoute).count == 1)
        let answer = try #require(registrar.responses.last { $0[.cSeq] == "1 INVITE" })
        registrar.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run(for: .seconds(10))
        #expect(phone.requests.map(\.method) == [.invite, .ack, .bye])
    }

    /// The flow is a connection that is gone: 430, from which the home proxy learns to try another (§5.3.1).
    @Test func aLostFlowIsToldBy430() throws {
        let connection = phone.node.connect(to: Target(.tcp, host.node.address))
        let lines = [
            "REGISTER sip:192.0.2.50 SIP/2.0", "Via: SIP/2.0/TCP 192.0.2.10;branch=z9hG4bKx", "From: <sip:bob@b>;tag=1",
            "To: <sip:bob@b>", "Call-ID: lost", "CSeq: 1 REGISTER", "Supported: path", "Content-Length: 0", "", "",
        ]
        phone.layer.sendDirectly(
            Array(lines.joined(separator: "\r\n").utf8),
            Flow(
                transport: .tcp, listener: 1, connection: connection, local: phone.node.address,
                remote: host.node.address))
        network.run(for: .seconds(1))
        let route = try #require(registrar.requests.last?[.path])
        network.remove(phone.node)
        host.layer.connectionClosed(connection, "gone")
        registrar.send("OPTIONS", to: "sip:bob@10.9.9.9", from: "alice", via: host.node, headers: ["Route: \(route)"])
        network.run(for: .milliseconds(50))
        host.layer.connectionClosed(connection, "gone")
        network.run(for: .seconds(2))
        #expect(registrar.responses.last?.statusCode == 430)
    }

    /// A request that comes by the flow itself goes where it says (§5.3.2).
    @Test func whatComesFromThePhoneIsNotSentBack() throws {
        let route = try #require(try path(["Supported: path, outbound"]).first)
        phone.send("MESSAGE", to: "sip:alice@192.0.2.50", from: "bob", via: host.node, headers: ["Route: \(route)"])
        network.run(for: .seconds(2))
        #expect(registrar.requests.last?.method == .message)
        #expect(registrar.requests.last?.values(of: .route).isEmpty == true)
    }

    @Test func aTokenThatWeDidNotMakeLeadsNowhere() throws {
        let route = try #require(try path(["Supported: path, outbound"]).first)
        let parts = route.split(separator: "@")
        let forged = "\(parts[0].dropLast())\(parts[0].hasSuffix("0") ? "1" : "0")@\(parts[1])"
        registrar.send(
            "MESSAGE", to: "sip:bob@192.0.2.50", from: "alice", via: host.node, headers: ["Route: \(forged)"])
        network.run(for: .seconds(2))
        #expect(phone.requests.isEmpty)
    }
}
