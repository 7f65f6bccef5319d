import SIP
import Testing

/// Where requests for a domain go (RFC 3263 §4).
@Suite struct ServerLocatorTests {
    typealias Server = ServerLocator.Server

    private static let all: [TransportName] = [.udp, .tcp, .tls]

    private func locator(
        _ host: String = "example.com", _ port: UInt16? = nil, _ transport: TransportName? = nil,
        isSecure: Bool = false,
        transports: [TransportName] = all
    ) -> ServerLocator {
        ServerLocator(
            .init(host: host, port: port, transport: transport, isSecure: isSecure), transports: transports)
    }

    private static let naptr = [
        NAPTRRecord(
            order: 100, preference: 50, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.example.com"),
        NAPTRRecord(
            order: 50, preference: 50, flags: "s", service: "SIPS+D2T", replacement: "_sips._tcp.example.com"),
        NAPTRRecord(order: 90, preference: 50, flags: "S", service: "sip+d2t", replacement: "_sip._tcp.example.com"),
    ]

    /// The example of §4.1: the client supports TCP and UDP, and so TCP will be used.
    @Test func theExampleOfTheRFC() {
        var locator = locator(transports: [.udp, .tcp])
        #expect(locator.start() == .ask([.naptr("example.com")]))
        #expect(
            locator.receive(naptr: Self.naptr) == .ask([.srv("_sip._tcp.example.com"), .srv("_sip._udp.example.com")]))
        let records = [
            SRVRecord(priority: 0, weight: 1, port: 5_060, target: "server1.example.com"),
            SRVRecord(priority: 0, weight: 2, port: 5_060, target: "server2.example.com"),
        ]
        #expect(locator.receive(srv: [], of: "_sip._udp.example.com") { 0 } == nil)
        #expect(!locator.hasEnded)
        // The greatest number that is drawn from 0 to 3 leads to the second.
        #expect(
            locator.receive(srv: records, of: "_sip._tcp.example.com") { 3 }
                == .servers([
                    Server(host: "server2.example.com", port: 5_060, transport: .tcp),
                    Server(host: "server1.example.com", port: 5_060, transport: .tcp),
                ]))
        #expect(locator.hasEnded)
    }

    /// "A client resolving a SIP URI SHOULD retain records with SIPS as the protocol, if the client supports TLS."
    @Test func theDomainsOrderOfServicesCounts() {
        var locator = locator()
        _ = locator.start()
        #expect(
            locator.receive(naptr: Self.naptr)
                == .ask([
                    .srv("_sips._tcp.example.com"), .srv("_sip._tcp.example.com"), .srv("_sip._udp.example.com"),
                ]))
    }

    @Test func aSecureRequestGoesToSecureServicesOnly() {
        var locator = locator(isSecure: true)
        _ = locator.start()
        #expect(locator.receive(naptr: Self.naptr) == .ask([.srv("_sips._tcp.example.com")]))
        var other = self.locator(isSecure: true)
        _ = other.start()
        #expect(other.receive(naptr: [Self.naptr[0]]) == .ask([.srv("_sips._tcp.example.com")]))
        #expect(
            other.receive(srv: [], of: "_sips._tcp.example.com") { 0 }
                == .servers([Server(host: "example.com", port: 5_061, transport: .tls)]))
    }

    @Test func withoutNAPTREachServiceIsAskedFor() {
        var locator = locator()
        _ = locator.start()
        #expect(locator.receive(naptr: []) == .ask([.srv("_sip._udp.example.com"), .srv("_sip._tcp.example.com")]))
        let tcp = SRVRecord(priority: 1, weight: 0, port: 5_070, target: "a.example.com")
        #expect(locator.receive(srv: [tcp], of: "_sip._tcp.example.com") { 0 } == nil)
        #expect(
            locator.receive(srv: [], of: "_sip._udp.example.com") { 0 }
                == .servers([Server(host: "a.example.com", port: 5_070, transport: .tcp)]))
    }

    @Test func withoutAnyRecordTheDomainIsTheHost() {
        var locator = locator()
        _ = locator.start()
        _ = locator.receive(naptr: [])
        _ = locator.receive(srv: [], of: "_sip._udp.example.com") { 0 }
        #expect(
            locator.receive(srv: [], of: "_sip._tcp.example.com") { 0 }
                == .servers([Server(host: "example.com", port: 5_060, transport: .udp)]))
    }

    /// §4.2: "using the transport protocol determined previously".
    @Test func aNamedServiceWithoutServersIsSoughtAtTheDomain() {
        var locator = locator()
        _ = locator.start()
        _ = locator.receive(naptr: [Self.naptr[2]])
        #expect(
            locator.receive(srv: [], of: "_sip._tcp.example.com") { 0 }
                == .servers([Server(host: "example.com", port: 5_060, transport: .tcp)]))
    }

    /// §4.1, §4.2: what the URI says needs no question.
    @Test(
        arguments: [
            (5_080, nil, false, Server(host: "example.com", port: 5_080, transport: .udp)),
            (5_080, nil, true, Server(host: "example.com", port: 5_080, transport: .tls)),
            (5_080, .tcp, false, Server(host: "example.com", port: 5_080, transport: .tcp)),
            (5_080, .tcp, true, Server(host: "example.com", port: 5_080, transport: .tls)),
            (nil, .ws, false, Server(host: "example.com", port: 80, transport: .ws)),
            (nil, .ws, true, Server(host: "example.com", port: 443, transport: .wss)),
        ] as [(UInt16?, TransportName?, Bool, Server)])
    func aPortLeavesNothingToFind(port: UInt16?, transport: TransportName?, isSecure: Bool, server: Server) {
        var locator = locator("example.com", port, transport, isSecure: isSecure)
        #expect(locator.start() == .servers([server]))
        #expect(locator.hasEnded)
    }

    @Test(
        arguments: [
            (.udp, false, "_sip._udp.example.com"), (.tcp, false, "_sip._tcp.example.com"),
            (.tls, false, "_sips._tcp.example.com"), (.tcp, true, "_sips._tcp.example.com"),
        ] as [(TransportName, Bool, String)])
    func aTransportLeavesItsServers(transport: TransportName, isSecure: Bool, name: String) {
        var locator = locator("example.com", nil, transport, isSecure: isSecure)
        #expect(locator.start() == .ask([.srv(name)]))
    }

    /// RFC 2782: a target of "." says that the service is decidedly not there.
    @Test func aServiceThatIsNotThereIsNotSought() {
        var locator = locator("example.com", nil, .tcp)
        _ = locator.start()
        let none = SRVRecord(priority: 0, weight: 0, port: 0, target: ".")
        #expect(locator.receive(srv: [none], of: "_sip._tcp.example.com") { 0 } == .servers([]))
    }

    @Test func whatIsNoServiceOfOursIsPassedOver() {
        let record = { (flags: String, service: String, expression: String) in
            NAPTRRecord(
                order: 1, preference: 1, flags: flags, service: service, regularExpression: expression,
                replacement: "x.example.com")
        }
        #expect(record("s", "SIP+D2T", "").transport == .tcp)
        #expect(record("u", "SIP+D2T", "").transport == nil)
        #expect(record("s", "SIP+D2T", "!^.*$!sip:a@b!").transport == nil)
        #expect(record("s", "SIP+D2S", "").transport == nil)
        #expect(record("s", "E2U+sip", "").transport == nil)
    }

    /// Answers to questions that were not asked, or twice, change nothing.
    @Test func strayAnswersAreLeft() {
        var locator = locator("example.com", nil, .tcp)
        #expect(locator.receive(naptr: Self.naptr) == nil)
        _ = locator.start()
        #expect(locator.receive(srv: [], of: "_sip._udp.example.com") { 0 } == nil)
        #expect(locator.receive(naptr: Self.naptr) == nil)
        _ = locator.receive(srv: [], of: "_sip._tcp.example.com") { 0 }
        #expect(locator.receive(srv: [], of: "_sip._tcp.example.com") { 0 } == nil)
    }

    @Test func thereAreLimits() {
        var locator = locator()
        _ = locator.start()
        let records = (0..<20).map {
            NAPTRRecord(
                order: $0, preference: 0, flags: "s", service: "SIP+D2U", replacement: "_sip._udp.\($0).example.com")
        }
        guard case .ask(let queries)? = locator.receive(naptr: records) else {
            Issue.record("no services")
            return
        }
        #expect(queries.count == ServerLocator.serviceLimit)
        let servers = (0..<100).map { SRVRecord(priority: $0, weight: 0, port: 5_060, target: "h\($0)") }
        var last: ServerLocator.Step?
        for case .srv(let name) in queries { last = locator.receive(srv: servers, of: name) { 0 } }
        guard case .servers(let found)? = last else {
            Issue.record("no servers")
            return
        }
        #expect(found.count == ServerLocator.serverLimit)
        #expect(found.first?.host == "h0")
    }
}

/// The order of servers (RFC 2782).
@Suite struct SRVRecordTests {
    private func record(_ priority: UInt16, _ weight: UInt16, _ target: String) -> SRVRecord {
        SRVRecord(priority: priority, weight: weight, port: 5_060, target: target)
    }

    @Test func theLowerPriorityIsFirst() {
        let records = [record(20, 5, "c"), record(10, 0, "a"), record(30, 65_535, "d"), record(10, 1, "b")]
        #expect(records.inOrder { 0 }.map(\.target) == ["a", "b", "c", "d"])
        #expect(records.inOrder { .max }.map(\.target).suffix(2) == ["c", "d"])
    }

    /// Each is first as often as its weight says, within four standard deviations of 20,000 draws.
    @Test func weightsAreShares() {
        let records = [record(0, 60, "a"), record(0, 20, "b"), record(0, 20, "c")]
        var state: UInt64 = 1
        var first: [String: Int] = [:]
        for _ in 0..<20_000 {
            let order = records.inOrder {
                // SplitMix64.
                state &+= 0x9E37_79B9_7F4A_7C15
                var z = state
                z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
                return z ^ z >> 31
            }
            #expect(order.count == 3)
            first[order[0].target, default: 0] += 1
        }
        // A draw is one of 0 to 100, and 0 leads to the first: 61, 20 and 20 of 101.
        for (target, share) in ["a": 61.0 / 101, "b": 20.0 / 101, "c": 20.0 / 101] {
            let deviation = 4 * (20_000 * share * (1 - share)).squareRoot()
            #expect(abs(Double(first[target] ?? 0) - 20_000 * share) < deviation)
        }
    }

    /// Those of weight 0 have a small chance beside others.
    @Test func weightZeroIsPossible() {
        let records = [record(0, 100, "heavy"), record(0, 0, "light")]
        #expect(records.inOrder { 0 }.map(\.target) == ["light", "heavy"])
        #expect(records.inOrder { 1 }.map(\.target) == ["heavy", "light"])
    }
}
