import Proxy
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

/// Requests of a dialog whose phone was reached by a connection that is no more (RFC 5626 §5.3).
@Suite struct DetourTests {
    let network = SimulatedNetwork(seed: 23)
    let host: ProxyHost
    let caller: ScriptedPeer
    let bob: ScriptedPeer
    let connection: UInt64

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        bob = ScriptedPeer(network.node("192.0.2.20:5060"))
        connection = host.node.connect(to: Target(.tcp, bob.node.address))
        let flow = Flow(
            transport: .tcp, listener: 1, connection: connection, local: host.node.address, remote: bob.node.address)
        host.users["bob"] = [ProxyTarget(uri: Array(bob.uri("bob").utf8), flow: flow)]
    }

    /// A call to bob, who names a contact.
    private func call(contact: String? = nil) throws -> Message {
        if let contact {
            bob.onRequest = { peer, _, transaction in
                guard let transaction else { return }
                peer.layer.respond(transaction, 200, copiesRecordRoute: true) {
                    $0.append("Contact: <\(contact)>\r\n")
                }
            }
        }
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(1))
        return try #require(caller.responses.last { $0.statusCode == 200 })
    }

    private func hangUp(_ answer: Message) -> StatusCode? {
        caller.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run(for: .seconds(40))
        return caller.responses.last { $0[.cSeq] == "2 BYE" }?.statusCode
    }

    /// The phone is known to be elsewhere: there the request goes, its remote target as it was.
    @Test func whoIsBackIsReachedByTheNewWay() throws {
        let answer = try call(contact: "sip:bob@10.0.0.1:7000;transport=tcp")
        let back = ScriptedPeer(network.node("192.0.2.21:5060"))
        host.node.end(connection: connection)
        var way = ProxyTarget(uri: Array("sip:bob@10.0.0.1:7000;transport=tcp".utf8))
        way.nextHop = Array(back.uri("bob").utf8)
        host.detours = [way]
        #expect(hangUp(answer) == 200)
        #expect(back.requests.map(\.method) == [.bye])
        #expect(
            back.requests[0].withView { $0.text($0.startLine.uriRange) } == "sip:bob@10.0.0.1:7000;transport=tcp")
        #expect(back.requests[0].values(of: .route).isEmpty)
        #expect(host.lostFlows.isEmpty)
        network.run(for: .seconds(200))
        #expect(host.layer.transactionCount == 0)
    }

    /// Nobody knows where: the contact is tried where it may be reached, and no neighbour of ours that has the same address as a
    /// phone behind a NAT.
    @Test(
        arguments: [
            (nil, 200), ("sip:bob@192.0.2.20", 200), ("sip:bob@bob.test", 200), ("sip:bob@192.0.2.30", 430),
            ("sip:bob@abc.INVALID;transport=ws", 430), ("sip:bob@192.0.2.20;transport=ws", 430),
        ] as [(String?, UInt16)])
    func theContactIsTriedWhereItMayBe(_ contact: String?, _ status: UInt16) throws {
        let neighbour = ScriptedPeer(network.node("192.0.2.30:5060"))
        network.hosts["bob.test"] = [bob.node.address]
        let answer = try call(contact: contact)
        host.node.end(connection: connection)
        #expect(hangUp(answer) == StatusCode(rawValue: status))
        #expect(bob.requests.contains { $0.method == .bye } == (status == 200))
        #expect(neighbour.requests.isEmpty)
    }

    @Test func aConnectionThatEndsMeanwhile() throws {
        let answer = try call()
        let back = ScriptedPeer(network.node("192.0.2.21:5060"))
        host.detours = [ProxyTarget(uri: Array(back.uri("bob").utf8))]
        bob.onRequest = { _, _, _ in }
        caller.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run { bob.requests.last?.method == .bye }
        host.node.end(connection: connection)
        network.run(for: .seconds(1))
        #expect(back.requests.map(\.method) == [.bye])
        #expect(caller.responses.last?.statusCode == 200)
    }

    /// ACK is not answered and not repeated by itself: it takes the way that is there.
    @Test func anAckTakesTheOtherWay() throws {
        caller.onResponse = { _, _ in }
        let answer = try call()
        host.node.end(connection: connection)
        caller.sendInDialog("ACK", after: answer, cSeq: 1)
        network.run(for: .milliseconds(100))
        #expect(bob.requests.map(\.method) == [.invite, .ack])
    }

    /// The same without state.
    @Test(arguments: [false, true]) func withoutState(_ isBack: Bool) throws {
        host.isStateless = true
        let answer = try call(contact: "sip:bob@x.invalid")
        host.node.end(connection: connection)
        if isBack { host.detours = [ProxyTarget(uri: Array(bob.uri("bob").utf8))] }
        #expect(hangUp(answer) == (isBack ? 200 : 430))
        #expect(bob.requests.contains { $0.method == .bye } == isBack)
    }
}
