import ICE
import Testing

/// Agents behind translators of all kinds, with servers and without: what they agree on.
@Suite struct TraversalTests {
    /// How two agents are placed.
    struct Setting: Sendable {
        var first: NAT.Kind?
        var second: NAT.Kind?
        var hasSTUN = true
        var hasTURN = false
        var loss = 0.0
        var roles: (ICERole, ICERole) = (.controlling, .controlled)
        var isTrickled = false
        var hosts = 1
        /// The networks of these agents let no UDP out.
        var blocked: Set<Int> = []
        /// These agents use relays alone.
        var relaysOnly: Set<Int> = []
    }

    /// Two agents that have told each other all, or tell it while they go on.
    private func network(_ setting: Setting, seed: UInt64) -> SimulatedNetwork {
        let network = SimulatedNetwork(seed: seed)
        network.loss = setting.loss
        let stun = RelayServer(ip(198, 51, 100, 1, 3_478))
        let turn = RelayServer(ip(198, 51, 100, 2, 3_478))
        network.servers = [stun, turn]
        network.blocked = setting.blocked
        var configuration = ICEConfiguration()
        if setting.hasSTUN { configuration.servers.append(ICEServer(stun: stun.address)) }
        if setting.hasTURN {
            configuration.servers.append(ICEServer(turn: turn.address, credentials: turn.credentials))
            if !setting.blocked.isEmpty {
                configuration.servers.append(
                    ICEServer(turn: turn.address, credentials: turn.credentials, isReliable: true))
            }
        }
        for (index, kind) in [setting.first, setting.second].enumerated() {
            let number = UInt32(index + 1)
            configuration.usesRelaysOnly = setting.relaysOnly.contains(index)
            _ = network.addAgent(index == 0 ? setting.roles.0 : setting.roles.1, configuration: configuration)
            _ = network.with(index) { agent, _ in agent.addStream() }
            if let kind { network.nats.append(NAT(kind, address: ip(203, 0, 113, number, 0))) }
            for host in 0..<setting.hosts {
                let last = UInt32(host + 1)
                let address = kind == nil ? ip(192, 0, number, last, 4_000) : ip(10, number, 0, last, 4_000)
                network.addSocket(
                    index, host, address, behind: kind == nil ? nil : network.nats.count - 1,
                    localPreference: .max - UInt16(host))
            }
        }
        if setting.isTrickled {
            network.exchange(isComplete: false)
            network.onCandidate = { [unowned network] agent, candidate in
                network.with(1 - agent) { $0.addRemoteCandidate(candidate, stream: 0, now: $1) }
            }
            network.gather()
            for agent in 0...1 { network.with(agent) { $0.endRemoteCandidates(stream: 0, now: $1) } }
        } else {
            network.gather()
            network.exchange()
        }
        return network
    }

    /// Whether a way can be found without a relay: not between a symmetric one and one that looks at ports.
    private static func canPass(_ first: NAT.Kind?, _ second: NAT.Kind?) -> Bool {
        let picky: Set<NAT.Kind> = [.portRestricted, .symmetric]
        guard let first, let second else { return true }
        return !(first == .symmetric && picky.contains(second) || second == .symmetric && picky.contains(first))
    }

    private static let kinds: [NAT.Kind?] = [nil, .fullCone, .restricted, .portRestricted, .symmetric]

    @Test("Each kind of translator against each: a way is found where there is one", arguments: kinds, kinds)
    func everyPair(first: NAT.Kind?, second: NAT.Kind?) {
        let network = network(Setting(first: first, second: second), seed: 17)
        network.run(for: .seconds(130)) { network.isSettled }
        let canPass = Self.canPass(first, second)
        #expect(network.isCompleted(0) == canPass && network.isCompleted(1) == canPass)
        #expect(network.isFailed(0) != canPass && network.isFailed(1) != canPass)
        if canPass { #expect(network.areConnected()) }
    }

    @Test(
        "With a relay there is always a way, and the relay is taken only where there is no other", arguments: kinds,
        kinds)
    func withRelay(first: NAT.Kind?, second: NAT.Kind?) throws {
        let network = network(Setting(first: first, second: second, hasTURN: true), seed: 23)
        network.run(for: .seconds(130)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.areConnected())
        let selected = try (0...1).map { agent in try #require(network.agents[agent].selected(stream: 0, component: 1))
        }
        // A relay of the other side is a remote address of this one.
        let relays = network.servers[1].relayedAddresses
        let isRelayed = selected.contains { $0.isRelayed || relays.contains($0.remote.address) }
        #expect(isRelayed == !Self.canPass(first, second))
    }

    @Test("§5.1.1: candidates of all kinds are gathered, with their priorities, foundations and related addresses")
    func gathered() {
        let network = network(Setting(first: .portRestricted, second: .symmetric, hasTURN: true), seed: 5)
        let found = network.agents[0].localCandidates(0)
        #expect(found.map(\.kind) == [.host, .serverReflexive, .relayed])
        #expect(found.map { $0.priority >> 24 } == [126, 100, 0])
        #expect(Set(found.map(\.foundation)).count == 3)
        #expect(found[0].related == nil)
        #expect(found[1].related == ip(10, 1, 0, 1, 4_000))
        #expect(found[1].address.isSameHost(as: ip(203, 0, 113, 1, 0)))
        #expect(found[2].related == found[1].address)
        // Behind the symmetric one each server sees another address.
        let other = network.agents[1].localCandidates(0)
        #expect(other.map(\.kind).filter { $0 == .serverReflexive }.count == 2)
        let reflexive = other.filter { $0.kind == .serverReflexive }
        #expect(Set(reflexive.map(\.foundation)).count == 2)
    }

    @Test("A public host has no reflexive candidate: it would be redundant (§5.1.3)")
    func redundant() {
        let network = network(Setting(), seed: 5)
        #expect(network.agents[0].localCandidates(0).map(\.kind) == [.host])
    }

    @Test("A server that is silent ends the gathering after its time, and no sooner")
    func silentServer() {
        let network = SimulatedNetwork(seed: 2)
        var configuration = ICEConfiguration()
        configuration.servers = [ICEServer(stun: ip(198, 51, 100, 9, 3_478))]
        _ = network.addAgent(.controlling, configuration: configuration)
        _ = network.with(0) { agent, _ in agent.addStream() }
        network.addSocket(0, 0, ip(10, 0, 0, 1, 4_000))
        network.gather([0])
        #expect(network.elapsed == .milliseconds(39_500))
    }

    @Test("Two hosts behind the same translator find each other inside")
    func sameNetwork() {
        let network = SimulatedNetwork(seed: 4)
        network.nats = [NAT(.symmetric, address: ip(203, 0, 113, 1, 0))]
        for (agent, role) in [ICERole.controlling, .controlled].enumerated() {
            _ = network.addAgent(role)
            _ = network.with(agent) { agent, _ in agent.addStream() }
            network.addSocket(agent, 0, ip(10, 0, 0, UInt32(agent + 1), 4_000), behind: 0)
        }
        network.exchange()
        network.run(for: .seconds(10)) { network.isSettled }
        #expect(network.areConnected())
    }

    @Test(
        "RFC 8838: with trickled candidates a way is found, and nothing fails before the end of them",
        arguments: 1...12 as ClosedRange<UInt64>)
    func trickled(seed: UInt64) {
        var setting = Setting(first: .restricted, second: .portRestricted)
        setting.isTrickled = true
        let network = network(setting, seed: seed)
        network.run(for: .seconds(130)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.areConnected())
    }

    @Test("RFC 8838 §8: without end-of-candidates a stream does not fail for want of pairs; with it, it does")
    func endOfCandidates() {
        let network = SimulatedNetwork(seed: 8)
        for (agent, role) in [ICERole.controlling, .controlled].enumerated() {
            _ = network.addAgent(role)
            _ = network.with(agent) { agent, _ in agent.addStream() }
            network.addSocket(agent, 0, ip(192, 0, 2, UInt32(agent + 1), 4_000))
        }
        network.isDown = true
        network.exchange(isComplete: false)
        network.run(for: .seconds(100))
        #expect(!network.isFailed(0) && !network.isFailed(1))
        network.with(0) { $0.endRemoteCandidates(stream: 0, now: $1) }
        #expect(network.isFailed(0) && !network.isFailed(1))
        network.run(for: .seconds(25))
        #expect(network.isFailed(1))
    }

    @Test(
        "Whatever is in between, two agents agree: both are connected by the same way, or both have failed",
        arguments: 0..<60 as Range<UInt64>)
    func agreement(seed: UInt64) {
        var generator = SeededGenerator(seed &* 7_919 &+ 1)
        func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &generator)] }
        let roles: [ICERole] = [.controlling, .controlled]
        var setting = Setting(first: pick(Self.kinds), second: pick(Self.kinds))
        setting.hasSTUN = pick([true, true, false])
        setting.hasTURN = pick([true, false, false])
        setting.loss = pick([0, 0.02, 0.1])
        setting.roles = (pick(roles), pick(roles))
        setting.isTrickled = pick([true, false])
        setting.hosts = pick([1, 2, 3])
        let network = network(setting, seed: seed)
        network.run(for: .seconds(130)) { network.isSettled }
        #expect(network.isSettled, "\(setting)")
        #expect(network.isCompleted(0) == network.isCompleted(1), "\(setting)")
        if network.isCompleted(0), network.isCompleted(1) { #expect(network.areConnected(), "\(setting)") }
    }

    @Test("RFC 8445 §9: a restart keeps the old pair until there is a new one, and then uses that")
    func restart() throws {
        let network = network(Setting(first: .fullCone, second: .restricted), seed: 31)
        network.run(for: .seconds(20)) { network.isSettled }
        let before = try (0...1).map { agent in try #require(network.agents[agent].selected(stream: 0, component: 1)) }
        let old = network.agents[0].localParameters(0)
        network.with(0) { agent, _ in agent.restart(stream: 0) }
        #expect(network.agents[0].localParameters(0) != old)
        // A minute until the other side has heard of it: consent is renewed all the time.
        network.run(for: .seconds(60))
        #expect(network.areConnected())
        for agent in 0...1 { #expect(network.agents[agent].selected(stream: 0, component: 1) == before[agent]) }
        let count = network.events.count
        // The second restarts because the first has: its credentials are others behind it.
        let offer = ICERemote(
            network.agents[0].localParameters(0), candidates: network.agents[0].localCandidates(0))
        network.with(1) { $0.setRemote(offer, stream: 0, now: $1) }
        let answer = ICERemote(
            network.agents[1].localParameters(0), candidates: network.agents[1].localCandidates(0))
        network.with(0) { $0.setRemote(answer, stream: 0, now: $1) }
        let isDone = {
            (0...1).allSatisfy { agent in
                network.events.dropFirst(count).contains { $0.agent == agent && $0.action == .completed(stream: 0) }
            }
        }
        network.run(for: .seconds(20), until: isDone)
        #expect(isDone())
        #expect(network.areConnected())
        network.run(for: .seconds(120))
        #expect(network.areConnected())
    }

    @Test("RFC 7675: a way that ends is noticed by both after 30 s, and a restart over the way that is back helps")
    func interruption() {
        let network = network(Setting(first: .fullCone, second: .fullCone), seed: 37)
        network.run(for: .seconds(20)) { network.isSettled }
        network.run(for: .seconds(300))
        #expect(network.areConnected())
        network.isDown = true
        network.run(for: .seconds(40))
        #expect((0...1).allSatisfy { network.actions($0).contains(.consentLost(stream: 0, component: 1)) })
        network.isDown = false
        for agent in 0...1 { network.with(agent) { agent, _ in agent.restart(stream: 0) } }
        network.exchange()
        let count = network.events.count
        network.run(for: .seconds(20)) { network.events.count >= count + 6 }
        #expect(network.areConnected())
    }

    @Test("§8.3.1: relays that nothing needs are given back 3 s behind the end; a restart may ask for them again")
    func freedRelays() {
        let network = network(Setting(first: .fullCone, second: .restricted, hasTURN: true), seed: 43)
        #expect(network.servers[1].relayedAddresses.count == 2)
        network.run(for: .seconds(20)) { network.isSettled }
        network.run(for: .milliseconds(2_500))
        #expect(network.servers[1].relayedAddresses.count == 2)
        network.run(for: .seconds(2))
        #expect(network.servers[1].relayedAddresses.isEmpty)
        #expect(network.areConnected())
        #expect(!network.agents[0].localCandidates(0).contains { $0.kind == .relayed })
        for agent in 0...1 {
            network.with(agent) { agent, now in
                agent.restart(stream: 0)
                agent.gather(now: now)
            }
        }
        network.run(for: .seconds(5))
        #expect(network.servers[1].relayedAddresses.count == 2)
        #expect((0...1).allSatisfy { network.agents[$0].localCandidates(0).contains { $0.kind == .relayed } })
        network.exchange()
        network.run(for: .seconds(10))
        #expect(network.areConnected())
    }

    @Test("A relayed call goes on for half an hour: allocation, permissions, channel and consent are renewed")
    func longRelayedCall() {
        let network = network(Setting(first: .symmetric, second: .symmetric, hasTURN: true), seed: 41)
        network.run(for: .seconds(60)) { network.isSettled }
        network.servers[1].nonce = [UInt8]("second".utf8)
        network.run(for: .seconds(1_800))
        #expect(network.areConnected())
        #expect(!network.actions(0).contains(.consentLost(stream: 0, component: 1)))
    }

    @Test("Where no UDP gets out a relay is reached by a connection, and given back with it", arguments: kinds)
    func blocked(other: NAT.Kind?) throws {
        let network = network(Setting(first: .portRestricted, second: other, hasTURN: true, blocked: [0]), seed: 47)
        #expect(network.elapsed >= .milliseconds(39_500))
        #expect(Set(network.agents[0].localCandidates(0).map(\.kind)) == [.host, .relayed])
        network.run(for: .seconds(130)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.areConnected())
        #expect(try #require(network.agents[0].selected(stream: 0, component: 1)).isRelayed)
        // Other relays are given back, and their connections closed.
        network.run(for: .seconds(10))
        #expect(network.areConnected())
        #expect(network.connections.values.map(\.agent) == [0])
        for agent in 0...1 { network.with(agent) { $0.close(now: $1) } }
        #expect(network.connections.isEmpty)
    }

    @Test("A connection that cannot be made gives no candidate, and ends no gathering late")
    func refusedConnection() {
        let network = SimulatedNetwork(seed: 53)
        network.refusesConnections = true
        let server = RelayServer(ip(198, 51, 100, 2, 3_478))
        var configuration = ICEConfiguration()
        configuration.servers = [ICEServer(turn: server.address, credentials: server.credentials, isReliable: true)]
        _ = network.addAgent(.controlling, configuration: configuration)
        _ = network.with(0) { agent, _ in agent.addStream() }
        network.addSocket(0, 0, ip(10, 0, 0, 1, 4_000))
        network.gather([0])
        #expect(network.elapsed < .seconds(1))
        #expect(network.agents[0].localCandidates(0).map(\.kind) == [.host])
    }

    @Test("RFC 8656 §5: with its connection a relay is gone, and so is what went by it")
    func lostConnection() throws {
        let network = network(
            Setting(first: .symmetric, second: .symmetric, hasTURN: true, blocked: [0, 1]), seed: 59)
        network.run(for: .seconds(130)) { network.isSettled }
        #expect(network.areConnected())
        network.run(for: .seconds(10))
        let link = try #require(network.connections.values.first { $0.agent == 0 }?.link)
        network.close(0, link)
        network.run(for: .seconds(10))
        #expect(network.actions(0).contains(.consentLost(stream: 0, component: 1)))
    }

    @Test("With relays only no other address is told of, sent from or answered at", arguments: [[0], [0, 1]])
    func relaysOnly(which: [Int]) throws {
        let network = network(
            Setting(first: nil, second: .fullCone, hasTURN: true, relaysOnly: Set(which)), seed: 61)
        for agent in which {
            let told = network.agents[agent].localCandidates(0)
            #expect(told.map(\.kind) == [.relayed])
            #expect(told.map(\.related) == [ip(0, 0, 0, 0, 9)])
        }
        let server = network.servers[1].address
        network.run(for: .seconds(130)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.areConnected())
        for agent in which {
            #expect(try #require(network.agents[agent].selected(stream: 0, component: 1)).isRelayed)
            // A check at the address that nobody was told of is not answered.
            let count = network.sent.filter { $0.agent == agent }.count
            let forged = check(to: network.agents[agent].localParameters(0))
            network.with(agent) { _ = $0.receive(forged.span.bytes, on: 0, from: ip(192, 0, 9, 9, 9), now: $1) }
            #expect(network.sent.filter { $0.agent == agent }.count == count)
        }
        let isKept = network.destinations(of: 0).allSatisfy { $0 == server || $0 == network.servers[0].address }
        #expect(isKept)
    }

    /// A Binding Request as somebody sends it who knows what proves an agent.
    private func check(to parameters: ICEParameters) -> [UInt8] {
        stun(.request, .binding, STUNTransactionID(upper: 1, lower: 2)) { writer, memory in
            try writer.add(.username, parameters.fragment + Array(":x".utf8), into: &memory)
            try writer.add(.priority, UInt32(1), into: &memory)
            try writer.addIntegrity(.shortTerm(parameters.password), .test, into: &memory)
            try writer.addFingerprint(into: &memory)
        }
    }

    /// Two agents with two components each that have gathered.
    private func twoComponents() -> SimulatedNetwork {
        let network = SimulatedNetwork(seed: 67)
        let turn = RelayServer(ip(198, 51, 100, 2, 3_478))
        network.servers = [turn]
        var configuration = ICEConfiguration()
        configuration.servers = [ICEServer(turn: turn.address, credentials: turn.credentials)]
        for agent in 0...1 {
            _ = network.addAgent(.controlling, configuration: configuration)
            _ = network.with(agent) { agent, _ in agent.addStream(components: 2) }
            for component in 1...2 {
                network.addSocket(
                    agent, component - 1, ip(192, 0, UInt32(agent), 1, 4_000 + UInt16(component)), component: component)
            }
        }
        network.gather()
        return network
    }

    @Test(
        "RFC 5761 §5.1.3: what was gathered for RTCP is given back when it shares the port, and one component is checked"
    )
    func multiplexed() {
        let network = twoComponents()
        #expect(network.servers[0].relayedAddresses.count == 4)
        #expect(network.agents[0].localCandidates(0).map(\.component) == [1, 2, 1, 2])
        network.with(1) { agent, _ in agent.begin(as: .controlled) }
        for agent in 0...1 { network.with(agent) { $0.multiplex(stream: 0, now: $1) } }
        #expect(network.agents[0].localCandidates(0).map(\.component) == [1, 1])
        network.run(for: .seconds(1))
        #expect(network.servers[0].relayedAddresses.count == 2)
        network.exchange()
        network.run(for: .seconds(20)) { network.isSettled }
        #expect(network.isCompleted(0) && network.isCompleted(1))
        #expect(network.areConnected())
        #expect(network.agents[0].selected(stream: 0, component: 2) == nil)
        #expect(
            (0...1).flatMap { network.actions($0) }.allSatisfy { if case .roleChanged = $0 { false } else { true } })
    }

    @Test("Without it both are")
    func notMultiplexed() {
        let network = twoComponents()
        network.with(1) { agent, _ in agent.begin(as: .controlled) }
        network.exchange()
        network.run(for: .seconds(20)) { network.isSettled }
        #expect(network.areConnected() && network.areConnected(component: 2))
    }

    @Test("RFC 8445 §5.1.4: with a peer that knows no ICE the relay is used as it was told of, without checks")
    func peerWithoutICE() throws {
        let network = twoComponents()
        let peer = ip(192, 0, 2, 77, 7_000)
        let alone = network.with(0) { $0.useRelay(stream: 0, component: 1, to: peer, now: $1) }
        #expect(alone)
        network.run(for: .seconds(1))
        #expect(try #require(network.agents[0].selected(stream: 0, component: 1)).remote.address == peer)
        let relay = try #require(network.agents[0].localCandidates(0).first { $0.kind == .relayed }?.address)
        network.inject([0x80, 1, 2, 3], from: peer, to: relay)
        network.run(for: .seconds(1))
        #expect(network.arrivals.last?.bytes == [0x80, 1, 2, 3])
        let isSent = network.with(0) { $0.send([0x80, 4], stream: 0, now: $1) }
        #expect(isSent)
        network.run(for: .seconds(1_800))
        #expect(network.agents[0].selected(stream: 0, component: 1) != nil)
        // There is no relay that speaks IPv6.
        let other = network.with(0) {
            $0.useRelay(stream: 0, component: 2, to: STUNAddress(ip6: 1, port: 7_000), now: $1)
        }
        #expect(!other)
    }
}
