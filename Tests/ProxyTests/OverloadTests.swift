import Proxy
import Reactor
import Routing
import SIP
import SIPEndpoint
import TestKit
import Testing

/// Overload control between neighbours: a proxy that is a server to some and a client of others (RFC 7339, RFC 7415).
@Suite struct OverloadTests {
    private let network = SimulatedNetwork(seed: 11)

    private static let sheds: EndpointConfiguration = {
        var result = EndpointConfiguration()
        result.overload.sheds = true
        return result
    }()

    private static let offers: EndpointConfiguration = {
        var result = EndpointConfiguration()
        result.overload.isOffered = true
        result.overload.offersRate = true
        return result
    }()

    private func peer(_ address: String, _ configuration: EndpointConfiguration = .init()) -> ScriptedPeer {
        ScriptedPeer(network.node(address), configuration: configuration)
    }

    private func run(_ milliseconds: Int) { network.run(for: .milliseconds(milliseconds)) }

    /// Sends a request and waits for what comes of it.
    @discardableResult
    private func ask(
        _ caller: ScriptedPeer, _ method: String = "OPTIONS", to uri: String, via node: SimulatedNode,
        headers: [String] = [], toTag: String? = nil
    ) -> Message? {
        let before = caller.responses.count
        caller.send(method, to: uri, from: "alice", via: node, headers: headers, toTag: toTag)
        run(120)
        return caller.responses.dropFirst(before).first { $0.statusCode.isFinal }
    }

    /// Has a server keep its clients waiting until it takes next to nothing that is new.
    private func overload(_ server: ScriptedPeer) {
        server.node.load = (.zero, 1_000_000, 0)
        let other = peer("192.0.2.99:5060")
        for _ in 0..<12 { ask(other, to: "sip:b@\(server.node.address)", via: server.node) }
    }

    // MARK: As a server

    @Test("§5.10.2: clients that take no part are refused by 503 without Retry-After, but not within what has begun")
    func refusing() throws {
        let server = peer("192.0.2.1:5060", Self.sheds)
        let caller = peer("192.0.2.9:5060")
        let uri = "sip:b@192.0.2.1:5060"
        #expect(ask(caller, to: uri, via: server.node)?.statusCode == 200)
        overload(server)
        #expect(server.layer.admission == OverloadController.leastShare)
        var refused = 0
        for _ in 0..<50 {
            let answer = try #require(ask(caller, "INVITE", to: uri, via: server.node))
            guard answer.statusCode == 503 else { continue }
            refused += 1
            #expect(answer[.retryAfter] == nil)
            #expect(answer[.via]?.contains("oc") == false)
        }
        #expect(refused > 40)
        #expect(server.layer.counters.overloadShed >= UInt64(refused))
        for method in ["INVITE", "BYE", "UPDATE", "MESSAGE"] {
            #expect(ask(caller, method, to: uri, via: server.node, toTag: "x")?.statusCode == 200)
        }
        for emergency in ["urn:service:sos", "URN:service:SOS.fire"] {
            #expect(ask(caller, "INVITE", to: emergency, via: server.node)?.statusCode == 200)
        }
        // With nobody waiting it takes all again.
        server.node.load.waiting = 0
        for _ in 0..<60 { ask(caller, to: uri, via: server.node) }
        #expect(server.layer.admission == 1)
        #expect(ask(caller, to: uri, via: server.node)?.statusCode == 200)
    }

    /// Elsewhere the comma between two algorithms has requests dropped.
    @Test("§5.1: without a rate the offer is the loss that all must know, alone")
    func theOfferIsPlain() throws {
        let server = peer("192.0.2.1:5060", Self.sheds)
        var configuration = Self.offers
        configuration.overload.offersRate = OverloadConfiguration().offersRate
        let caller = peer("192.0.2.9:5060", configuration)
        #expect(ask(caller, to: "sip:b@192.0.2.1:5060", via: server.node)?.statusCode == 200)
        #expect(server.requests.last?[.via]?.hasSuffix(";oc;oc-algo=\"loss\"") == true)
    }

    @Test("Requests of a priority that was named are not refused, those of others are", arguments: [true, false])
    func priority(isNamed: Bool) throws {
        var configuration = Self.sheds
        if isNamed { configuration.overload.priorities = [Array("ets.0".utf8)] }
        let server = peer("192.0.2.1:5060", configuration)
        overload(server)
        let caller = peer("192.0.2.9:5060")
        var taken = 0
        for _ in 0..<20 {
            let answer = ask(
                caller, to: "sip:b@192.0.2.1:5060", via: server.node, headers: ["Resource-Priority: wps.4, ETS.0"])
            if answer?.statusCode == 200 { taken += 1 }
        }
        #expect(isNamed ? taken == 20 : taken < 5)
    }

    @Test("§5.1, §5.2: clients that take part are told, with rising numbers, and are not refused")
    func feedback() throws {
        let server = peer("192.0.2.1:5060", Self.sheds)
        let caller = peer("192.0.2.9:5060", Self.offers)
        let uri = "sip:b@192.0.2.1:5060"
        let calm = try #require(ask(caller, to: uri, via: server.node)?[.via])
        #expect(calm.contains(";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq="))
        #expect(server.requests.last?[.via]?.hasSuffix(";oc;oc-algo=\"loss,rate\"") == true)
        overload(server)
        // What waited has been worked off: the server takes little, and more each time.
        server.node.load.waiting = 0
        var sequences: [OverloadSequence] = []
        var losses: [Int] = []
        for _ in 0..<5 {
            let answer = try #require(ask(caller, to: uri, via: server.node))
            #expect(answer.statusCode == 200)
            let feedback = try #require(answer.withView { OverloadFeedback($0, try $0.topVia) })
            guard case .loss(let loss) = feedback.limit else { continue }
            losses.append(loss)
            #expect(feedback.validity == .milliseconds(500))
            sequences.append(try #require(feedback.sequence))
        }
        for (one, next) in zip(sequences, sequences.dropFirst()) { #expect(one < next) }
        #expect(losses.count == 5 && losses == losses.sorted(by: >) && losses.allSatisfy { (85...99).contains($0) })
        // 100 Trying has it too (§5.11), and so has each response of an INVITE.
        let before = caller.responses.count
        server.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            peer.layer.respond(transaction, 100)
            peer.answer(transaction, 180)
            peer.answer(transaction, 486)
        }
        ask(caller, "INVITE", to: uri, via: server.node)
        let answers = caller.responses.dropFirst(before)
        #expect(answers.map(\.statusCode) == [100, 180, 486])
        for answer in answers {
            #expect(answer[.via]?.contains(";oc-algo=\"loss\";oc-validity=500;oc-seq=") == true)
        }
    }

    @Test("A client that is told to send less and does not is refused in the end")
    func trust() {
        let server = peer("192.0.2.1:5060", Self.sheds)
        let caller = peer("192.0.2.9:5060", Self.offers)
        server.node.load.waiting = 1_000_000
        var statuses: [StatusCode] = []
        for _ in 0..<60 {
            // Each window is as bad as the one before: the share cannot fall any more, and yet they wait.
            statuses.append(ask(caller, to: "sip:b@192.0.2.1:5060", via: server.node)?.statusCode ?? 0)
        }
        #expect(statuses.prefix(3).allSatisfy { $0 == 200 })
        #expect(statuses.suffix(30).count { $0 == 503 } > 20)
    }

    @Test("RFC 7415 §3.4: who can count is told a rate, what it has sent of late or less; others are told by loss")
    func rates() throws {
        var configuration = Self.sheds
        configuration.overload.algorithm = .rate
        let server = peer("192.0.2.1:5060", configuration)
        let caller = peer("192.0.2.9:5060", Self.offers)
        let uri = "sip:b@192.0.2.1:5060"
        #expect(ask(caller, to: uri, via: server.node)?[.via]?.contains(";oc=0;oc-algo=\"rate\";oc-validity=0") == true)
        server.node.load.waiting = 1_000_000
        var rates: [Int] = []
        for _ in 0..<10 {
            let answer = try #require(ask(caller, to: uri, via: server.node))
            let feedback = try #require(answer.withView { OverloadFeedback($0, try $0.topVia) })
            guard feedback.validity > .zero, case .rate(let rate) = feedback.limit else { continue }
            rates.append(rate)
        }
        // It sends one each 120 ms, that is 8.3 in a second.
        #expect(rates.count >= 8)
        #expect(rates.allSatisfy { (1...9).contains($0) }, "\(rates)")
        #expect(try #require(rates.last) <= 3)
    }

    @Test("§5.2: with feedback switched off all are refused alike, and told nothing")
    func silence() {
        var configuration = Self.sheds
        configuration.overload.givesFeedback = false
        let server = peer("192.0.2.1:5060", configuration)
        overload(server)
        let caller = peer("192.0.2.9:5060", Self.offers)
        let answers = (0..<20).compactMap { _ in ask(caller, to: "sip:b@192.0.2.1:5060", via: server.node) }
        #expect(answers.count { $0.statusCode == 503 } > 15)
        #expect(answers.allSatisfy { $0[.via]?.contains(";oc=") == false })
    }

    // MARK: As a client

    /// A proxy before two servers of one name.
    private func chain() -> (host: ProxyHost, caller: ScriptedPeer, first: ScriptedPeer, second: ScriptedPeer) {
        let host = ProxyHost(network.node("192.0.2.2:5060"), layers: Self.offers)
        let first = peer("192.0.2.20:5070", Self.sheds)
        let second = peer("192.0.2.21:5071", Self.sheds)
        network.hosts["a.test"] = [first.node.address]
        network.hosts["b.test"] = [second.node.address]
        network.names.servers["_sip._udp.far.test"] = [
            SRVRecord(priority: 1, weight: 0, port: 5_070, target: "a.test"),
            SRVRecord(priority: 2, weight: 0, port: 5_071, target: "b.test"),
        ]
        return (host, peer("192.0.2.9:5060"), first, second)
    }

    @Test("§5.10: what one server must not be sent goes to the next of its name, and is refused when there is none")
    func throttling() throws {
        let (host, caller, first, second) = chain()
        for _ in 0..<3 { #expect(ask(caller, to: "sip:bob@far.test", via: host.node)?.statusCode == 200) }
        #expect(second.requests.isEmpty)
        overload(first)
        let before = first.requests.count
        for _ in 0..<40 { #expect(ask(caller, to: "sip:bob@far.test", via: host.node)?.statusCode == 200) }
        // Validity runs for half a second from each response: what reached the first server is the draw of one in a hundred.
        #expect(first.requests.count - before < 15)
        #expect(second.requests.count > 25)
        overload(second)
        let answers = (0..<40).compactMap { _ in ask(caller, to: "sip:bob@far.test", via: host.node) }
        #expect(answers.count == 40)
        let refused = answers.filter { $0.statusCode == 503 }
        #expect(refused.count > 20)
        #expect(refused.allSatisfy { $0[.retryAfter] == nil })
        #expect(host.layer.counters.throttled > 40)
        // What is in a dialog goes through where it can.
        let dialog = try #require(ask(caller, "INVITE", to: "sip:bob@far.test", via: host.node, toTag: "t"))
        #expect(dialog.statusCode == 200)
    }

    @Test(
        "RFC 7415 §3.4, §3.5: a server that names rates and a client that keeps to them, until the server has time again"
    )
    func ratesAreKeptTo() {
        var configuration = Self.sheds
        configuration.overload.algorithm = .rate
        let host = ProxyHost(network.node("192.0.2.2:5060"), layers: Self.offers)
        let server = peer("192.0.2.20:5070", configuration)
        network.hosts["a.test"] = [server.node.address]
        network.names.servers["_sip._udp.far.test"] = [SRVRecord(priority: 1, weight: 0, port: 5_070, target: "a.test")]
        let caller = peer("192.0.2.9:5060")
        /// How many of fifty requests in a second come to the server, whether it takes them or not.
        func arriving() -> UInt64 {
            let before = server.layer.counters.requestsReceived
            for _ in 0..<50 {
                caller.send("OPTIONS", to: "sip:bob@far.test", from: "alice", via: host.node)
                run(20)
            }
            return server.layer.counters.requestsReceived - before
        }
        #expect(arriving() == 50)
        #expect(arriving() == 50)
        server.node.load.waiting = 1_000_000
        let overloaded = (0..<10).map { _ in arriving() }
        // Less and less, but never nothing for long: the client must hear when it is over. The least rate is one in a second.
        #expect(overloaded.suffix(5).allSatisfy { $0 <= 3 } && overloaded.suffix(5).reduce(0, +) >= 4, "\(overloaded)")
        #expect(host.layer.counters.throttled == 500 - overloaded.reduce(0, +))
        server.node.load.waiting = 0
        let after = (0..<10).map { _ in arriving() }
        #expect(after.suffix(5).allSatisfy { $0 == 50 }, "\(after)")
    }

    @Test("§5.6: what the client offers goes no further, and the proxy offers its own, to servers and not to phones")
    func hopByHop() throws {
        var both = Self.sheds
        both.overload.isOffered = true
        both.overload.offersRate = true
        let host = ProxyHost(network.node("192.0.2.2:5060"), layers: both)
        let caller = peer("192.0.2.9:5060", Self.offers)
        let server = peer("192.0.2.20:5060")
        // It says in both Vias what it has no right to say in one, and does not know itself.
        let phone = peer("192.0.2.21:5060")
        host.add("bob", (phone, 1_000))
        #expect(ask(caller, "INVITE", to: "sip:x@192.0.2.20:5060", via: host.node)?.statusCode == 200)
        let vias = try #require(server.requests.first).values(of: .via)
        #expect(vias.map { $0.contains(";oc") } == [true, false])
        let answer = try #require(ask(caller, "INVITE", to: "sip:bob@192.0.2.2:5060", via: host.node))
        #expect(answer[.via]?.contains(";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=") == true)
        #expect(try #require(phone.requests.first).values(of: .via).allSatisfy { !$0.contains(";oc") })
    }

    @Test("A 503 of a server that says how much it wants sends nobody away for half a minute")
    func noRest() {
        let (host, caller, first, second) = chain()
        first.onRequest = { peer, _, transaction in
            if let transaction { peer.answer(transaction, 503) }
        }
        for _ in 0..<3 { #expect(ask(caller, to: "sip:bob@far.test", via: host.node)?.statusCode == 200) }
        #expect(first.requests.count == 3 && second.requests.count == 3)
    }

    @Test("RFC 3261 §21.5.4: one that asks for a rest by Retry-After gets it, whatever it says of overload")
    func rest() {
        let (host, caller, first, second) = chain()
        first.onRequest = { peer, _, transaction in
            if let transaction { peer.answer(transaction, 503, headers: ["Retry-After: 100"]) }
        }
        for _ in 0..<3 { #expect(ask(caller, to: "sip:bob@far.test", via: host.node)?.statusCode == 200) }
        #expect(first.requests.count == 1 && second.requests.count == 3)
        network.run(for: .seconds(100))
        #expect(ask(caller, to: "sip:bob@far.test", via: host.node)?.statusCode == 200)
        #expect(first.requests.count == 2)
    }

    @Test("Once nobody asks for less any more, all targets are taken as they come again")
    func limitsAreForgotten() {
        let (host, caller, first, second) = chain()
        ask(caller, to: "sip:bob@far.test", via: host.node)
        #expect(host.layer.prefersNoTarget)
        overload(first)
        while !host.layer.isThrottled { ask(caller, to: "sip:bob@far.test", via: host.node) }
        #expect(!host.layer.prefersNoTarget)
        network.run(for: .seconds(20))
        #expect(host.layer.isThrottled)
        network.run(for: .seconds(13))
        #expect(!host.layer.isThrottled && host.layer.prefersNoTarget)
        #expect(!second.requests.isEmpty)
    }
}
