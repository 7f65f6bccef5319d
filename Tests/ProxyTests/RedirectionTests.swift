import Proxy
import SIP
import SIPEndpoint
import TestKit
import Testing

/// RFC 3261 §16.7 step 4.
@Suite struct RedirectionTests {
    let network: SimulatedNetwork
    let host: ProxyHost
    let caller: ScriptedPeer

    init() {
        network = SimulatedNetwork(seed: 11)
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        host.redirections = { [ProxyTarget(uri: $0.bytes)] }
    }

    private func peer(_ number: Int) -> ScriptedPeer {
        host.peers.append(ScriptedPeer(network.node("192.0.2.\(number):5060")))
        return host.peers[host.peers.count - 1]
    }

    /// A phone that sends its callers on.
    private func redirecting(_ number: Int, to contacts: String...) -> ScriptedPeer {
        let peer = peer(number)
        peer.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            peer.layer.respond(transaction, 302) { writer in
                for contact in contacts { writer.append("Contact: \(contact)\r\n") }
            }
        }
        return peer
    }

    private func ringing(_ number: Int, then status: StatusCode? = nil) -> ScriptedPeer {
        let peer = peer(number)
        peer.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            peer.answer(transaction, 180)
            if let status { peer.answer(transaction, status) }
        }
        return peer
    }

    private func call(_ uri: String = "sip:bob@192.0.2.1", for time: Duration = .seconds(100)) {
        caller.send("INVITE", to: uri, from: "alice", via: host.node)
        network.run(for: time)
    }

    private var finals: [UInt16] {
        caller.responses.filter { $0.statusCode.isFinal }.map(\.statusCode.rawValue)
    }

    @Test func aRedirectionIsFollowedAndTheCallerHearsNothingOfIt() throws {
        let carol = peer(30)
        host.add("bob", (redirecting(20, to: "<sip:carol@192.0.2.30;method=INVITE?Subject=x>"), 1_000))
        call()
        #expect(finals == [200])
        // Neither headers nor `method` stand in a Request-URI (§19.1.1).
        let invite = try #require(carol.requests.first)
        #expect(invite.withView { $0.text($0.startLine.uriRange) } == "sip:carol@192.0.2.30")
        #expect(host.proxy.counters.redirections == 1)
        #expect(host.layer.transactionCount == 0)
    }

    @Test func whatMayNotBeFollowedGoesBack() throws {
        host.redirections = { _ in [] }
        host.add("bob", (redirecting(20, to: "<sip:carol@192.0.2.30>"), 1_000))
        call()
        #expect(finals == [302])
        #expect(caller.responses.last?.values(of: .contact) == ["<sip:carol@192.0.2.30>"])
    }

    /// A request for somebody else's resource goes where its sender says (§16.5).
    @Test func aRequestForElsewhereIsNotSentOn() {
        let carol = peer(30)
        _ = redirecting(20, to: "<sip:carol@192.0.2.30>")
        call("sip:bob@192.0.2.20")
        #expect(finals == [302])
        #expect(carol.requests.isEmpty)
    }

    @Test func redirectionsHaveALimit() {
        host.proxy.configuration.redirectionLimit = 2
        let last = peer(33)
        _ = redirecting(30, to: "<sip:a@192.0.2.31>")
        _ = redirecting(31, to: "<sip:a@192.0.2.32>")
        _ = redirecting(32, to: "<sip:a@192.0.2.33>")
        host.add("bob", (redirecting(20, to: "<sip:a@192.0.2.30>"), 1_000))
        call()
        #expect(finals == [302])
        #expect(caller.responses.last?.values(of: .contact) == ["<sip:a@192.0.2.32>"])
        #expect(last.requests.isEmpty)
    }

    @Test func nobodyIsTriedTwice() {
        let carol = redirecting(30, to: "<sip:bob@192.0.2.20:5060>")
        let bob = redirecting(20, to: "<sip:carol@192.0.2.30>")
        host.add("bob", (bob, 1_000))
        call()
        #expect(finals == [480])
        #expect(bob.requests.filter { $0.method == .invite }.count == 1)
        #expect(carol.requests.filter { $0.method == .invite }.count == 1)
    }

    @Test func theTargetSetHasALimit() {
        host.proxy.configuration.branchLimit = 3
        let others = (31...34).map { ringing($0, then: 486) }
        let bob = redirecting(
            20, to: "<sip:a@192.0.2.31>, <sip:a@192.0.2.32>", "<sip:a@192.0.2.33>, <sip:a@192.0.2.34>")
        host.add("bob", (bob, 1_000))
        call()
        #expect(finals == [486])
        #expect(others.map(\.requests.count) == [1, 1, 0, 0])
    }

    /// The contacts go by their q; the best of them takes the redirecting phone's place while others ring.
    @Test func contactsGoInTheirOrder() {
        let (desk, best, second, cell) = (ringing(21), ringing(31, then: 486), ringing(32, then: 486), peer(22))
        let bob = redirecting(20, to: "<sip:a@192.0.2.32>;q=0.3", "<sip:a@192.0.2.31>;q=0.7")
        host.proxy.configuration.ringTime = .seconds(10)
        host.add("bob", (bob, 900), (desk, 900), (cell, 200))
        call(for: .seconds(5))
        #expect(desk.cancelled.isEmpty)
        #expect(best.requests.map(\.method) == [.invite])
        #expect(second.requests.isEmpty)
        // The time to ring begins anew with the redirection.
        network.run(for: .seconds(10))
        #expect(desk.cancelled.count == 1)
        #expect(second.requests.map(\.method) == [.invite])
        network.run(for: .seconds(100))
        #expect(finals == [200])
        #expect(cell.requests.map(\.method) == [.invite, .ack])
    }

    @Test func whatWasNotFollowedGoesBackWhenAllElseFails() {
        _ = ringing(30, then: 404)
        host.redirections = { $0.host == "192.0.2.30" ? [ProxyTarget(uri: $0.bytes)] : [] }
        host.add("bob", (redirecting(20, to: "<sip:carol@192.0.2.30>, <sip:c@elsewhere.test>"), 1_000))
        call()
        #expect(finals == [302])
        #expect(caller.responses.last?.values(of: .contact) == ["<sip:c@elsewhere.test>"])
    }

    @Test func aSecureRequestIsNotLedToAnInsecurePlace() {
        let carol = peer(30)
        host.users["bob"] = [ProxyTarget(uri: Array("sip:bob@192.0.2.20".utf8))]
        _ = redirecting(20, to: "<sip:carol@192.0.2.30>")
        call("sips:bob@192.0.2.1:5060")
        #expect(finals == [302])
        #expect(carol.requests.isEmpty)
    }

    /// One Contact may stand for several, as the contacts of a user of ours.
    @Test func theContactsOfAUserOfOursAllRing() {
        let (one, two) = (ringing(31), ringing(32, then: 200))
        host.redirections = { _ in
            [one, two].map { ProxyTarget(uri: Array($0.uri("carol").utf8)) }
        }
        host.add("bob", (redirecting(20, to: "<sip:carol@192.0.2.1>"), 1_000))
        call()
        #expect(finals == [200])
        #expect(one.cancelled.count == 1)
    }

    @Test func theCallerCancelsWhoWasSentOn() throws {
        let carol = ringing(30)
        host.add("bob", (redirecting(20, to: "<sip:carol@192.0.2.30>"), 1_000))
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run(for: .seconds(2))
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(100))
        #expect(carol.cancelled.count == 1)
        #expect(finals == [487])
        #expect(host.layer.transactionCount == 0)
    }

    @Test func otherMethodsAreSentOnToo() {
        let carol = peer(30)
        host.add("bob", (redirecting(20, to: "<sip:carol@192.0.2.30>"), 1_000))
        caller.send("MESSAGE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(40))
        #expect(finals == [200])
        #expect(carol.requests.map(\.method) == [.message])
    }
}
