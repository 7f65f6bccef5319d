import Proxy
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

/// What a proxy does when a server of a domain is of no use (RFC 3263 §4.3, RFC 3261 §16.7, §16.9).
@Suite struct FailOverTests {
    private let network = SimulatedNetwork(seed: 5)
    private let host: ProxyHost
    private let caller: ScriptedPeer
    private let first: ScriptedPeer
    private let second: ScriptedPeer

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.9:5060"))
        first = ScriptedPeer(network.node("192.0.2.20:5070"))
        second = ScriptedPeer(network.node("192.0.2.21:5071"))
        network.hosts["a.test"] = [first.node.address]
        network.hosts["b.test"] = [second.node.address]
        network.names.servers["_sip._udp.far.test"] = [
            SRVRecord(priority: 1, weight: 0, port: 5_070, target: "a.test"),
            SRVRecord(priority: 2, weight: 0, port: 5_071, target: "b.test"),
        ]
    }

    private func always(_ status: StatusCode, _ headers: String...) -> (ScriptedPeer, Message, ServerTransaction?) ->
        Void
    {
        { peer, _, transaction in if let transaction { peer.answer(transaction, status, headers: headers) } }
    }

    @discardableResult
    private func ask(_ method: String = "OPTIONS", for seconds: Int = 100) -> [UInt16] {
        let before = caller.responses.count
        caller.send(method, to: "sip:bob@far.test", from: "alice", via: host.node)
        network.run(
            for: .seconds(seconds), until: { caller.responses.dropFirst(before).contains { $0.statusCode.isFinal } })
        return caller.responses.dropFirst(before).map(\.statusCode.rawValue).filter { $0 != 100 }
    }

    @Test(
        "A 503 leads to the next server, in a transaction of its own",
        arguments: ["INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE"])
    func unavailable(method: String) throws {
        first.onRequest = always(503)
        #expect(ask(method) == [200])
        let requests = try [first, second].map { try #require($0.requests.first) }
        let branches = requests.map { $0[.via]?.split(separator: ";").first { $0.hasPrefix("branch=") } }
        #expect(branches[0] != branches[1])
        #expect(requests[0][.callID] == requests[1][.callID] && requests[0][.cSeq] == requests[1][.cSeq])
        #expect(host.proxy.counters.nextServers == 1)
    }

    @Test("Silence leads to the next server")
    func silence() {
        network.remove(first.node)
        #expect(ask("INVITE") == [200])
        #expect(second.requests.map(\.method) == [.invite])
    }

    @Test(
        "RFC 4321 §1.1: who sends other than INVITE has given up when its proxy does; the next finds the server")
    func silenceOfOthers() {
        network.remove(first.node)
        #expect(ask(for: 40) == [])
        #expect(ask(for: 1) == [200])
    }

    @Test("RFC 3261 §16.7 step 6: when all have answered 503, the caller hears 500", arguments: ["INVITE", "OPTIONS"])
    func allUnavailable(method: String) {
        first.onRequest = always(503, "Retry-After: 100")
        second.onRequest = always(503)
        #expect(ask(method) == [500])
        // Both rest, and yet one is tried: there is no other.
        second.onRequest = always(200)
        #expect(ask(method) == [200])
    }

    @Test("Other refusals are answers", arguments: [404, 480, 486, 500, 600] as [UInt16])
    func refused(status: UInt16) {
        first.onRequest = always(StatusCode(rawValue: status))
        #expect(ask("INVITE") == [status])
        #expect(second.requests.isEmpty)
    }

    @Test("A server that has failed rests, and comes back by one request")
    func rest() {
        first.onRequest = always(503)
        ask()
        for _ in 0..<5 { #expect(ask() == [200]) }
        #expect(first.requests.count == 1 && second.requests.count == 6)
        first.onRequest = always(200)
        network.run(for: .seconds(31))
        for _ in 0..<3 { #expect(ask() == [200]) }
        #expect(first.requests.count == 4 && second.requests.count == 6)
    }

    @Test("While it is probed, others do not go there")
    func probe() {
        network.loses = { [address = first.node.address] in $0.destination == address }
        #expect(ask("INVITE") == [200])
        network.run(for: .seconds(31))
        // The probe is on its way; the next request finds a server at once.
        caller.send("MESSAGE", to: "sip:bob@far.test", from: "alice", via: host.node)
        network.run(for: .seconds(1))
        #expect(ask(for: 1) == [200])
        #expect(second.requests.map(\.method) == [.invite, .ack, .options])
    }

    @Test("RFC 3261 §21.5.4: Retry-After says how long it rests")
    func retryAfter() {
        first.onRequest = always(503, "Retry-After: 5 (busy);duration=60")
        ask()
        first.onRequest = always(200)
        ask()
        #expect(first.requests.count == 1)
        network.run(for: .seconds(6))
        ask()
        #expect(first.requests.count == 2)
    }

    @Test("A CANCEL goes to the server that rings, and no other is tried after it")
    func cancel() throws {
        first.onRequest = always(503)
        second.onRequest = always(180)
        let invite = try #require(caller.send("INVITE", to: "sip:bob@far.test", from: "alice", via: host.node))
        network.run(for: .seconds(5))
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(60))
        #expect(caller.responses.map(\.statusCode).filter { $0 != 100 } == [180, 487])
        #expect(first.cancelled.isEmpty && second.cancelled.count == 1)
    }

    @Test("A caller who gives up while the first is silent is answered, and the second never asked")
    func cancelInSilence() throws {
        network.remove(first.node)
        let invite = try #require(caller.send("INVITE", to: "sip:bob@far.test", from: "alice", via: host.node))
        network.run(for: .seconds(5))
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(200))
        #expect(caller.responses.map(\.statusCode).filter(\.isFinal).count == 1)
        #expect(second.requests.isEmpty)
    }

    @Test("What rang and was then refused by 503 rang there")
    func rang() {
        first.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            peer.answer(transaction, 180)
            peer.answer(transaction, 503)
        }
        #expect(ask("INVITE") == [180, 500])
        #expect(second.requests.isEmpty)
    }

    @Test("A fork of which one branch fails over has one answer")
    func fork() {
        let desk = ScriptedPeer(network.node("192.0.2.30:5060"))
        desk.onRequest = always(486)
        host.users["bob"] = [
            ProxyTarget(uri: Array("sip:bob@far.test".utf8)), ProxyTarget(uri: Array(desk.uri("bob").utf8)),
        ]
        first.onRequest = always(503)
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(caller.responses.map(\.statusCode).filter(\.isFinal) == [200])
        #expect(desk.requests.map(\.method) == [.invite])
        #expect(second.requests.map(\.method) == [.invite, .ack])
    }

    @Test("RFC 3263 §4.4: without state the repetitions of a request go to one server")
    func stateless() {
        host.isStateless = true
        network.names.servers["_sip._udp.far.test"] = (0..<2).map {
            SRVRecord(priority: 1, weight: 1, port: 5_070 + $0, target: $0 == 0 ? "a.test" : "b.test")
        }
        for peer in [first, second] { peer.onRequest = { _, _, _ in } }
        host.users["bob"] = [ProxyTarget(uri: Array("sip:bob@far.test".utf8))]
        var isLopsided = true
        for number in 0..<10 {
            let before = (first.requests.count, second.requests.count)
            caller.send("OPTIONS", to: "sip:bob@192.0.2.1", from: "alice", via: host.node, callID: "\(number)")
            network.run(for: .seconds(40))
            let sent = network.trace.filter { $0.source == host.node.address && $0.startLine.hasPrefix("OPTIONS") }
            let mine = sent.filter { String(decoding: $0.bytes, as: UTF8.self).contains("Call-ID: \(number)\r\n") }
            #expect(mine.count > 5)
            #expect(Set(mine.map(\.destination)).count == 1)
            #expect(first.requests.count + second.requests.count == before.0 + before.1 + 1)
            isLopsided = isLopsided && (first.requests.isEmpty || second.requests.isEmpty)
        }
        #expect(!isLopsided)
    }
}
