import ICE
import Testing

/// RFC 8445 §6 to §8: two agents between which nothing is in the way.
@Suite struct ICEAgentTests {
    private let left = ip(192, 0, 2, 1, 4_000)
    private let right = ip(192, 0, 2, 2, 5_000)

    /// Two agents with a socket each in the public network.
    private func pair(
        _ first: ICERole = .controlling, _ second: ICERole = .controlled, isLite: (Bool, Bool) = (false, false),
        seed: UInt64 = 1
    ) -> SimulatedNetwork {
        let network = SimulatedNetwork(seed: seed)
        _ = network.addAgent(first, isLite: isLite.0)
        _ = network.addAgent(second, isLite: isLite.1)
        for agent in 0...1 { network.with(agent) { agent, _ in _ = agent.addStream() } }
        network.addSocket(0, 7, left)
        network.addSocket(1, 8, right)
        return network
    }

    @Test("Both complete with the pair of their hosts, and what one sends comes to the other")
    func completion() throws {
        let network = pair()
        network.exchange()
        network.run(for: .seconds(5)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        let selected = try #require(network.agents[0].selected(stream: 0, component: 1))
        #expect(selected.local.address == left && selected.remote.address == right)
        #expect(selected.local.kind == .host && selected.socket == 7 && !selected.isRelayed)
        #expect(network.areConnected())
        #expect(network.actions(0).filter { if case .selected = $0 { true } else { false } }.count == 1)
    }

    @Test("§5.3: fragments and passwords are as long as they must be, and new for each stream")
    func credentials() {
        let network = pair()
        let second = network.with(0) { agent, _ in agent.addStream() }
        let all = [0, second].map { network.agents[0].localParameters($0) } + [network.agents[1].localParameters(0)]
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for parameters in all {
            #expect(parameters.fragment.count == 8 && parameters.password.count == 22)
            #expect((parameters.fragment + parameters.password).allSatisfy { alphabet.contains($0) })
        }
        #expect(Set(all).count == 3)
    }

    @Test(
        "§7.3.1.1: of two with the same role one gives way, and both complete",
        arguments: [ICERole.controlling, .controlled], 1...8 as ClosedRange<UInt64>)
    func roleConflict(role: ICERole, seed: UInt64) {
        let network = pair(role, role, seed: seed)
        network.exchange()
        network.run(for: .seconds(10)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.agents[0].role != network.agents[1].role)
        let changes = (0...1).flatMap { network.actions($0) }.filter {
            if case .roleChanged = $0 { true } else { false }
        }
        #expect(changes.count == 1)
        #expect(network.areConnected())
    }

    @Test("§2.5, §7.3.2: a lite agent only answers, and uses what it is told", arguments: [true, false])
    func lite(isFirst: Bool) {
        // The roles are settled by who is lite, whatever they were before (§6.1.1).
        let network = pair(isLite: (isFirst, !isFirst))
        network.exchange()
        network.run(for: .seconds(10)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.agents[isFirst ? 0 : 1].role == .controlled)
        let requests = network.sent.filter { $0.agent == (isFirst ? 0 : 1) && read($0.bytes).kind == .request }
        #expect(requests.isEmpty)
        #expect(network.areConnected())
        // §11: and keeps the way open.
        network.run(for: .seconds(40))
        let indications = network.sent.filter { $0.agent == (isFirst ? 0 : 1) && $0.bytes.prefix(2) == [0, 0x11] }
        #expect(indications.count == 2)
    }

    @Test("§8.2: two lite agents take the same pair without a check")
    func bothLite() {
        let network = pair(isLite: (true, true))
        network.exchange()
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.sent.isEmpty)
        #expect(network.areConnected())
    }

    @Test("§14.2: no two transactions of an agent begin within 50 ms; the larger wish counts, up to a second")
    func pacing() {
        for (wish, expected) in [(5, 50), (50, 50), (80, 80), (60_000, 1_000)] as [(Int, Int)] {
            let network = SimulatedNetwork(seed: 3)
            _ = network.addAgent(.controlling)
            _ = network.with(0) { agent, _ in agent.addStream() }
            for number in 0..<4 {
                network.addSocket(0, number, ip(192, 0, 2, UInt32(number), 4_000), localPreference: UInt16(number))
            }
            let remote = (0..<4 as Range<UInt16>).map { number in
                Candidate(
                    foundation: [UInt8]("\(number)".utf8), component: 1, kind: .host, priority: UInt32(number) + 1,
                    address: ip(192, 0, 2, 9, 5_000 + number))
            }
            network.with(0) { agent, now in
                agent.setRemote(
                    ICERemote(
                        ICEParameters(fragment: [1], password: [2]), candidates: remote, pacing: .milliseconds(wish)),
                    stream: 0, now: now)
            }
            network.run(for: .seconds(20))
            var first: [[UInt8]: Duration] = [:]
            for request in network.sent where first[Array(request.bytes[8..<20])] == nil {
                first[Array(request.bytes[8..<20])] = request.at
            }
            let times = first.values.sorted()
            #expect(times.count == 16)
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= .milliseconds(expected) })
        }
    }

    @Test("§14.3: the more pairs, the longer until a request is sent again")
    func repetition() {
        let network = SimulatedNetwork(seed: 3)
        _ = network.addAgent(.controlling)
        _ = network.with(0) { agent, _ in agent.addStream() }
        network.addSocket(0, 1, left)
        let remote = (0..<20 as Range<UInt16>).map { number in
            Candidate(
                foundation: [UInt8]("\(number)".utf8), component: 1, kind: .host, priority: UInt32(number) + 1,
                address: ip(192, 0, 2, 9, 5_000 + number))
        }
        network.with(0) { agent, now in
            agent.setRemote(
                ICERemote(ICEParameters(fragment: [1], password: [2]), candidates: remote), stream: 0, now: now)
        }
        network.run(for: .seconds(3))
        let first = network.sent.filter { $0.bytes == network.sent[0].bytes }.map(\.at)
        // Twenty pairs: RTO is 20 · 50 ms.
        #expect(first == [.zero, .seconds(1), .seconds(3)])
    }

    @Test("§6.1.2.6: the second component waits until the first has succeeded")
    func components() {
        let network = SimulatedNetwork(seed: 5)
        for (agent, role) in [ICERole.controlling, .controlled].enumerated() {
            _ = network.addAgent(role)
            _ = network.with(agent) { agent, _ in agent.addStream(components: 2) }
            for component in 1...2 {
                network.addSocket(
                    agent, component, ip(192, 0, 2, UInt32(agent + 1), UInt16(4_000 + component)), component: component)
            }
        }
        network.exchange()
        network.run(for: .seconds(10)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.areConnected(component: 1) && network.areConnected(component: 2))
    }

    @Test("RFC 8863 §4, RFC 8445 §7.2.5.4: without a way a stream fails, after 39.5 s and not before")
    func failure() {
        let network = pair()
        network.isDown = true
        network.exchange()
        network.run(for: .milliseconds(39_400))
        #expect(!network.isFailed(0) && !network.isFailed(1))
        network.run(for: .seconds(3))
        #expect(network.isFailed(0) && network.isFailed(1))
        #expect(network.agents.allSatisfy { $0.deadline == nil })
    }

    @Test("RFC 8863 §4: who has no pair at all waits for those that may be learned")
    func noPairs() {
        let network = pair()
        for agent in 0...1 {
            let other = network.agents[1 - agent].localParameters(0)
            // A first agent that is told of no candidate is found by the checks of the second.
            let candidates = agent == 1 ? network.agents[0].localCandidates(0) : []
            network.with(agent) { $0.setRemote(ICERemote(other, candidates: candidates), stream: 0, now: $1) }
        }
        network.run(for: .seconds(10)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.agents[0].selected(stream: 0, component: 1)?.remote.kind == .peerReflexive)
        #expect(network.areConnected())
    }

    @Test(
        "§7.3: checks that come before the other side's credentials are answered, and count as soon as these have come")
    func early() {
        let network = pair()
        let (first, second) = (network.agents[0].localParameters(0), network.agents[1].localParameters(0))
        let candidates = network.agents[1].localCandidates(0)
        network.with(0) { $0.setRemote(ICERemote(second, candidates: candidates), stream: 0, now: $1) }
        network.run(for: .seconds(2))
        #expect(!network.isCompleted(1))
        #expect(network.sent.contains { $0.agent == 1 && read($0.bytes).kind == .success })
        network.with(1) { $0.setRemote(ICERemote(first), stream: 0, now: $1) }
        network.run(for: .seconds(5)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.areConnected())
    }

    @Test("Candidates of this side are bounded")
    func localLimit() {
        var configuration = ICEConfiguration()
        configuration.mostLocalCandidates = 2
        let network = SimulatedNetwork(seed: 3)
        _ = network.addAgent(.controlling, configuration: configuration)
        _ = network.with(0) { agent, _ in agent.addStream() }
        for number in 0..<5 { network.addSocket(0, number, ip(192, 0, 2, UInt32(number), 4_000)) }
        #expect(network.agents[0].localCandidates(0).count == 2)
    }

    @Test("Several streams have their own pairs")
    func streams() {
        let network = pair()
        for agent in 0...1 {
            _ = network.with(agent) { agent, _ in agent.addStream() }
            network.addSocket(agent, 20 + agent, ip(192, 0, 2, UInt32(agent + 1), 9_000), stream: 1)
        }
        network.exchange(stream: 0)
        network.exchange(stream: 1)
        network.run(for: .seconds(10)) {
            (0...1).allSatisfy { agent in (0...1).allSatisfy { network.isCompleted(agent, stream: $0) } }
        }
        #expect(network.areConnected(stream: 0) && network.areConnected(stream: 1))
    }

    @Test("§12.1: data may go by a pair that works before one is selected, and then by that one alone")
    func usable() throws {
        let network = pair()
        // An address that nobody answers at is waited for.
        let nobody = Candidate(
            foundation: [1], component: 1, kind: .host,
            priority: CandidatePriority.of(.host, localPreference: .max, component: 1) + 1,
            address: ip(192, 0, 2, 9, 9))
        network.exchange(isComplete: false)
        for agent in 0...1 {
            network.with(agent) { agent, now in
                agent.addRemoteCandidate(nobody, stream: 0, now: now)
                agent.endRemoteCandidates(stream: 0, now: now)
            }
        }
        func isUsable(_ agent: Int) -> Bool {
            network.actions(agent).contains { if case .usable = $0 { true } else { false } }
        }
        network.run(for: .seconds(5)) { isUsable(0) && isUsable(1) }
        #expect(network.agents[0].selected(stream: 0, component: 1) == nil)
        let count = network.arrivals.count
        for agent in 0...1 {
            let isSent = network.with(agent) { $0.send([0x80, 1], stream: 0, now: $1) }
            #expect(isSent)
        }
        network.run(for: .milliseconds(100))
        #expect(network.arrivals.count == count + 2)
        network.run(for: .seconds(5)) { network.isSettled }
        #expect(network.areConnected())
        for agent in 0...1 {
            let order = network.actions(agent).compactMap { action -> String? in
                switch action {
                case .usable: "usable"
                case .selected: "selected"
                default: nil
                }
            }
            #expect(order == ["usable", "selected"])
        }
    }

    @Test("RFC 7675 §5.1: consent for a pair that is not selected ends 30 s behind its check")
    func usableForAWhile() {
        let network = SimulatedNetwork(seed: 3)
        var configuration = ICEConfiguration()
        configuration.nominationWait = .seconds(100)
        let nobody = Candidate(
            foundation: [1], component: 1, kind: .host,
            priority: CandidatePriority.of(.host, localPreference: .max, component: 1) + 1,
            address: ip(192, 0, 2, 9, 9))
        for (agent, role) in [ICERole.controlling, .controlled].enumerated() {
            _ = network.addAgent(role, configuration: configuration)
            _ = network.with(agent) { agent, _ in agent.addStream() }
        }
        network.addSocket(0, 7, left)
        network.addSocket(1, 8, right)
        network.exchange(isComplete: false)
        for agent in 0...1 {
            network.with(agent) { agent, now in
                agent.addRemoteCandidate(nobody, stream: 0, now: now)
                agent.endRemoteCandidates(stream: 0, now: now)
            }
        }
        network.run(for: .seconds(29))
        let early = network.with(0) { $0.send([0x80, 1], stream: 0, now: $1) }
        #expect(early)
        network.run(for: .seconds(3))
        let late = network.with(0) { $0.send([0x80, 1], stream: 0, now: $1) }
        #expect(!late)
        for agent in 0...1 {
            #expect(network.actions(agent).filter { $0 == .consentLost(stream: 0, component: 1) }.count == 1)
        }
    }
}
