import Foundation
import Reactor
import SIP
import Server
import TestKit
import Testing
import UserAgent

/// Servers that are found by DNS (RFC 3263): the names are Dnsmasq's, the servers are SIPp's.
@Suite struct LocatingTests {
    /// A domain whose first server is not there and whose second one is SIPp.
    private func names(_ callee: SIPpPeer, in peers: Peers) async throws -> DnsmasqPeer {
        let dead = try BoundDatagramSocket.bind(.loopback()).localAddress.port
        return try await DnsmasqPeer.start(
            [
                .rule("far.test", order: 1, preference: 1, "SIP+D2U", "_sip._udp.servers.test"),
                .service("_sip._udp.servers.test", "one.test", dead, priority: 1),
                .service("_sip._udp.servers.test", "two.test", callee.port, priority: 2),
                .host("one.test", ["127.0.0.1"]), .host("two.test", ["127.0.0.1"]),
            ], in: peers)
    }

    @Test("RFC 3263 §4.3: the proxy goes on to the second server of a contact's domain")
    func theProxyFailsOver() async throws {
        try await withPeers { peers in
            var callee = SIPpOptions(.named("uas"))
            callee.calls = 50
            let uas = try await SIPpPeer.start(callee, name: "uas", in: peers)
            let names = try await names(uas, in: peers)
            let server = try await ItoServer.start(
                in: peers, ["--no-auth"], environment: ["ITO_DNS_SERVERS": names.address.description])
            let registration = try await SIPpPeer.start(
                .registration(of: "bob", contact: "sip:bob@far.test", at: server.hostPort), name: "register", in: peers)
            try await registration.succeeded()
            var caller = SIPpOptions(.named("uac"), remote: server.hostPort)
            caller.service = "bob"
            caller.calls = 50
            caller.rate = 50
            let uac = try await SIPpPeer.start(caller, name: "uac", in: peers)
            let result = try await uac.succeeded()
            #expect(result.successful == 50 && result.failed == 0)
        }
    }

    /// Why the first server of a domain is of no use.
    enum FirstServer: CaseIterable {
        /// Nobody listens there: the connection is refused.
        case refuses
        /// Its certificate is signed by nobody who is believed.
        case isUntrusted
        /// Its certificate is for another domain (RFC 5922 §7.3).
        case isAnother
        /// It ends the connection in the middle of the handshake.
        case hangsUp
    }

    /// A domain that is served over TCP, or TLS, by two servers: the first one fails, and behind the second is SIPp.
    private func names(
        _ first: FirstServer, isSecure: Bool, _ callee: SIPpPeer, _ certificates: Certificates, in peers: Peers
    ) async throws -> (DnsmasqPeer, PortReservation) {
        let refusing = try PortReservation()
        var (dead, live) = (refusing.port, callee.port)
        if isSecure {
            let good = try certificates.identity([.dns("far.test")], file: "second.pem")
            live = try await StunnelPeer.start(.server(identity: good), to: callee.hostPort, in: peers).port
        }
        switch first {
        case .refuses: break
        case .isUntrusted:
            let stranger = try CertificateAuthority("Another Authority").issue([.dns("far.test")])
            let file = try peers.folder.write("\(stranger.certificate)\n\(stranger.key)\n", to: "first.pem")
            dead = try await StunnelPeer.start(.server(identity: file), to: callee.hostPort, in: peers).port
        case .isAnother:
            let other = try certificates.identity([.dns("other.test")], file: "first.pem")
            dead = try await StunnelPeer.start(.server(identity: other), to: callee.hostPort, in: peers).port
        case .hangsUp:
            // It takes each connection, connects to where nobody listens, and ends both.
            dead = try await StunnelPeer.start(
                .client(authorities: certificates.authorityFile, address: "127.0.0.1"),
                to: "127.0.0.1:\(refusing.port)", in: peers
            ).port
        }
        let service = isSecure ? "_sips._tcp.servers.test" : "_sip._tcp.servers.test"
        let names = try await DnsmasqPeer.start(
            [
                .rule("far.test", order: 1, preference: 1, isSecure ? "SIPS+D2T" : "SIP+D2T", service),
                .service(service, "one.test", dead, priority: 1), .service(service, "two.test", live, priority: 2),
                .host("one.test", ["127.0.0.1"]), .host("two.test", ["127.0.0.1"]),
            ], in: peers)
        return (names, refusing)
    }

    private static let failures: [(FirstServer, Bool)] =
        [(.refuses, false)] + FirstServer.allCases.map { ($0, true) }

    @Test(
        "RFC 3263 §4.3: the proxy goes on to the second server when it cannot connect to the first", arguments: failures
    )
    func theProxyFailsOverConnections(first: FirstServer, isSecure: Bool) async throws {
        try await withPeers { peers in
            let certificates = try Certificates(in: peers)
            var callee = SIPpOptions(.named("uas"))
            callee.transport = .tcp
            callee.calls = 20
            let uas = try await SIPpPeer.start(callee, name: "uas", in: peers)
            let (names, refusing) = try await names(first, isSecure: isSecure, uas, certificates, in: peers)
            let server = try await ItoServer.start(
                in: peers, ["--no-auth", "--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0"],
                environment: try certificates.environment(["ITO_DNS_SERVERS": names.address.description]))
            try await SIPpPeer.start(
                .registration(of: "bob", contact: "sip:bob@far.test", at: server.hostPort), name: "register", in: peers
            ).succeeded()
            var caller = SIPpOptions(.named("uac"), remote: server.hostPort)
            caller.service = "bob"
            caller.calls = 20
            caller.rate = 20
            let result = try await SIPpPeer.start(caller, name: "uac", in: peers).succeeded()
            #expect(result.successful == 20 && result.failed == 0)
            // It was the first server that failed, and by its handshake where its certificate is wrong; one that hangs up may have
            // reset the connection before.
            let counters = try server.statistics().connections
            if first != .hangsUp {
                #expect(((counters["handshakeErrors"] ?? 0) > 0) == (first != .refuses), "\(counters)")
            }
            withExtendedLifetime(refusing) {}
        }
    }

    @Test(
        "RFC 3263 §4.3: the phone goes on to the second server when it cannot connect to the first", arguments: failures
    )
    func thePhoneFailsOverConnections(first: FirstServer, isSecure: Bool) async throws {
        try await withPeers { peers in
            let certificates = try Certificates(in: peers)
            var callee = SIPpOptions(.named("uas"))
            callee.transport = .tcp
            let uas = try await SIPpPeer.start(callee, name: "uas", in: peers)
            let (names, refusing) = try await names(first, isSecure: isSecure, uas, certificates, in: peers)
            var options = UserAgent.Options(address: .loopback())
            options.registers = false
            options.trust = try certificates.trust
            options.callsSecurely = isSecure
            options.names.servers = [names.address]
            let agent = try await UserAgent(account: Account("sip:alice@example.test"), options: options)
            let call = try await agent.call("sip:service@far.test")
            await call.hangUp()
            await agent.shutDown()
            #expect(try await uas.succeeded().successful == 1)
            withExtendedLifetime(refusing) {}
        }
    }

    @Test("RFC 3263 §4.3: the phone calls the second server of a domain")
    func thePhoneFailsOver() async throws {
        try await withPeers { peers in
            let uas = try await SIPpPeer.start(SIPpOptions(.named("uas")), name: "uas", in: peers)
            let names = try await names(uas, in: peers)
            var options = UserAgent.Options(address: .loopback())
            options.registers = false
            options.names.servers = [names.address]
            let agent = try await UserAgent(account: Account("sip:alice@example.test"), options: options)
            let call = try await agent.call("sip:service@far.test")
            await call.hangUp()
            await agent.shutDown()
            let result = try await uas.succeeded()
            #expect(result.successful == 1)
        }
    }

    @Test("A server of DNS that is silent delays no call that does not ask it")
    func aSilentServerOfDNS() async throws {
        try await withPeers { peers in
            let silent = try BoundDatagramSocket.bind(.loopback())
            let server = try await ItoServer.start(
                in: peers, ["--no-auth"],
                environment: ["ITO_DNS_SERVERS": silent.localAddress.description, "ITO_DNS_TIMEOUT": "30s"])
            var callee = SIPpOptions(.named("uas"))
            callee.calls = 100
            let uas = try await SIPpPeer.start(callee, name: "uas", in: peers)
            for (user, contact) in [("bob", "sip:bob@\(uas.hostPort)"), ("carol", "sip:carol@hangs.test")] {
                let registration = try await SIPpPeer.start(
                    .registration(of: user, contact: contact, at: server.hostPort), name: "register-\(user)", in: peers)
                try await registration.succeeded()
            }
            func calls(to user: String, _ count: Int) async throws -> SIPpPeer {
                var caller = SIPpOptions(.named("uac"), remote: server.hostPort)
                caller.service = user
                caller.calls = count
                caller.rate = 100
                return try await SIPpPeer.start(caller, name: "uac-\(user)", in: peers)
            }
            _ = try await calls(to: "carol", 500)
            let result = try await calls(to: "bob", 100).succeeded()
            #expect(result.successful == 100 && result.retransmissions == 0)
            withExtendedLifetime(silent) {}
        }
    }
}
