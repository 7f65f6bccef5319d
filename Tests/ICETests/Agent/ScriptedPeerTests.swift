import ICE
import Testing

/// What an agent does with what an awkward peer sends (RFC 8445 §7.2.5, §7.3).
@Suite struct ScriptedPeerTests {
    private let own = ip(192, 0, 2, 1, 4_000)
    private let peer = ip(192, 0, 2, 2, 5_000)
    private let theirs = ICEParameters(fragment: [UInt8]("peer".utf8), password: [UInt8]("passwordpasswordpasswo".utf8))

    /// An agent with one socket in a network where the peer is scripted.
    private func agent(
        _ role: ICERole, knowsPeer: Bool = true, candidates: Int = 1, nominatesOnce: Bool = false,
        configuration: ICEConfiguration = ICEConfiguration()
    ) -> SimulatedNetwork {
        let network = SimulatedNetwork(seed: 9)
        _ = network.addAgent(role, configuration: configuration)
        _ = network.with(0) { agent, _ in agent.addStream() }
        network.addSocket(0, 1, own)
        network.delays = 0.001...0.001
        guard knowsPeer else { return network }
        let all = (0..<candidates).map { number in
            Candidate(
                foundation: [UInt8]("\(number)".utf8), component: 1, kind: .host, priority: UInt32(1_000 - number),
                address: peer.with(port: peer.port + UInt16(number)))
        }
        let remote = ICERemote(theirs, candidates: all, nominatesOnce: nominatesOnce)
        network.with(0) { $0.setRemote(remote, stream: 0, now: $1) }
        return network
    }

    private func id(_ number: UInt64) -> STUNTransactionID { STUNTransactionID(upper: 0xAAAA, lower: number) }

    private func request(
        _ network: SimulatedNetwork, _ number: UInt64, nominates: Bool = false, password: [UInt8]? = nil,
        username: [UInt8]? = nil, role: STUNAttribute = .iceControlling, tieBreaker: UInt64 = .max,
        hasPriority: Bool = true, extra: STUNAttribute? = nil, hasFingerprint: Bool = true
    ) -> [UInt8] {
        let local = network.agents[0].localParameters(0)
        return stun(.request, .binding, id(number)) { writer, memory in
            let name = username ?? local.fragment + [UInt8(ascii: ":")] + theirs.fragment
            if !name.isEmpty { try writer.add(.username, name, into: &memory) }
            if hasPriority { try writer.add(.priority, 1_862_270_975 as UInt32, into: &memory) }
            try writer.add(role, tieBreaker, into: &memory)
            if nominates { try writer.add(.useCandidate, into: &memory) }
            if let extra { try writer.add(extra, [1, 2, 3, 4], into: &memory) }
            try writer.addIntegrity(.shortTerm(password ?? local.password), .test, into: &memory)
            if hasFingerprint { try writer.addFingerprint(into: &memory) }
        }
    }

    /// The answers of the agent to a scripted request.
    private func answers(_ network: SimulatedNetwork, _ number: UInt64) -> [[UInt8]] {
        network.sent.map(\.bytes).filter { read($0).transaction == id(number) }
    }

    /// Answers a check of the agent as the peer.
    private func answer(
        _ network: SimulatedNetwork, _ bytes: [UInt8], from source: STUNAddress? = nil,
        to address: STUNAddress? = nil, password: [UInt8]? = nil, mapped: STUNAddress? = nil,
        error: STUNErrorCode? = nil
    ) {
        let response = stun(error == nil ? .success : .error, .binding, read(bytes).transaction) { writer, memory in
            if let error {
                try writer.add(error, into: &memory)
            } else {
                try writer.add(.xorMappedAddress, mapped ?? own, into: &memory)
            }
            try writer.addIntegrity(.shortTerm(password ?? theirs.password), .test, into: &memory)
            try writer.addFingerprint(into: &memory)
        }
        network.inject(response, from: source ?? peer, to: address ?? own)
    }

    private func checks(_ network: SimulatedNetwork) -> [[UInt8]] {
        var seen: Set<STUNTransactionID> = []
        return network.sent.map(\.bytes).filter {
            read($0).kind == .request && seen.insert(read($0).transaction).inserted
        }
    }

    @Test("§7.1: what a check says")
    func aCheck() throws {
        let network = agent(.controlling)
        network.run(for: .milliseconds(10))
        let bytes = try #require(checks(network).first)
        let message = read(bytes)
        let local = network.agents[0].localParameters(0)
        #expect(message.octets(.username, bytes) == theirs.fragment + [UInt8(ascii: ":")] + local.fragment)
        #expect(message.word32(.priority, bytes) == 1_862_270_975)
        #expect(message.has(.iceControlling, bytes) && !message.has(.iceControlled, bytes))
        #expect(!message.has(.useCandidate, bytes))
        #expect(message.isProven(by: .shortTerm(theirs.password), bytes))
        #expect(message.isFingerprintRight(bytes))
    }

    @Test("§7.3, RFC 8489 §9.1.3: refusals")
    func refusals() throws {
        let network = agent(.controlled)
        let cases: [([UInt8], STUNErrorCode?)] = [
            (request(network, 1), nil), (request(network, 2, password: [1]), .unauthenticated),
            (request(network, 3, username: [UInt8]("other:peer".utf8)), .unauthenticated),
            (request(network, 4, username: []), .badRequest), (request(network, 5, hasPriority: false), .badRequest),
            (request(network, 6, extra: STUNAttribute(rawValue: 0x7FFE)), .unknownAttribute),
            (request(network, 7, extra: STUNAttribute(rawValue: 0xFFFE)), nil),
            (request(network, 8, username: network.agents[0].localParameters(0).fragment), .unauthenticated),
        ]
        for (bytes, _) in cases { network.inject(bytes, from: peer, to: own) }
        network.run(for: .milliseconds(20))
        for (bytes, error) in cases {
            let found = network.sent.map(\.bytes).filter {
                read($0).transaction == read(bytes).transaction && read($0).kind != .request
            }
            let response = try #require(found.first)
            #expect(read(response).error(response) == error)
            #expect(read(response).isFingerprintRight(response))
            if error == nil { #expect(read(response).address(.xorMappedAddress, response) == peer) }
        }
        let named = try #require(answers(network, 6).first)
        #expect(read(named).unknownAttributes(named).map(\.rawValue) == [0x7FFE])
    }

    @Test("§7.3: what has no fingerprint, or is malformed, is not answered")
    func unanswered() {
        let network = agent(.controlled)
        network.inject(request(network, 1, hasFingerprint: false), from: peer, to: own)
        var cut = request(network, 2)
        cut.removeLast(4)
        network.inject(cut, from: peer, to: own)
        network.inject(stun(.indication, .binding, id(3)), from: peer, to: own)
        network.inject(stun(.request, .allocate, id(4)), from: peer, to: own)
        network.run(for: .milliseconds(20))
        #expect((1...4).allSatisfy { answers(network, $0).isEmpty })
    }

    @Test(
        "§12: where proven checks come from, data may come from, too; so many addresses are kept, and a restart forgets them"
    )
    func heard() {
        var configuration = ICEConfiguration()
        configuration.mostSources = 3
        let network = agent(.controlled, configuration: configuration)
        func heard() -> [STUNAddress] {
            network.actions(0).compactMap { if case .heard(0, 1, let address) = $0 { address } else { nil } }
        }
        let sources = (0..<5).map { peer.with(port: 6_000 + UInt16($0)) }
        network.inject(request(network, 100, password: [1]), from: peer, to: own)
        for (number, source) in sources.enumerated() {
            for copy in 0..<2 as Range<UInt64> {
                network.inject(request(network, UInt64(2 * number) + copy), from: source, to: own)
            }
        }
        network.run(for: .milliseconds(20))
        #expect(heard().count == 3)
        #expect(Set(heard()).isSubset(of: sources))
        network.with(0) { agent, _ in agent.restart(stream: 0) }
        network.inject(request(network, 50), from: sources[0], to: own)
        network.run(for: .milliseconds(20))
        #expect(heard().count == 4)
        #expect(heard().last == sources[0])
    }

    @Test("A flood is bounded: so many requests in a second are looked at, and the others are not")
    func flood() {
        var configuration = ICEConfiguration()
        configuration.requestsPerSecond = 10
        let network = agent(.controlled, configuration: configuration)
        for number in 0..<50 as Range<UInt64> { network.inject(request(network, number), from: peer, to: own) }
        network.run(for: .milliseconds(20))
        #expect((0..<50).filter { !answers(network, $0).isEmpty }.count == 10)
        #expect(network.agents[0].refusedRequests == 40)
        network.run(for: .seconds(1))
        network.inject(request(network, 99), from: peer, to: own)
        network.run(for: .milliseconds(20))
        #expect(answers(network, 99).count == 1)
    }

    @Test("§7.3.1.4, §7.3.1.5: a request triggers a check; one with USE-CANDIDATE nominates as soon as that succeeds")
    func triggered() throws {
        let network = agent(.controlled, candidates: 10)
        network.run(for: .milliseconds(10))
        let last = peer.with(port: peer.port + 9)
        network.inject(request(network, 1, nominates: true), from: last, to: own)
        network.run(for: .milliseconds(60))
        // The second check is not that of the second candidate, but of the one that was heard of.
        #expect(!network.isCompleted(0))
        let second = try #require(checks(network).last)
        answer(network, second, from: last)
        network.run(for: .milliseconds(20))
        #expect(network.isCompleted(0))
        #expect(network.agents[0].selected(stream: 0, component: 1)?.remote.address == last)
    }

    @Test("§7.3.1.5: an aggressive peer nominates one pair and then a better one: the better is used")
    func aggressive() throws {
        let network = agent(.controlled, candidates: 2)
        network.run(for: .milliseconds(120))
        let second = peer.with(port: peer.port + 1)
        let first = checks(network)
        #expect(first.count == 2)
        network.inject(request(network, 1, nominates: true), from: second, to: own)
        network.run(for: .milliseconds(60))
        answer(network, try #require(checks(network).last), from: second)
        network.run(for: .milliseconds(10))
        #expect(network.agents[0].selected(stream: 0, component: 1)?.remote.address == second)
        answer(network, first[0])
        network.run(for: .milliseconds(10))
        network.inject(request(network, 2, nominates: true), from: peer, to: own)
        network.run(for: .milliseconds(20))
        #expect(network.agents[0].selected(stream: 0, component: 1)?.remote.address == peer)
    }

    @Test(
        "§7.3.1.5: what is nominated cannot be used: of a peer that nominates once the stream has failed, of others the pair",
        arguments: [true, false])
    func nominatedFails(nominatesOnce: Bool) throws {
        let network = agent(.controlled, candidates: 3, nominatesOnce: nominatesOnce)
        network.run(for: .milliseconds(10))
        let last = peer.with(port: peer.port + 2)
        network.inject(request(network, 1, nominates: true), from: last, to: own)
        network.run(for: .milliseconds(60))
        answer(network, try #require(checks(network).last), from: last, error: .badRequest)
        network.run(for: .milliseconds(20))
        #expect(network.isFailed(0) == nominatesOnce)
    }

    @Test("§8.1.2: nothing else is checked, and no other nomination taken, when a peer that nominates once has done so")
    func decided() throws {
        let network = agent(.controlled, candidates: 2, nominatesOnce: true)
        network.run(for: .milliseconds(120))
        let second = peer.with(port: peer.port + 1)
        let first = checks(network)
        #expect(first.count == 2)
        network.inject(request(network, 1, nominates: true), from: second, to: own)
        network.run(for: .milliseconds(60))
        answer(network, try #require(checks(network).last), from: second)
        network.run(for: .milliseconds(10))
        let count = network.sent.filter { read($0.bytes).kind == .request }.count
        network.inject(request(network, 2, nominates: true), from: peer, to: own)
        network.run(for: .seconds(2))
        #expect(answers(network, 2).count == 1)
        #expect(network.sent.filter { read($0.bytes).kind == .request }.count == count)
        #expect(network.agents[0].selected(stream: 0, component: 1)?.remote.address == second)
    }

    @Test(
        "§7.2.5.3.2: of two pairs that an aggressive peer nominates that is used whose candidates the other side ranks higher too"
    )
    func validPriority() throws {
        let network = agent(.controlled, knowsPeer: false)
        // The first socket is the better one on the checklist; but the peer sees it by another address, and ranks it so.
        let other = ip(198, 51, 100, 1, 4_000)
        network.addSocket(0, 2, other, localPreference: 1)
        let remote = ICERemote(
            theirs,
            candidates: [
                Candidate(foundation: [0x31], component: 1, kind: .host, priority: 2_130_706_431, address: peer)
            ])
        network.with(0) { $0.setRemote(remote, stream: 0, now: $1) }
        network.run(for: .milliseconds(120))
        let seen = network.sent.filter { read($0.bytes).kind == .request }
        #expect(seen.map(\.from) == [own, other])
        for (number, socket) in [own, other].enumerated() {
            network.inject(request(network, UInt64(number), nominates: true), from: peer, to: socket)
            network.run(for: .milliseconds(60))
            let again = try #require(network.sent.last { read($0.bytes).kind == .request && $0.from == socket })
            answer(network, again.bytes, to: socket, mapped: number == 0 ? ip(203, 0, 113, 9, 9) : other)
            network.run(for: .milliseconds(10))
        }
        #expect(network.agents[0].selected(stream: 0, component: 1)?.socket == 2)
    }

    @Test("§7.2.5.2.1: an answer from elsewhere is a failure; one that is not proven is as if it had not come")
    func asymmetric() throws {
        let network = agent(.controlling)
        network.run(for: .milliseconds(10))
        let check = try #require(checks(network).first)
        answer(network, check, password: [1])
        network.run(for: .milliseconds(10))
        #expect(network.sent.count == 1)
        answer(network, check, from: peer.with(port: 1))
        network.run(for: .seconds(2))
        // It is not sent again.
        #expect(network.sent.count == 1)
        answer(network, check)
        network.run(for: .seconds(2))
        #expect(network.agents[0].selected(stream: 0, component: 1) == nil)
    }

    @Test("§7.2.5.3.1: the address that the peer sees is a new candidate of this side")
    func learned() throws {
        let network = agent(.controlling)
        network.run(for: .milliseconds(10))
        let mapped = ip(203, 0, 113, 5, 999)
        answer(network, try #require(checks(network).first), mapped: mapped)
        network.run(for: .milliseconds(100))
        let nominating = try #require(checks(network).last)
        #expect(read(nominating).has(.useCandidate, nominating))
        answer(network, nominating, mapped: mapped)
        network.run(for: .milliseconds(20))
        let selected = try #require(network.agents[0].selected(stream: 0, component: 1))
        #expect(selected.local.kind == .peerReflexive && selected.local.address == mapped)
        #expect(selected.local.related == own)
        // It is not told to the peer, which knows it.
        #expect(network.agents[0].localCandidates(0).map(\.kind) == [.host])
    }

    @Test("§7.2.5.3.4: when the nomination is not answered the stream has failed")
    func nominationFails() throws {
        let network = agent(.controlling)
        network.run(for: .milliseconds(10))
        answer(network, try #require(checks(network).first))
        network.run(for: .seconds(60)) { network.isFailed(0) }
        #expect(network.isFailed(0))
        #expect(network.elapsed > .seconds(39))
    }

    @Test("§7.2.5.1: 487 changes the role, and the check is made again in the other")
    func giveWay() throws {
        let network = agent(.controlling)
        network.run(for: .milliseconds(10))
        answer(network, try #require(checks(network).first), error: .roleConflict)
        network.run(for: .milliseconds(100))
        #expect(network.agents[0].role == .controlled)
        #expect(network.actions(0).contains(.roleChanged(.controlled)))
        let again = try #require(checks(network).last)
        #expect(read(again).has(.iceControlled, again))
        #expect(checks(network).count == 2)
        // With another tie-breaker.
        let first = try #require(checks(network).first)
        #expect(read(first).word64(.iceControlling, first) != read(again).word64(.iceControlled, again))
    }

    @Test(
        "§7.3.1.1: the larger tie-breaker controls",
        arguments: [
            (ICERole.controlling, UInt64.max, ICERole.controlled, false), (.controlling, 0, .controlling, true),
            (.controlled, 0, .controlling, false), (.controlled, .max, .controlled, true),
        ])
    func tieBreaker(role: ICERole, other: UInt64, expected: ICERole, isRefused: Bool) throws {
        let network = agent(role)
        let attribute: STUNAttribute = role == .controlling ? .iceControlling : .iceControlled
        network.inject(request(network, 1, role: attribute, tieBreaker: other), from: peer, to: own)
        network.run(for: .milliseconds(20))
        let response = try #require(answers(network, 1).first)
        #expect(read(response).error(response) == (isRefused ? .roleConflict : nil))
        #expect(network.agents[0].role == expected)
    }

    @Test("Other errors, and a success without an address, fail the pair")
    func errors() throws {
        let network = agent(.controlling, candidates: 2)
        network.run(for: .milliseconds(10))
        answer(network, try #require(checks(network).first), error: .badRequest)
        network.run(for: .milliseconds(100))
        #expect(checks(network).count == 2)
        network.run(for: .seconds(1))
        #expect(network.sent.filter { $0.bytes == checks(network)[0] }.count == 1)
    }

    @Test("RFC 8445 §6.1.2.5 and the limit of candidates: more are left out, the best stay")
    func limits() {
        var configuration = ICEConfiguration()
        configuration.mostPairs = 5
        configuration.mostRemoteCandidates = 8
        let network = agent(.controlling, candidates: 12, configuration: configuration)
        network.run(for: .seconds(50))
        #expect(checks(network).count == 5)
    }

    @Test("§7.3.1.3: learned candidates are bounded too")
    func learnedLimit() {
        var configuration = ICEConfiguration()
        configuration.mostRemoteCandidates = 3
        let network = agent(.controlled, configuration: configuration)
        for number in 1...20 as ClosedRange<UInt64> {
            network.inject(request(network, number), from: ip(198, 51, 100, UInt32(number), 9), to: own)
        }
        network.run(for: .seconds(2))
        #expect(checks(network).count == 3)
        #expect((1...20).allSatisfy { !answers(network, $0).isEmpty })
    }

    @Test("§7.3: checks that wait for the peer's credentials are bounded")
    func earlyLimit() {
        var configuration = ICEConfiguration()
        configuration.mostEarlyChecks = 3
        let network = agent(.controlled, knowsPeer: false, configuration: configuration)
        for number in 1...20 as ClosedRange<UInt64> {
            network.inject(request(network, number), from: ip(198, 51, 100, UInt32(number), 9), to: own)
        }
        network.run(for: .seconds(1))
        #expect((1...20).allSatisfy { !answers(network, $0).isEmpty })
        #expect(checks(network).isEmpty)
        network.with(0) { $0.setRemote(ICERemote(theirs), stream: 0, now: $1) }
        network.run(for: .seconds(2))
        #expect(checks(network).count == 3)
    }

    // MARK: RFC 7675

    /// An agent that has completed with the peer.
    private func completed() throws -> SimulatedNetwork {
        let network = agent(.controlling)
        network.run(for: .milliseconds(10))
        answer(network, try #require(checks(network).first))
        network.run(for: .milliseconds(100))
        answer(network, try #require(checks(network).last))
        network.run(for: .milliseconds(20))
        try #require(network.isCompleted(0))
        return network
    }

    @Test("RFC 7675 §5.1: a check every 4 to 6 s, each sent once; without an answer consent ends after 30 s")
    func consentExpires() throws {
        let network = try completed()
        let count = network.sent.count
        let completion = network.elapsed
        network.run(for: .seconds(60))
        let checks = network.sent.dropFirst(count)
        let times = [completion] + checks.map(\.at)
        #expect(zip(times, times.dropFirst()).allSatisfy { (3.9...6.1).contains(seconds($1 - $0)) })
        #expect(Set(checks.map { read($0.bytes).transaction }).count == checks.count)
        #expect((4...7).contains(checks.count))
        let lost = network.events.first { $0.action == .consentLost(stream: 0, component: 1) }
        let at = try #require(lost?.at)
        #expect((29.9...30.1).contains(seconds(at - completion)))
        #expect(network.agents[0].selected(stream: 0, component: 1) == nil)
        let isSent = network.with(0) { $0.send([0x80], stream: 0, now: $1) }
        #expect(!isSent)
        #expect(network.agents[0].deadline == nil)
    }

    private func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }

    @Test("RFC 7675 §5.1: an answer renews it, also a late one; §5.2: 403 ends it at once")
    func consentIsRenewed() throws {
        let network = try completed()
        for _ in 0..<12 {
            let count = network.sent.count
            network.run(for: .seconds(7)) { network.sent.count > count }
            answer(network, try #require(network.sent.last?.bytes))
        }
        network.run(for: .seconds(1))
        #expect(network.elapsed > .seconds(45))
        #expect(network.agents[0].selected(stream: 0, component: 1) != nil)
        let count = network.sent.count
        network.run(for: .seconds(7)) { network.sent.count > count }
        let check = try #require(network.sent.last?.bytes)
        answer(network, check, password: [1], error: .forbidden)
        network.run(for: .milliseconds(10))
        #expect(network.agents[0].selected(stream: 0, component: 1) != nil)
        answer(network, check, error: .forbidden)
        network.run(for: .milliseconds(10))
        #expect(network.actions(0).contains(.consentLost(stream: 0, component: 1)))
    }
}
