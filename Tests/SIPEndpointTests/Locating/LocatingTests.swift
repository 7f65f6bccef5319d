import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

/// From a URI to the targets that it leads to (RFC 3263 §4), with the names of a simulated network.
@Suite struct LocatingTests {
    private let network = SimulatedNetwork(seed: 3)
    private let alice: ScriptedPeer

    init() throws {
        alice = ScriptedPeer(network.node("192.0.2.1:5060"))
        func addresses(_ texts: String...) throws -> [TransportAddress] {
            try texts.map { try #require(TransportAddress("\($0):0")) }
        }
        network.hosts = [
            "a.test": try addresses("192.0.2.10"), "b.test": try addresses("192.0.2.20", "192.0.2.21"),
            "plain.test": try addresses("192.0.2.30"), "rules.test": try addresses("192.0.2.40"),
        ]
        func server(_ host: String, _ port: UInt16, _ priority: UInt16 = 0) -> SRVRecord {
            SRVRecord(priority: priority, weight: 0, port: port, target: host)
        }
        network.names.servers = [
            "_sip._udp.rules.test": [server("a.test", 5_070)], "_sip._tcp.rules.test": [server("b.test", 5_080)],
            "_sips._tcp.rules.test": [server("a.test", 5_090)],
            "_sip._udp.two.test": [server("b.test", 5_061, 2), server("a.test", 5_060, 1)],
            "_sip._udp.gone.test": [server(".", 0)],
        ]
        network.hosts["gone.test"] = try addresses("192.0.2.50")
        network.names.rules = [
            "rules.test": [
                NAPTRRecord(
                    order: 1, preference: 2, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.rules.test"),
                NAPTRRecord(
                    order: 1, preference: 1, flags: "s", service: "SIP+D2T", replacement: "_sip._tcp.rules.test"),
            ]
        ]
    }

    private func locate(_ uri: String, seed: UInt64? = nil) throws -> [String]? {
        var found: [String]?
        alice.layer.locate(try URI(uri), seed: seed) { targets in
            found = targets.map { "\($0.transport.parameterText) \($0.address)" + ($0.domain.map { " \($0)" } ?? "") }
        }
        network.run(for: .seconds(1), until: { found != nil })
        return found
    }

    @Test(arguments: [
        // RFC 3263 §4.1: NAPTR decides on the transport; the service of each, in the domain's order.
        ("sip:rules.test", ["tcp 192.0.2.20:5080", "tcp 192.0.2.21:5080", "udp 192.0.2.10:5070"]),
        // A transport parameter leaves its SRV records, a port only the addresses (§4.2).
        ("sip:rules.test;transport=udp", ["udp 192.0.2.10:5070"]), ("sip:rules.test:5066", ["udp 192.0.2.40:5066"]),
        ("sip:rules.test:5066;transport=tcp", ["tcp 192.0.2.40:5066"]),
        // Without NAPTR the SRV records of what we speak, by priority.
        ("sip:bob@two.test", ["udp 192.0.2.10:5060", "udp 192.0.2.20:5061", "udp 192.0.2.21:5061"]),
        // Without SRV the addresses.
        ("sip:plain.test", ["udp 192.0.2.30:5060"]), ("sip:nobody.test", []),
        // RFC 2782: a target of "." says that the service is decidedly not there.
        ("sip:gone.test", []),
        // `maddr` takes the place of the host.
        ("sip:nobody.test;maddr=plain.test", ["udp 192.0.2.30:5060"]),
        ("sip:nobody.test;maddr=192.0.2.9", ["udp 192.0.2.9:5060"]),
        // What must be secure goes by TLS, and has to prove the name of the URI (RFC 5922 §7.3); no listener of ours has it.
        ("sips:rules.test:5071", ["tls 192.0.2.40:5071 rules.test"]),
        ("sips:192.0.2.9", ["tls 192.0.2.9:5061 192.0.2.9"]),
        ("tel:+1234", []),
    ])
    func aURILeadsToItsServers(uri: String, expected: [String]) throws {
        #expect(try locate(uri) == expected)
    }

    @Test(arguments: ["sip:192.0.2.9", "sip:[2001:db8::1]:5070;transport=tcp", "sip:x.test;maddr=192.0.2.9"])
    func numbersNeedNoQuestion(uri: String) throws {
        var found = 0
        alice.layer.locate(try URI(uri)) { found = $0.count }
        #expect(found == 1)
        #expect(network.names.questions == [])
    }

    @Test func eachNameIsAskedForOnce() throws {
        _ = try locate("sip:bob@two.test")
        #expect(
            network.names.questions == [
                .naptr("two.test"), .srv("_sip._udp.two.test"), .srv("_sip._tcp.two.test"), .addresses("a.test"),
                .addresses("b.test"),
            ])
    }

    /// A name about which nobody says anything holds up nothing but what waits for it.
    @Test func namesThatHangDelayNobody() throws {
        network.names.silent = ["hangs.test"]
        var isFound = false
        for _ in 0..<1_000 { alice.layer.locate(try URI("sip:hangs.test")) { _ in isFound = true } }
        let bob = ScriptedPeer(network.node("192.0.2.2:5060"))
        alice.send("OPTIONS", to: "sip:bob@192.0.2.2", from: "alice", via: bob.node)
        #expect(network.run(for: .milliseconds(50), until: { alice.responses.count == 1 }))
        #expect(try locate("sip:plain.test") == ["udp 192.0.2.30:5060"])
        #expect(!isFound)
    }

    /// RFC 3263 §4.4: a request that is repeated through an element without state goes to the same server.
    @Test func aSeedDecidesAmongEquals() throws {
        network.names.servers["_sip._udp.many.test"] = (1...8).map {
            SRVRecord(priority: 1, weight: 10, port: 5_060 + $0, target: "a.test")
        }
        let orders = try (0..<20).map { try locate("sip:many.test", seed: $0) }
        for (seed, order) in orders.enumerated() {
            #expect(try locate("sip:many.test", seed: UInt64(seed)) == order)
            #expect(order?.count == 8)
        }
        #expect(Set(orders.compactMap(\.?.first)).count > 3)
    }

    /// A name with more addresses than anyone would try is cut.
    @Test func targetsAreLimited() throws {
        network.hosts["wide.test"] = (0..<100).compactMap { TransportAddress("192.0.3.\($0):0") }
        #expect(try locate("sip:wide.test")?.count == 32)
    }
}
