import Foundation
import Glibc
import Reactor
import Server
import TestKit
import Testing
import UserAgent

extension Interop {
    /// Calls over TLS through the running server, with programs on OpenSSL and with our own phones.
    @Suite struct SecureTransportTests {
        static let arguments = ["--no-auth", "--listen", "tls://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"]
        static let users = ["alice": "secret", "bob": "secret"]

        /// SIPp has no TLS in Debian: Stunnel puts it around both sides, and checks our certificate by its address.
        @Test func hundredsOfCalls() async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, Self.arguments, environment: try certificates.environment())
                var called = SIPpOptions(.named("uas"))
                called.transport = .tcp
                called.calls = 200
                let uas = try await SIPpPeer.start(called, name: "uas", in: peers)
                let door = try await StunnelPeer.start(
                    .server(identity: certificates.identity([.address("127.0.0.1")], file: "uas.pem")),
                    to: uas.hostPort, in: peers)
                try await SIPpPeer.start(
                    .registration(
                        of: "bob", contact: "sip:bob@\(door.hostPort);transport=tls", at: server.hostPort),
                    name: "register", in: peers
                ).succeeded()
                let tunnel = try await StunnelPeer.start(
                    .client(authorities: certificates.authorityFile, address: "127.0.0.1"),
                    to: server.address("tls://"), in: peers)
                var calling = SIPpOptions(.named("uac"), remote: tunnel.hostPort)
                calling.transport = .tcp
                calling.service = "bob"
                calling.calls = 200
                calling.rate = 100
                let result = try await SIPpPeer.start(calling, name: "uac", in: peers).succeeded()
                #expect(result.successful == 200)
                #expect(result.failed == 0)
                try await uas.succeeded()
                let counters = try server.statistics().connections
                // One to the tunnel, and one to where the callee's own Contact leads, for ACK and BYE.
                #expect(counters["connected"] == 2)
                #expect(counters["handshakeErrors"] == 0)
            }
        }

        @Test func baresipRegistersAndCallsOverTLS() async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, Self.arguments, environment: try certificates.environment())
                let pair = try await BaresipPair.start(
                    at: server.address("tls://"), over: .tls, authorities: certificates.authorityFile, in: peers)
                try await pair.callTwice()
                let counters = try server.statistics().connections
                #expect(counters["connected"] == 0)
                #expect(counters["accepted"] == 2)
                #expect(counters["handshakeErrors"] == 0)
            }
        }

        /// IPv4 and IPv6; TLS is named in Via and Record-Route.
        @Test(arguments: ["127.0.0.1", "[::1]"])
        func ourPhonesRegisterAndCallOverTLS(host: String) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tls://\(host):0"], users: Self.users,
                    environment: try certificates.environment())
                let address = server.address("tls://")
                let own = try #require(TransportAddress(host: host, port: 0))
                let trust = try certificates.trust
                let alice = try await Phone.start("alice", at: address, over: "tls", address: own, trust: trust)
                let bob = try await Phone.start("bob", at: address, over: "tls", address: own, trust: trust)
                try await callBothWays(alice, bob, user: "bob") { callee in
                    let invite = try #require(callee.last("INVITE "))
                    let routes = invite.values("Record-Route")
                    #expect(routes.count == 1)
                    #expect(routes.first?.contains("\(address);transport=tls;lr>") == true)
                    #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/TLS \(address)") == true)
                    #expect(invite.values("Contact").first?.hasSuffix(";transport=tls>") == true)
                }
                let counters = try server.statistics().connections
                #expect(counters["connected"] == 0)
                #expect(counters["accepted"] == 2)
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// The proxy stands in the route twice, once for each side's transport (RFC 5658 §3.1).
        @Test(arguments: [("udp", "tls"), ("tls", "udp"), ("tcp", "tls"), ("tls", "tcp")])
        func phonesOfDifferentTransportsCallEachOther(caller: String, callee: String) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tls://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"], users: Self.users,
                    environment: try certificates.environment())
                func own(_ transport: String) -> String {
                    server.address("\(transport)://") + (transport == "udp" ? "" : ";transport=\(transport)") + ";lr>"
                }
                let trust = try certificates.trust
                let alice = try await Phone.start(
                    "alice", at: server.address("\(caller)://"), over: caller, trust: trust)
                let bob = try await Phone.start(
                    "bob", at: server.address("\(callee)://"), over: callee, trust: trust)
                try await callBothWays(alice, bob, user: "bob") { phone in
                    let routes = try #require(phone.last("INVITE ")).values("Record-Route")
                    #expect(routes.count == 2)
                    #expect(routes.first?.hasSuffix(own(callee)) == true)
                    #expect(routes.last?.hasSuffix(own(caller)) == true)
                }
                #expect(try server.statistics().connections["connected"] == 0)
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// With nothing configured the server makes a certificate, which the phones are told to trust.
        @Test func theServersOwnCertificate() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tls://127.0.0.1:0"], users: Self.users)
                let proxy = ["--proxy", "sip:\(server.address("tls://"));transport=tls"]
                let trusted = proxy + ["--ca-file", server.data + "/certificate.pem"]
                let bob = try peers.start(
                    ItoProgram.command(
                        ["answer", "--as", "sip:bob@example.test", "--count", "1", "--json"] + trusted,
                        password: "secret"), name: "ito answer")
                try await bob.line(containing: #""event":"ready""#)
                let call = try await ItoProgram.run(
                    ["call", "bob", "--as", "sip:alice@example.test", "--duration", "200ms", "--json"] + trusted,
                    password: "secret", in: peers)
                #expect(call.exit == .code(0), "\(call.complaints)")
                #expect(try await bob.exit() == .code(0))
                // Whoever is not told so hears why, and what to do.
                let stranger = try await ItoProgram.run(
                    ["register", "sip:alice@example.test", "--once"] + proxy, password: "secret", in: peers)
                #expect(stranger.exit == .code(1))
                #expect(
                    stranger.complaints.contains("is not trusted: it is signed by itself"), "\(stranger.complaints)")
                #expect(stranger.complaints.contains("--ca-file"))
                let caller = try await ItoProgram.run(
                    ["call", "bob", "--as", "sip:alice@example.test"] + proxy, password: "secret", in: peers)
                #expect(caller.exit == .code(1))
                #expect(caller.complaints.contains("is not trusted"), "\(caller.complaints)")
                #expect(caller.complaints.contains("--ca-file"))
            }
        }

        /// Phones say in words a person understands why TLS did not come about.
        @Test func whatIsWrongIsSaid() async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let environment = [
                    "ITO_TLS_CERTIFICATE": try certificates.identity([.dns("other.test")], file: "other.pem")
                ]
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tls://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"],
                    environment: environment)
                for (address, word) in [
                    (server.address("tls://"), "the certificate is for other.test, and not for 127.0.0.1"),
                    (server.address("tcp://"), "during the TLS handshake"), ("127.0.0.1:1", "refused"),
                ] {
                    let outcome = try await ItoProgram.run(
                        [
                            "register", "sip:alice@example.test", "--once", "--proxy", "sip:\(address);transport=tls",
                            "--ca-file", certificates.authorityFile,
                        ], in: peers)
                    #expect(outcome.exit == .code(1))
                    #expect(outcome.complaints.contains(word), "\(outcome.complaints)")
                }
                let unreadable = try await ItoProgram.run(
                    ["register", "sip:a@example.test", "--ca-file", "/nonexistent.pem", "--once"], in: peers)
                #expect(unreadable.exit == .code(2))
                #expect(unreadable.complaints.contains("/nonexistent.pem cannot be read"), "\(unreadable.complaints)")
                let serve = try await ItoProgram.run(
                    ["serve", "--data", peers.folder.file("x"), "--listen", "tls://127.0.0.1:0"], in: peers,
                    environment: ["ITO_TLS_CERTIFICATE": certificates.authorityFile])
                #expect(serve.exit == .code(2))
                #expect(serve.complaints.contains("no private key"), "\(serve.complaints)")
            }
        }

        /// SIGHUP: new connections are shown the new certificate, and a phone that is connected stays so.
        @Test func certificatesAreReadAgain() async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tls://127.0.0.1:0"], users: Self.users,
                    environment: try certificates.environment())
                let address = server.address("tls://")
                let trust = try certificates.trust
                let alice = try await Phone.start("alice", at: address, over: "tls", trust: trust)
                let before = try await serial(of: address, peers)
                #expect(try await serial(of: address, peers) == before)
                _ = try certificates.environment()  // Writes another certificate into the same file.
                server.process.signal(SIGHUP)
                try await server.process.line(containing: "certificates are read again")
                #expect(try await serial(of: address, peers) != before)
                let bob = try await Phone.start("bob", at: address, over: "tls", trust: trust)
                try await callBothWays(alice, bob, user: "bob")
                // One that cannot be read is not taken over.
                let now = try await serial(of: address, peers)
                try peers.folder.write("nothing", to: "server.pem")
                server.process.signal(SIGHUP)
                try await server.process.line(containing: "certificates are not taken over: tls.certificate: ")
                #expect(try await serial(of: address, peers) == now)
                let counters = try server.statistics().connections
                #expect(counters["open"] == 2)
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// The certificate of a domain is shown to those who name it (RFC 5922 §7.8).
        @Test func eachDomainHasItsCertificate() async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let other = try certificates.identity([.uri("sip:other.test")], file: "other.pem")
                let file = try peers.folder.write(
                    "domains:\n  - example.test\n  - {name: other.test, certificate: \(other)}\n", to: "ito.yaml")
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tls://127.0.0.1:0", "--domain", "other.test", "--config", file],
                    environment: try certificates.environment())
                let address = server.address("tls://")
                for (name, text) in [("other.test", "URI:sip:other.test"), ("example.test", "DNS:example.test")] {
                    let shown = try await certificate(of: address, ["-servername", name], peers)
                    #expect(shown.contains(text), "\(name)")
                }
            }
        }

        private func serial(of address: String, _ peers: Peers) async throws -> String {
            let text = try await certificate(of: address, [], peers)
            return text.split(separator: "\n").drop { !$0.contains("Serial Number") }.dropFirst().first.map(String.init)
                ?? ""
        }

        /// What OpenSSL says of the certificate that a server shows.
        private func certificate(of address: String, _ arguments: [String], _ peers: Peers) async throws -> String {
            let client = try peers.start(
                PeerCommand("openssl", ["s_client", "-connect", address] + arguments, package: "openssl"))
            try client.write(line: "Q")
            _ = try await client.exit()
            let lines = client.lines.filter { !$0.isError }.map(\.text)
            let pem = lines.drop { !$0.contains("BEGIN CERTIFICATE") }.prefix { !$0.contains("END CERTIFICATE") }
            try peers.folder.write((pem + ["-----END CERTIFICATE-----", ""]).joined(separator: "\n"), to: "shown.pem")
            let text = try peers.start(
                PeerCommand(
                    "openssl", ["x509", "-in", peers.folder.file("shown.pem"), "-noout", "-text"], package: "openssl"))
            _ = try await text.exit()
            return text.lines.map(\.text).joined(separator: "\n")
        }
    }
}
