import Proxy
import Reactor
import Routing
import SIP
import SIPEndpoint
import TestKit
import Testing

/// Dialogs that a proxy ends by itself, in the middle of a chain of three.
@Suite struct EndingTests {
    let network = SimulatedNetwork(seed: 5)
    let outer: ProxyHost
    let host: ProxyHost
    let inner: ProxyHost
    let caller: ScriptedPeer
    let bob: ScriptedPeer

    init() {
        outer = ProxyHost(network.node("192.0.2.2:5060"))
        host = ProxyHost(network.node("192.0.2.1:5060"))
        inner = ProxyHost(network.node("192.0.2.3:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        bob = ScriptedPeer(network.node("192.0.2.20:5060"))
        outer.users["bob"] = [ProxyTarget(uri: Array("sip:bob@192.0.2.1:5060".utf8))]
        host.users["bob"] = [ProxyTarget(uri: Array("sip:bob@192.0.2.3:5060".utf8))]
        inner.add("bob", (bob, 1_000))
    }

    /// Sets a call up, and gathers what the proxy in the middle has seen of it.
    private func setUp(_ cause: DialogEnding.Cause = .silence, isDirect: Bool = false) throws -> DialogEnding {
        let first = isDirect ? host : outer
        caller.send("INVITE", to: "sip:bob@\(isDirect ? "192.0.2.1" : "192.0.2.2")", from: "alice", via: first.node)
        network.run { bob.requests.contains { $0.method == .ack } }
        let seen = try network.trace.filter { $0.destination == host.node.address }.map { try Message($0.bytes) }
        let invite = try #require(seen.first { $0.method == .invite && $0.isRequest })
        let answer = try #require(seen.first { !$0.isRequest && $0.statusCode == 200 })
        func end(_ address: String?, _ message: Message, _ sequence: UInt32, _ next: SimulatedNode) throws
            -> DialogEnding.End
        {
            let contact = try NameAddress(#require(message.values(of: .contact).first))
            return DialogEnding.End(
                address: Array(try #require(address).utf8), target: contact.uri.bytes, sequence: sequence,
                recordRoutes: message.values(of: .recordRoute).map { Array($0.utf8) },
                flow: Flow(transport: .udp, listener: 0, local: host.node.address, remote: next.address))
        }
        return DialogEnding(
            cause: cause, callID: Array(try #require(invite[.callID]).utf8),
            caller: try end(answer[.from], invite, 1, outer.node), callee: try end(answer[.to], answer, 4, inner.node))
    }

    private func end(_ ending: DialogEnding) throws {
        for toCaller in [true, false] {
            let message = try #require(host.proxy.goodbye(ending, toCaller: toCaller, host.layer))
            host.proxy.send(
                message, to: [], arrival: toCaller ? ending.callee.flow : ending.caller.flow, in: host.layer)
        }
    }

    @Test(arguments: [
        (DialogEnding.Cause.silence, "SIP;cause=408;text=\"Media time-out\""),
        (.insecurity, "SIP;cause=488;text=\"Media encryption failed\""),
    ])
    func bothEndsGetTheByeOfTheOther(cause: DialogEnding.Cause, reason: String) throws {
        let ending = try setUp(cause)
        try end(ending)
        network.run { caller.requests.contains { $0.method == .bye } && bob.requests.contains { $0.method == .bye } }
        let invite = try #require(bob.requests.first)
        let answer = try #require(caller.responses.last)
        let toBob = try #require(bob.requests.last)
        #expect(toBob.view.text(toBob.view.startLine.uriRange) == bob.uri("here"))
        #expect(toBob[.from] == invite[.from] && toBob[.to] == answer[.to])
        #expect(toBob[.cSeq] == "2 BYE")
        #expect(toBob[.callID] == invite[.callID])
        #expect(toBob[.reason] == reason)
        // By way of the proxy between, which has taken its Route away.
        #expect(toBob.values(of: .via).count == 2 && toBob.values(of: .route).isEmpty)
        #expect(toBob[.maxForwards] == "69")
        let toCaller = try #require(caller.requests.last)
        #expect(toCaller.view.text(toCaller.view.startLine.uriRange) == caller.uri("alice"))
        #expect(toCaller[.from] == answer[.to] && toCaller[.to] == answer[.from])
        #expect(toCaller[.cSeq] == "5 BYE")
        #expect(toCaller.values(of: .via).count == 2 && toCaller.values(of: .route).isEmpty)
        #expect(network.trace.filter { $0.source == host.node.address && $0.startLine.hasPrefix("BYE") }.count == 2)
        network.run(for: .seconds(100))
        #expect(host.layer.transactionCount == 0)
    }

    /// Whatever it is answered, also not at all, the call is over; and nobody is told of the answer.
    @Test(arguments: [481, 407, 500, 408] as [StatusCode])
    func theAnswerDoesNotMatter(status: StatusCode) throws {
        let ending = try setUp()
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, status) } }
        network.remove(caller.node)
        try end(ending)
        network.run(for: .seconds(100))
        #expect(bob.requests.last?.method == .bye)
        #expect(host.conclusions == [200, 200, 200])
        #expect(host.layer.transactionCount == 0)
        // The one who is gone was asked again and again.
        let asked = network.trace.filter { $0.source == host.node.address && $0.destination == outer.node.address }
        #expect(asked.filter { $0.startLine.hasPrefix("BYE") }.count >= 1)
    }

    /// A phone behind a NAT tells a contact that leads nowhere: its BYE goes by the flow of its registration.
    @Test func anEndBehindANATIsReachedByItsFlow() throws {
        let contact = "sip:bob@10.0.0.9:5060"
        let flow = Flow(transport: .udp, listener: 0, local: host.node.address, remote: bob.node.address)
        host.users["bob"] = [ProxyTarget(uri: Array(contact.utf8), flow: flow, isBehindNAT: true)]
        bob.onRequest = { peer, message, transaction in
            guard let transaction else { return }
            peer.layer.respond(transaction, 200, copiesRecordRoute: true) {
                $0.append("Contact: <\(contact)>\r\n")
            }
        }
        let ending = try setUp(isDirect: true)
        try end(ending)
        network.run(for: .seconds(40))
        let bye = try #require(bob.requests.last)
        #expect(bye.method == .bye && bye.view.text(bye.view.startLine.uriRange) == contact)
        #expect(caller.requests.last?.method == .bye)
        #expect(host.conclusions == [200, 200, 200])
    }

    @Test func oneThatIsLostIsRepeated() throws {
        let ending = try setUp()
        var lost = 0
        network.loses = { passage in
            guard passage.startLine.hasPrefix("BYE"), lost < 3 else { return false }
            lost += 1
            return true
        }
        try end(ending)
        network.run(for: .seconds(20))
        #expect(lost == 3)
        #expect(caller.requests.last?.method == .bye && bob.requests.last?.method == .bye)
    }

    /// A proxy that has not record-routed is not on the way, and one whose value is not its own has nothing to say.
    @Test func aDialogThatPassesByIsLeftAlone() throws {
        var ending = try setUp()
        let own = try #require(
            ending.callee.recordRoutes.firstIndex { String(decoding: $0, as: UTF8.self).contains("192.0.2.1") })
        ending.callee.recordRoutes.remove(at: own)
        for toCaller in [true, false] { #expect(host.proxy.goodbye(ending, toCaller: toCaller, host.layer) == nil) }
        ending = try setUp()
        ending.callID = Array("another".utf8)
        for toCaller in [true, false] { #expect(host.proxy.goodbye(ending, toCaller: toCaller, host.layer) == nil) }
        ending = try setUp()
        ending.caller.target = []
        #expect(host.proxy.goodbye(ending, toCaller: true, host.layer) == nil)
        #expect(host.proxy.goodbye(ending, toCaller: false, host.layer) != nil)
    }
}
