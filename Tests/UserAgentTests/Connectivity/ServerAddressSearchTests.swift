import Synchronization
import Testing

@testable import Reactor
@testable import UserAgent

/// How STUN and TURN servers are found by their names.
@Suite(.timeLimit(.minutes(1))) struct ServerAddressSearchTests {
    /// What a name service says; a name that is not here has nothing, and `silent` is never answered.
    private struct Zone: Sendable {
        var services: [String: [DNSRecordData]] = [:]
        var hosts: [String: [String]] = [:]
    }

    private func server(_ name: String, port: UInt16? = nil, _ transport: ICEPolicy.Server.Transport = .udp)
        -> ICEPolicy.Server
    {
        .init(turn: name, port: port, by: transport, username: "alice", password: "secret")
    }

    private func record(_ target: String, _ port: UInt16, _ priority: UInt16 = 1) -> DNSRecordData {
        .srv(priority: priority, weight: 0, port: port, target: target)
    }

    /// The addresses that are found, and what was asked for.
    private func find(
        _ servers: [ICEPolicy.Server], in zone: Zone, stops: Bool = false
    ) async throws -> (found: [ICEPolicy.Server], asked: [String]) {
        let asked = Mutex<[String]>([])
        let resolver = HostResolver(.init(), clock: { .now }) { question, completion in
            asked.withLock { $0.append(question.name) }
            guard question.name != "silent" else { return }
            var reply = DNSReply()
            switch question {
            case .srv(let name): reply.records = zone.services[name] ?? []
            case .addresses(let host, _):
                reply.addresses = (zone.hosts[host] ?? []).compactMap { TransportAddress(host: $0, port: 0) }
            case .naptr: break
            }
            completion(.success(reply))
        }
        let lane = try Lane(name: "search")
        let found = await withCheckedContinuation { continuation in
            lane.execute { lane in
                let search = ServerAddressSearch(of: servers, resolver, on: lane) { continuation.resume(returning: $0) }
                guard stops else { return }
                // Behind the answers that are there.
                lane.execute { [bound = LaneBound(search, on: lane)] _ in bound.value.stop() }
            }
        }
        lane.stop()
        await lane.stopped()
        return (found, asked.withLock { $0 })
    }

    @Test("RFC 8489 §8.1: the service is that of the transport, its records in the order of their priorities")
    func services() async throws {
        let zone = Zone(
            services: [
                "_turn._udp.turn.test": [record("two.test", 2, 2), record("one.test", 1, 1)],
                "_turn._tcp.turn.test": [record("two.test", 20)], "_turns._tcp.turn.test": [record("two.test", 30)],
                "_stun._udp.turn.test": [record("one.test", 40)],
            ], hosts: ["one.test": ["192.0.2.1"], "two.test": ["192.0.2.2"]])
        let servers = [
            server("turn.test"), server("turn.test", .tcp), server("turn.test", .tls), .init(stun: "turn.test"),
        ]
        let found = try await find(servers, in: zone).found
        #expect(
            found.map { $0.address?.description } == [
                "192.0.2.1:1", "192.0.2.2:20", "192.0.2.2:30", "192.0.2.1:40",
            ])
        #expect(found.map(\.transport) == servers.map(\.transport))
        #expect(found.map(\.credentials) == servers.map(\.credentials))
        // The certificate is for the name that was configured, whatever that led to (RFC 8489 §6.2.3).
        #expect(found.map(\.domain) == ["turn.test", "turn.test", "turn.test", ""])
    }

    @Test("A record whose host has no address is passed over, and the hosts behind the fourth are not asked for")
    func deadRecords() async throws {
        let records = (1...5).map { record("\($0).test", 1, $0) }
        let all = Zone(
            services: ["_turn._udp.turn.test": records], hosts: ["3.test": ["192.0.2.3"], "5.test": ["192.0.2.5"]])
        #expect(try await find([server("turn.test")], in: all).found.map { $0.address?.ip } == ["192.0.2.3"])
        let last = Zone(services: all.services, hosts: ["5.test": ["192.0.2.5"]])
        let (found, asked) = try await find([server("turn.test")], in: last)
        #expect(found.isEmpty)
        #expect(asked.count == 1 + ServerAddressSearch.mostRecords)
    }

    @Test("Without records, or with a port, the name's own addresses are asked for: one of each version of IP")
    func addresses() async throws {
        let zone = Zone(hosts: ["turn.test": ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]])
        let (found, asked) = try await find([server("turn.test"), server("turn.test", port: 99)], in: zone)
        #expect(
            found.map { $0.address?.description } == [
                "192.0.2.1:3478", "[2001:db8::1]:3478", "192.0.2.1:99", "[2001:db8::1]:99",
            ])
        #expect(asked.filter { $0.hasPrefix("_") } == ["_turn._udp.turn.test"])
        let byTLS = try await find([server("turn.test", .tls)], in: zone).found
        #expect(byTLS.first?.address?.port == 5_349)
    }

    @Test("RFC 2782: a domain that says that there is no such service is believed")
    func absence() async throws {
        let zone = Zone(services: ["_turn._udp.turn.test": [record(".", 0)]], hosts: ["turn.test": ["192.0.2.1"]])
        #expect(try await find([server("turn.test")], in: zone).found.isEmpty)
    }

    @Test("What is no name, and what has nothing, is left out; addresses stay as they are")
    func nothing() async throws {
        let numeric = ICEPolicy.Server(stun: .loopback(port: 5))
        let found = try await find([server("a b"), numeric, server("none.test")], in: Zone()).found
        #expect(found == [numeric])
    }

    @Test func whoStopsGetsWhatWasFound() async throws {
        let zone = Zone(hosts: ["turn.test": ["192.0.2.1"]])
        let (found, _) = try await find(
            [server("silent", port: 1), server("turn.test", port: 2)], in: zone, stops: true)
        #expect(found.map { $0.address?.ip } == ["192.0.2.1"])
    }

    @Test func aCallAsksSoManyServers() {
        let servers = (1...20).map { ICEPolicy.Server(stun: .loopback(port: $0)) }
        #expect(ICEPolicy(.full).with(servers).servers.count == ICEPolicy.mostServers)
    }
}
