import Proxy
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

/// RFC 3261 §16.11.
@Suite struct StatelessTests {
    let network = SimulatedNetwork(seed: 5)
    let host: ProxyHost
    let caller: ScriptedPeer
    let bob: ScriptedPeer

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        host.isStateless = true
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        bob = ScriptedPeer(network.node("192.0.2.20:5060"))
        host.add("bob", (bob, 1_000))
    }

    private func statuses(_ method: String) -> [UInt16] {
        caller.responses.filter { $0[.cSeq]?.hasSuffix(method) == true }.map(\.statusCode.rawValue)
    }

    @Test func aCallIsSetUpAndEndsWithoutAnyTransaction() throws {
        bob.onRequest = { peer, message, transaction in
            guard let transaction else { return }
            if message.method == .invite { peer.answer(transaction, 180) }
            peer.answer(transaction, 200)
        }
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run { bob.requests.contains { $0.method == .ack } }
        // A proxy without state sends no 100 of its own.
        #expect(statuses("INVITE") == [180, 200])
        let answer = try #require(caller.responses.last)
        #expect(answer.values(of: .via).count == 1)
        caller.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run { statuses("BYE") == [200] }
        #expect(bob.requests.map(\.method) == [.invite, .ack, .bye])
        let invite = bob.requests[0]
        #expect(invite.values(of: .via).count == 2)
        #expect(invite[.maxForwards] == "69")
        #expect(invite.values(of: .recordRoute).count == 1)
        #expect(bob.requests[2].values(of: .route).isEmpty)
        #expect(host.layer.transactionCount == 0)
        #expect(host.layer.counters.serverTransactions == 0)
        #expect(host.proxy.counters.stateless == 2)
    }

    /// The same branch for each repetition, for the CANCEL and for the ACK of what it leads to: downstream they meet in one
    /// transaction.
    @Test func cancelAndAckFollowTheirInvite() throws {
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        network.conditions.duplication = 1
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run { statuses("INVITE").contains(180) }
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(100))
        #expect(bob.requests.map(\.method) == [.invite])
        #expect(bob.cancelled.count == 1)
        #expect(statuses("INVITE").filter { $0 >= 200 } == [487])
        #expect(bob.layer.transactionCount == 0)
        #expect(bob.layer.counters.timeouts == 0)
        #expect(host.layer.transactionCount == 0)
    }

    @Test(arguments: 1...5)
    func callsCompleteUnderLoss(_ seed: Int) throws {
        let network = SimulatedNetwork(seed: UInt64(seed))
        network.conditions.loss = 0.2
        let host = ProxyHost(network.node("192.0.2.1:5060"))
        host.isStateless = true
        let (caller, bob) = (
            ScriptedPeer(network.node("192.0.2.10:5060")), ScriptedPeer(network.node("192.0.2.20:5060"))
        )
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 486) } }
        host.add("bob", (bob, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(200))
        #expect(caller.responses.map(\.statusCode) == [486])
        #expect(bob.requests.count == 1)
    }

    /// Responses go back where the request came from, whatever Via claims (RFC 3261 §18.2.2, RFC 3581).
    @Test(arguments: [("10.0.0.1:5070;rport", "192.0.2.10:5060"), ("192.0.2.10:5070", "192.0.2.10:5070")])
    func responsesGoBackByTheFlow(_ sentBy: String, _ destination: String) throws {
        let flow = Flow(transport: .udp, listener: 0, local: caller.node.address, remote: host.node.address)
        let lines = [
            "OPTIONS sip:bob@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP \(sentBy);branch=z9hG4bKx", "From: <sip:a@b>;tag=1",
            "To: <sip:bob@192.0.2.1>", "Call-ID: back", "CSeq: 1 OPTIONS", "Content-Length: 0", "", "",
        ]
        caller.layer.sendDirectly(Array(lines.joined(separator: "\r\n").utf8), flow)
        network.run(for: .seconds(1))
        let last = try #require(network.trace.last)
        #expect(last.startLine == "SIP/2.0 200 OK")
        #expect(last.destination == TransportAddress(destination))
    }

    /// A response whose Via we did not write leads nowhere.
    @Test func aForgedWayBackIsNotTaken() throws {
        caller.send("OPTIONS", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(1))
        let answered = network.trace.count
        let via = try #require(bob.requests.first?.values(of: .via).first)
        for (own, callID) in [
            (via, "another"), (via.replacing(";i=i", with: ";i=i0"), "call-1@192.0.2.10:5060"),
            ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx", "call-1@192.0.2.10:5060"),
        ] {
            let lines = [
                "SIP/2.0 200 OK", "Via: \(own)", "Via: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKy",
                "From: <sip:a@b>;tag=1",
                "To: <sip:bob@192.0.2.1>;tag=2", "Call-ID: \(callID)", "CSeq: 1 OPTIONS", "Content-Length: 0", "", "",
            ]
            bob.layer.sendDirectly(
                Array(lines.joined(separator: "\r\n").utf8),
                Flow(transport: .udp, listener: 0, local: bob.node.address, remote: host.node.address))
        }
        network.run(for: .seconds(1))
        #expect(network.trace.count == answered + 3)
        #expect(host.layer.counters.strayResponses == 3)
    }

    @Test func theUsualChecksAreMade() {
        for (header, status) in [("Max-Forwards: 0", 483), ("Proxy-Require: foo", 420)] as [(String, UInt16)] {
            caller.send("OPTIONS", to: "sip:bob@192.0.2.1", from: "alice", via: host.node, headers: [header])
            network.run(for: .seconds(40))
            #expect(caller.responses.last?.statusCode.rawValue == status)
        }
        host.users["tel"] = [ProxyTarget(uri: Array("tel:+1".utf8))]
        caller.send("OPTIONS", to: "sip:tel@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(40))
        #expect(caller.responses.last?.statusCode == 480)
        #expect(bob.requests.isEmpty)
    }

    /// A connection is found again by its flow in our Via.
    @Test func overAConnectionTheAnswerComesBack() throws {
        let connection = caller.node.connect(to: Target(.tcp, host.node.address))
        let flow = Flow(
            transport: .tcp, listener: 1, connection: connection, local: caller.node.address,
            remote: host.node.address)
        let lines = [
            "OPTIONS sip:bob@192.0.2.1 SIP/2.0", "Via: SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bKx",
            "From: <sip:a@b>;tag=1", "To: <sip:bob@192.0.2.1>", "Call-ID: stream", "CSeq: 1 OPTIONS",
            "Content-Length: 0", "", "",
        ]
        caller.layer.sendDirectly(Array(lines.joined(separator: "\r\n").utf8), flow)
        network.run(for: .seconds(1))
        let last = try #require(network.trace.last)
        #expect(last.startLine == "SIP/2.0 200 OK")
        #expect(last.destination == caller.node.address)
        #expect(String(decoding: last.bytes, as: UTF8.self).contains("SIP/2.0/TCP 10.0.0.1:5070"))
        #expect(bob.requests.first?.values(of: .via).first?.hasPrefix("SIP/2.0/UDP") == true)
    }
}
