import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@Suite struct TransactionLayerTests {
    let network = SimulatedNetwork(seed: 1)
    let alice: ScriptedPeer
    let bob: ScriptedPeer

    init() {
        alice = ScriptedPeer(network.node("192.0.2.1:5060"))
        bob = ScriptedPeer(network.node("192.0.2.2:5060"))
    }

    private func sendRaw(_ text: String) {
        alice.layer.sendDirectly(
            Array(text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n").utf8),
            Flow(transport: .udp, listener: 0, local: alice.node.address, remote: bob.node.address))
    }

    private func answers() -> [String] {
        network.trace.filter { $0.source == bob.node.address }.map(\.startLine)
    }

    @Test func aRepeatedRequestIsHandledOnceAndAnsweredTwice() {
        let text = """
            MESSAGE sip:bob@192.0.2.2 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa
            From: <sip:a@b>;tag=1
            To: <sip:c@d>
            Call-ID: x
            CSeq: 1 MESSAGE
            Content-Length: 0


            """
        sendRaw(text)
        sendRaw(text)
        network.run(for: .seconds(1))
        #expect(bob.requests.count == 1)
        #expect(answers() == ["SIP/2.0 200 OK", "SIP/2.0 200 OK"])
    }

    /// Of the addresses of a name, those of a family that this element has no listener for are passed over.
    @Test(arguments: [
        (["[2001:db8::2]:0", "192.0.2.2:0"], ["192.0.2.2:5060"]),
        (["192.0.2.3:0", "[2001:db8::2]:0", "192.0.2.2:0"], ["192.0.2.3:5060", "192.0.2.2:5060"]),
        (["[2001:db8::2]:0"], ["[2001:db8::2]:5060"]), ([], []),
    ])
    func namesLeadToFamiliesThatWeHave(addresses: [String], expected: [String]) throws {
        network.hosts["bob.test"] = addresses.compactMap { TransportAddress($0) }
        var found: [String]?
        alice.layer.locate(try URI("sip:bob.test")) { found = $0.map(\.address.description) }
        network.run(for: .seconds(1))
        #expect(found == expected)
    }

    /// What no datagram holds is not waited for until Timer B or F.
    @Test(arguments: [Method.message, .invite])
    func aRequestThatNoDatagramHoldsFailsAtOnce(method: Method) {
        final class User: ClientTransactionUser {
            var failures: [TransactionFailure] = []
            func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
            }
            func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
                failures.append(failure)
            }
        }
        for (size, failures) in [(DatagramSocket.longestPayload / 2, 0), (DatagramSocket.longestPayload + 1, 1)] {
            let user = User()
            let sent = alice.layer.send(
                method, to: Target(.udp, bob.node.address), user: user, staysOnDatagram: true
            ) { writer, via, _ in
                writer.append("\(method) sip:bob@192.0.2.2 SIP/2.0\r\n")
                writer.append(via)
                writer.append("From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: \(size)\r\nCSeq: 1 \(method)\r\n")
                writer.append("Content-Length: \(size)\r\n\r\n" + String(repeating: "x", count: size))
            }
            #expect(sent != nil)
            #expect(user.failures.count == failures, "\(size) bytes")
        }
    }

    @Test func aClientOfRFC2543IsMatchedWithoutCookie() {
        func text(_ method: String, _ to: String = "") -> String {
            """
            \(method) sip:bob@192.0.2.2 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.1:5060
            From: <sip:a@b>;tag=1
            To: <sip:c@d>\(to)
            Call-ID: old
            CSeq: 1 \(method)
            Content-Length: 0


            """
        }
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 486) } }
        sendRaw(text("INVITE"))
        sendRaw(text("INVITE"))
        network.run(for: .milliseconds(100))
        #expect(bob.requests.count == 1)
        sendRaw(text("ACK", ";tag=whatever"))
        network.run(for: .seconds(60))
        // The ACK was taken by the transaction: it ended, and nobody was told.
        #expect(bob.requests.count == 1)
        #expect(answers().filter { $0 == "SIP/2.0 486 Busy Here" }.count == 2)
        #expect(bob.layer.transactionCount == 0)
    }

    /// RFC 4475 §3.1.2.1: what stands before the flaw says where the answer goes.
    @Test func aRequestWithAMalformedViaIsAnswered() {
        sendRaw("OPTIONS sip:b@c SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;;,;,,\nContent-Length: 0\n\n")
        sendRaw("ACK sip:b@c SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;;,;,,\nContent-Length: 0\n\n")
        sendRaw("OPTIONS sip:b@c SIP/2.0\nVia: SIP/2.0/UDP\nContent-Length: 0\n\n")
        network.run(for: .seconds(1))
        #expect(answers().map { $0.prefix(11) } == ["SIP/2.0 400"])
        #expect(bob.requests.isEmpty)
    }

    @Test func brokenRequestsAreAnsweredAndBrokenACKsAreNot() {
        sendRaw("OPTIONS sip:b@c SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\nContent-Length: 9\n\n")
        sendRaw("ACK sip:b@c SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\nContent-Length: 9\n\n")
        sendRaw("OPTIONS sip:b@c SIP/2.0\nContent-Length: 0\n\n")
        sendRaw("nonsense\n\n")
        sendRaw("\n\n")
        network.run(for: .seconds(1))
        #expect(answers() == ["SIP/2.0 400 Content-Length is larger than the body"])
        #expect(bob.layer.counters.malformed == 2)
        #expect(bob.layer.counters.keepAlives == 1)
        #expect(bob.requests.isEmpty)
    }

    @Test func forgedResponsesFindNoTransaction() throws {
        bob.onRequest = { _, _, _ in }
        alice.send("OPTIONS", to: "sip:bob@192.0.2.2", from: "alice", via: bob.node)
        network.run(for: .milliseconds(50))
        let via = try #require(bob.requests.first?.values(of: .via).first)
        let forged = via.replacing("z9hG4bK", with: "z9hG4bKf")
        bob.layer.sendDirectly(
            Array("SIP/2.0 200 OK\r\nVia: \(forged)\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".utf8),
            Flow(transport: .udp, listener: 0, local: bob.node.address, remote: alice.node.address))
        network.run(for: .milliseconds(50))
        #expect(alice.responses.isEmpty)
        #expect(alice.layer.counters.strayResponses == 1)
    }

    @Test func aLargeRequestGoesByTCP() {
        alice.send(
            "MESSAGE", to: "sip:bob@192.0.2.2", from: "alice", via: bob.node, body: String(repeating: "x", count: 1_400)
        )
        network.run(for: .seconds(1))
        #expect(bob.requests.first?.values(of: .via).first?.hasPrefix("SIP/2.0/TCP") == true)
        #expect(alice.responses.map(\.statusCode) == [200])
    }

    @Test func aLargeRequestReturnsToUDPWhenTCPFails() throws {
        // The far end's TCP is dead: its connection ends before anything came.
        let transaction = try #require(
            alice.send(
                "MESSAGE", to: "sip:bob@192.0.2.2", from: "alice", via: bob.node,
                body: String(repeating: "x", count: 1_400)))
        alice.layer.connectionClosed(transaction.flow.connection, "connection refused")
        network.run { alice.responses.count == 1 }
        #expect(transaction.flow.transport == .udp)
        #expect(
            bob.requests.contains { $0.values(of: .via).first?.hasPrefix("SIP/2.0/UDP 192.0.2.1:5060;rport") == true })
    }

    @Test func anICMPErrorEndsTheTransactionThatItConcerns() {
        network.remove(bob.node)
        alice.send("OPTIONS", to: "sip:bob@192.0.2.2", from: "alice", via: bob.node)
        alice.send("OPTIONS", to: "sip:bob@192.0.2.2", from: "alice", via: bob.node)
        network.run(for: .milliseconds(100))
        let datagram = network.trace[0].bytes
        datagram.withUnsafeBytes { _ = alice.layer.datagramFailed($0, "connection refused") }
        #expect(alice.failures == [.transport("connection refused")])
        network.run(for: .seconds(60))
        #expect(alice.failures == [.transport("connection refused"), .timeout])
    }

    @Test func aFullLaneShedsWith503() {
        let network = SimulatedNetwork(seed: 2)
        var configuration = EndpointConfiguration()
        configuration.transactionLimit = 3
        let alice = ScriptedPeer(network.node("192.0.2.1:5060"))
        let bob = ScriptedPeer(network.node("192.0.2.2:5060"), configuration: configuration)
        bob.onRequest = { _, _, _ in }
        for _ in 0..<5 { alice.send("OPTIONS", to: "sip:bob@192.0.2.2", from: "alice", via: bob.node) }
        network.run(for: .milliseconds(100))
        #expect(bob.layer.counters.serverTransactions == 3)
        #expect(alice.responses.map(\.statusCode) == [503, 503])
        #expect(alice.responses.first?[.retryAfter] == "5")
        #expect(bob.layer.counters.shed == 2)
    }

    @Test func theResponseGoesWhereViaSays() {
        // Without rport: to the port of sent-by. The source is alice's address.
        let other = ScriptedPeer(network.node("192.0.2.1:5099"))
        sendRaw(
            """
            OPTIONS sip:bob@192.0.2.2 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.1:5099;branch=z9hG4bKport
            From: <sip:a@b>;tag=1
            To: <sip:c@d>
            Call-ID: port
            CSeq: 1 OPTIONS
            Content-Length: 0


            """)
        network.run(for: .seconds(1))
        #expect(network.trace.last?.destination == other.node.address)
    }
}
