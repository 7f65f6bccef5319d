import Foundation
import Reactor
import TestKit
import Testing
import UserAgent

/// How the server and Kamailio reach one another; phones use UDP where that is TLS.
enum KamailioLink: String, CaseIterable, Sendable {
    case udp, tcp, tls

    var phones: SIPpOptions.Transport { self == .tcp ? .tcp : .udp }

    /// The parameter of a URI that phones are reached by.
    var parameter: String { self == .tcp ? ";transport=tcp" : "" }
}

extension Interop {
    /// Kamailio as the next proxy of calls, and as the one before: loose routing through both (RFC 3261 §16.12), Path (RFC 3327).
    @Suite struct KamailioTests {
        // MARK: The next hop

        /// A call to a domain that Kamailio serves, found by DNS: re-INVITE by the caller, BYE by the called.
        @Test(arguments: KamailioLink.allCases)
        func aCallToADomainOfKamailio(link: KamailioLink) async throws {
            try await withKamailioBehind(link) { scene in
                let callee = try await scene.callee("uas_loose_routes", at: scene.kamailio.hostPort, domain: "far.test")
                let caller = try await scene.call("uac_loose_routes", "sip:bob@far.test")
                try await caller.succeeded()
                try await callee.succeeded()
                try expectLooseRouting(scene, caller, callee, hops: [.ours, .kamailio])
            }
        }

        @Test(arguments: KamailioLink.allCases)
        func requestsToADomainOfKamailio(link: KamailioLink) async throws {
            try await withKamailioBehind(link) { scene in
                for (method, scenario) in [("MESSAGE", "uas_message"), ("OPTIONS", "uas_options")] {
                    let user = method.lowercased()
                    let callee = try await scene.callee(
                        scenario, at: scene.kamailio.hostPort, domain: "far.test", user: user)
                    try await scene.call("uac_asks_\(user)", "sip:\(user)@far.test").succeeded()
                    try await callee.succeeded()
                    let request = try #require(callee.received.first)
                    #expect(request.startLine.hasPrefix("\(method) sip:\(user)@\(callee.hostPort)"))
                    try scene.expect(request.list("Via"), isBy: [.kamailio, .ours])
                }
            }
        }

        /// A caller that is of no domain of ours, and is let through as one of a trusted network.
        @Test(arguments: KamailioLink.allCases)
        func aCallToADomainOfKamailioIsGivenUp(link: KamailioLink) async throws {
            let trusted = ["ITO_PROXY_TRUSTED_NETWORKS": "127.0.0.0/8"]
            try await withKamailioBehind(link, environment: trusted) { scene in
                let callee = try await scene.callee(
                    "uas_rings_until_cancel", at: scene.kamailio.hostPort, domain: "far.test")
                try await scene.call("uac_cancel_ringing", "", domain: "far.test").succeeded()
                try await callee.succeeded()
            }
        }

        // MARK: The hop before

        /// A caller behind Kamailio, and a callee who is registered at the server itself.
        @Test(arguments: KamailioLink.allCases)
        func aCallByWayOfKamailio(link: KamailioLink) async throws {
            try await withKamailioBefore(link) { scene in
                let callee = try await scene.callee("uas_loose_routes", at: scene.server.hostPort)
                let caller = try await scene.call("uac_loose_routes", "sip:bob@example.test")
                try await caller.succeeded()
                try await callee.succeeded()
                try expectLooseRouting(scene, caller, callee, hops: [.kamailio, .ours])
            }
        }

        @Test(arguments: KamailioLink.allCases)
        func aCallByWayOfKamailioIsGivenUp(link: KamailioLink) async throws {
            try await withKamailioBefore(link) { scene in
                let callee = try await scene.callee("uas_rings_until_cancel", at: scene.server.hostPort)
                try await scene.call("uac_cancel_ringing", "").succeeded()
                try await callee.succeeded()
            }
        }

        /// Caller and callee behind Kamailio, which is in the Path of the callee: the call goes through it twice.
        @Test(arguments: KamailioLink.allCases)
        func aCallAlongAPathThroughKamailio(link: KamailioLink) async throws {
            try await withKamailioBefore(link) { scene in
                let callee = try await scene.calleeBehindKamailio("uas_loose_routes")
                let caller = try await scene.call("uac_loose_routes", "sip:bob@example.test")
                try await caller.succeeded()
                try await callee.succeeded()
                try expectLooseRouting(scene, caller, callee, hops: [.kamailio, .ours, .kamailio])
            }
        }

        @Test(arguments: KamailioLink.allCases)
        func aCallAlongAPathIsGivenUp(link: KamailioLink) async throws {
            try await withKamailioBefore(link) { scene in
                let callee = try await scene.calleeBehindKamailio("uas_rings_until_cancel")
                try await scene.call("uac_cancel_ringing", "").succeeded()
                try await callee.succeeded()
            }
        }

        @Test func requestsAlongAPath() async throws {
            try await withKamailioBefore(.udp) { scene in
                for (method, scenario) in [("MESSAGE", "uas_message"), ("OPTIONS", "uas_options")] {
                    let user = method.lowercased()
                    let callee = try await scene.calleeBehindKamailio(scenario, user: user)
                    try await scene.call("uac_asks_\(user)", "sip:\(user)@example.test").succeeded()
                    try await callee.succeeded()
                    let request = try #require(callee.received.first)
                    try scene.expect(request.list("Via"), isBy: [.kamailio, .ours, .kamailio])
                }
            }
        }

        /// Our own phones register with Digest through Kamailio, and call one another through both.
        @Test(arguments: ["udp", "tcp"])
        func ourPhonesBehindKamailio(transport: String) async throws {
            let users = ["alice": "secret", "bob": "secret"]
            let link = transport == "tcp" ? KamailioLink.tcp : .udp
            try await withKamailioBefore(link, [], users: users) { scene in
                let alice = try await Phone.start("alice", at: scene.kamailio.hostPort, over: transport)
                let bob = try await Phone.start("bob", at: scene.kamailio.hostPort, over: transport)
                try await callBothWays(alice, bob, user: "bob") { callee in
                    let invite = try #require(callee.last("INVITE "))
                    try scene.expect(invite.list("Via"), isBy: [.kamailio, .ours, .kamailio])
                }
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        // MARK: The scene

        /// Kamailio behind the server: DNS names it as the server of far.test, for the link's transport alone.
        private func withKamailioBehind(
            _ link: KamailioLink, environment: [String: String] = [:], _ body: (KamailioScene) async throws -> Void
        ) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let kamailio = try await KamailioScene.kamailio(next: "sip:127.0.0.1:9", certificates, in: peers)
                let service = link == .tls ? "_sips._tcp.far.test" : "_sip._\(link.rawValue).far.test"
                let rule = ["udp": "SIP+D2U", "tcp": "SIP+D2T", "tls": "SIPS+D2T"][link.rawValue] ?? ""
                let names = try await DnsmasqPeer.start(
                    [
                        .rule("far.test", order: 1, preference: 1, rule, service),
                        .service(service, "kamailio.test", link == .tls ? kamailio.securePort : kamailio.port),
                        .host("kamailio.test", ["127.0.0.1"]),
                    ], in: peers)
                let more = environment.merging(["ITO_DNS_SERVERS": names.address.description]) { $1 }
                let server = try await ItoServer.start(
                    in: peers, KamailioScene.listeners + ["--no-auth"],
                    environment: try certificates.environment(more))
                try await body(
                    KamailioScene(peers: peers, link: link, server: server, kamailio: kamailio, isBefore: false))
            }
        }

        /// Kamailio before the server, which gets all that phones send to Kamailio.
        private func withKamailioBefore(
            _ link: KamailioLink, _ arguments: [String] = ["--no-auth"], users: [String: String] = [:],
            _ body: (KamailioScene) async throws -> Void
        ) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, KamailioScene.listeners + arguments, users: users,
                    environment: try certificates.environment())
                let next = "sip:\(server.address("\(link.rawValue)://"));transport=\(link.rawValue)"
                let kamailio = try await KamailioScene.kamailio(next: next, certificates, in: peers)
                try await body(
                    KamailioScene(peers: peers, link: link, server: server, kamailio: kamailio, isBefore: true))
            }
        }

        /// What both ends have seen of a whole call (RFC 3261 §16.6 step 4, §12.1, §12.2, §16.12).
        ///
        /// - Parameter hops: the proxies from the caller to the called.
        private func expectLooseRouting(
            _ scene: KamailioScene, _ caller: SIPpPeer, _ callee: SIPpPeer, hops: [KamailioScene.Hop]
        ) throws {
            let towardsCaller: [KamailioScene.Hop] = hops.reversed()
            // The first INVITE: each hop has put itself in front, and no Route is left.
            let invites = callee.received.filter { $0.startLine.hasPrefix("INVITE ") }
            let (first, second) = (try #require(invites.first), try #require(invites.last))
            try scene.expect(first.list("Record-Route"), isBy: towardsCaller)
            try scene.expect(first.list("Via"), isBy: towardsCaller)
            #expect(first.list("Route").isEmpty)
            #expect(
                first.list("Record-Route").allSatisfy {
                    $0.hasSuffix(";lr>") || $0.contains(";lr;") || $0.contains(";lr=")
                })
            // The caller is told the same list, by 180 and by 200.
            for status in [180, 200] {
                let response = try #require(caller.received.first { $0.status == status })
                #expect(response.list("Record-Route") == first.list("Record-Route"))
                #expect(response.list("Via").count == 1)
            }
            // The re-INVITE: sent along the list from its end, to the called's Contact; every hop has taken itself out of Route.
            let sent = try #require(caller.sent.last { $0.startLine.hasPrefix("INVITE ") })
            #expect(sent.list("Route") == first.list("Record-Route").reversed())
            #expect(second.list("CSeq") == ["2 INVITE"])
            #expect(second.startLine == sent.startLine && second.list("Route").isEmpty)
            try scene.expect(second.list("Via"), isBy: towardsCaller)
            for ack in callee.received.filter({ $0.startLine.hasPrefix("ACK ") }) {
                try scene.expect(ack.list("Via"), isBy: towardsCaller)
            }
            // The BYE: along the list as it stands.
            let bye = try #require(callee.sent.last { $0.startLine.hasPrefix("BYE ") })
            #expect(bye.list("Route") == first.list("Record-Route"))
            let hungUp = try #require(caller.received.last { $0.startLine.hasPrefix("BYE ") })
            #expect(hungUp.startLine == bye.startLine && hungUp.list("Route").isEmpty)
            try scene.expect(hungUp.list("Via"), isBy: hops)
        }
    }
}

/// A server, Kamailio beside it, and phones by SIPp.
struct KamailioScene {
    /// A proxy on the way of a request.
    enum Hop { case ours, kamailio }

    let peers: Peers
    let link: KamailioLink
    let server: ItoServer
    let kamailio: KamailioPeer
    /// Whether callers send to Kamailio, or to the server.
    let isBefore: Bool

    /// Besides UDP.
    static let listeners = ["--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0"]

    static func kamailio(next: String, _ certificates: Certificates, in peers: Peers) async throws -> KamailioPeer {
        let identity = try certificates.identity([.dns("far.test"), .address("127.0.0.1")], file: "kamailio.pem")
        var options = KamailioPeer.Options()
        options.configuration = Repository.file("Tests/Interop/Kamailio/edge.cfg")
        options.isSecure = true
        options.defines = [
            "NEXT": "\"\(next)\"", "IDENTITY": "\"\(identity)\"", "AUTHORITIES": "\"\(certificates.authorityFile)\"",
        ]
        return try await KamailioPeer.start(options, in: peers)
    }

    /// Where callers reach the server itself.
    private var own: String { server.address(link == .tcp ? "tcp://" : "udp://") }

    private func options(_ scenario: String, remote: String? = nil, domain: String) -> SIPpOptions {
        var options = SIPpOptions(.named(scenario), remote: remote)
        options.transport = link.phones
        options.domain = domain
        options.callLength = .milliseconds(100)
        options.tracesMessages = true
        return options
    }

    /// Starts one who is called, registered as a user of a domain at a registrar.
    func callee(
        _ scenario: String, at registrar: String, domain: String = "example.test", user: String = "bob",
        registration: String = "register"
    ) async throws -> SIPpPeer {
        let callee = try await SIPpPeer.start(options(scenario, domain: domain), in: peers)
        var registering = options(registration, remote: registrar, domain: domain)
        // Our registrar keeps what came by a connection no longer than that, and SIPp closes its own.
        if registration == "register" { registering.transport = .udp }
        registering.user = user
        registering.keys = ["contact": "sip:\(user)@\(callee.hostPort)\(link.parameter)", "expires": "300"]
        let peer = try await SIPpPeer.start(registering, in: peers)
        try await peer.succeeded()
        if registration == "register_edge" {
            let told = peer.received.last?.list("Path") ?? []
            guard told.count == 1, hop(of: told[0]) == .kamailio else {
                throw PeerError(.refused, "the Path of a registration through Kamailio is \(told)")
            }
        }
        return callee
    }

    /// Starts one who is called, and registers it through Kamailio.
    func calleeBehindKamailio(_ scenario: String, user: String = "bob") async throws -> SIPpPeer {
        try await callee(scenario, at: kamailio.hostPort, user: user, registration: "register_edge")
    }

    /// Starts a caller, alice.
    func call(
        _ scenario: String, _ target: String, domain: String = "example.test"
    ) async throws -> SIPpPeer {
        var calling = options(scenario, remote: isBefore ? kamailio.hostPort : own, domain: domain)
        calling.user = "alice"
        calling.service = "bob"
        calling.keys = ["target": target]
        return try await SIPpPeer.start(calling, in: peers)
    }

    /// Whether values of Via or Record-Route are by some hops, the last of them possibly followed by a phone's; a hop that takes a
    /// call by one transport and sends it on by another may stand in Record-Route twice.
    func expect(_ values: [String], isBy hops: [Hop]) throws {
        var found: [Hop] = []
        for value in values {
            guard let hop = hop(of: value) else { continue }
            if found.last != hop { found.append(hop) }
        }
        guard found == hops else {
            throw PeerError(.refused, "\(values) are by \(found), and not by \(hops)")
        }
    }

    private func hop(of value: String) -> Hop? {
        if [kamailio.port, kamailio.securePort].contains(where: { value.contains("127.0.0.1:\($0)") }) {
            return .kamailio
        }
        let ports = server.listeners.compactMap { $0.split(separator: ":").last }
        return ports.contains { value.contains("127.0.0.1:\($0)") } ? .ours : nil
    }
}
