import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// A caller who hangs up before anything has come for his INVITE, which cannot be cancelled yet (RFC 3261 §9.1, §15): whatever comes
/// then, nobody is called in his name any more.
@Suite struct LostHangUpTests {
    private let network = SimulatedNetwork(seed: 5)
    private let alice: SimulatedPhone
    private let peer: ScriptedPeer

    init() {
        alice = SimulatedPhone(
            "alice", network.node("10.0.0.1:5060"),
            credentials: DigestClient(
                accounts: [DigestAccount(username: "alice", password: "secret")], hash: .crypto))
        peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        // Nothing comes before what a test wants.
        network.loses = { $0.startLine.hasPrefix("SIP/2.0 100") }
    }

    private func invites(_ peer: ScriptedPeer) -> Int { peer.requests.count { $0.method == .invite } }

    @Test(
        "Before a refusal that would lead to another INVITE",
        arguments: [
            (401, "WWW-Authenticate: Digest realm=\"test\", nonce=\"n\", algorithm=MD5"),
            (407, "Proxy-Authenticate: Digest realm=\"test\", nonce=\"n\", algorithm=MD5"),
            (302, "X-Moved: yes"), (422, "Min-SE: 3600"), (503, "Retry-After: 60"),
        ] as [(UInt16, String)])
    func refused(status: UInt16, header: String) throws {
        let elsewhere = ScriptedPeer(network.node("10.0.0.10:5060"))
        var held: ServerTransaction?
        peer.onRequest = { _, _, transaction in held = transaction }
        try alice.call(try URI("sip:bob@10.0.0.9"))
        network.run(for: .milliseconds(100))
        alice.call.hangUp()
        let transaction = try #require(held)
        peer.layer.respond(transaction, status: StatusCode(rawValue: status)) { writer in
            peer.layer.writeHead(transaction, StatusCode(rawValue: status), nil, false, into: &writer)
            writer.append("\(header)\r\nContact: <sip:bob@10.0.0.10>\r\nContent-Length: 0\r\n\r\n")
        }
        network.run(for: .seconds(40))
        #expect(alice.story == ["ended 487 local"])
        #expect(invites(peer) == 1 && elsewhere.requests.isEmpty)
    }

    /// Two servers of one domain, the first of which is in trouble.
    private func twoServers() throws -> ScriptedPeer {
        let second = ScriptedPeer(network.node("10.0.0.10:5071"))
        network.hosts["a.test"] = [peer.node.address]
        network.hosts["b.test"] = [second.node.address]
        network.names.servers["_sip._udp.far.test"] = [
            SRVRecord(priority: 1, weight: 0, port: 5_060, target: "a.test"),
            SRVRecord(priority: 2, weight: 0, port: 5_071, target: "b.test"),
        ]
        return second
    }

    @Test("While the first of two servers is silent")
    func silent() throws {
        let second = try twoServers()
        network.remove(peer.node)
        try alice.call(try URI("sip:bob@far.test"))
        network.run(for: .seconds(1))
        alice.call.hangUp()
        network.run(for: .seconds(80))
        #expect(alice.story == ["ended 487 local"])
        #expect(second.requests.isEmpty)
    }

    @Test("While the first of two servers refuses with 503, without a 100 before")
    func unavailable() throws {
        let second = try twoServers()
        var held: ServerTransaction?
        peer.onRequest = { _, _, transaction in held = transaction }
        try alice.call(try URI("sip:bob@far.test"))
        network.run(for: .milliseconds(150))
        alice.call.hangUp()
        peer.answer(try #require(held), 503)
        network.run(for: .seconds(80))
        #expect(alice.story == ["ended 487 local"])
        #expect(second.requests.isEmpty)
    }

    @Test("While the servers of a redirection are looked for")
    func locating() throws {
        let second = try twoServers()
        peer.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            peer.layer.respond(transaction, status: 302) { writer in
                peer.layer.writeHead(transaction, 302, nil, false, into: &writer)
                writer.append("Contact: <sip:bob@far.test>\r\nContent-Length: 0\r\n\r\n")
            }
        }
        try alice.call(try URI("sip:bob@10.0.0.9"))
        // The refusal is there, and names are still being asked for.
        network.run(until: { !network.names.questions.isEmpty })
        alice.call.hangUp()
        network.run(for: .seconds(80))
        #expect(alice.story == ["ended 487 local"])
        #expect(invites(peer) == 1 && second.requests.isEmpty)
    }

    @Test("Of the addresses of a redirection the next is not tried when the first is silent")
    func redirected() throws {
        let elsewhere = ScriptedPeer(network.node("10.0.0.10:5060"))
        peer.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            peer.layer.respond(transaction, status: 302) { writer in
                peer.layer.writeHead(transaction, 302, nil, false, into: &writer)
                writer.append("Contact: <sip:x@10.0.0.77>, <sip:bob@10.0.0.10>\r\nContent-Length: 0\r\n\r\n")
            }
        }
        try alice.call(try URI("sip:bob@10.0.0.9"))
        network.run(for: .seconds(1))
        alice.call.hangUp()
        network.run(for: .seconds(80))
        #expect(alice.story == ["ended 487 local"])
        #expect(elsewhere.requests.isEmpty)
    }

    @Test("RFC 3261 §13.2.2.4: a 2xx that is the first that comes is acknowledged and ended")
    func answered() throws {
        var held: ServerTransaction?
        peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            if request.method == .invite { held = transaction } else { peer.answer(transaction, 200) }
        }
        try alice.call(try URI("sip:bob@10.0.0.9"))
        network.run(for: .milliseconds(100))
        alice.call.hangUp()
        peer.answer(try #require(held), 200, type: "application/sdp", body: Sample.description)
        network.run(for: .seconds(40))
        #expect(alice.story == ["ended 487 local"])
        #expect(peer.requests.map(\.method) == [.invite, .ack, .bye])
    }

    @Test("Who has hung up and then moves to another network does not call from there")
    func moved() throws {
        peer.onRequest = { _, _, _ in }
        try alice.call(try URI("sip:bob@10.0.0.9"))
        network.run(for: .milliseconds(100))
        alice.call.hangUp()
        alice.node.move(to: "10.9.0.1:5060")
        alice.agent.relocate()
        network.run(for: .seconds(80))
        #expect(alice.story == ["ended 487 local"])
        #expect(Set(peer.requests.compactMap { $0[.cSeq] }) == ["1 INVITE"])
    }
}
