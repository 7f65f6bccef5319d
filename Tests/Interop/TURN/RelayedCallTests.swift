import ICE
import Media
import Reactor
import TestKit
import Testing
import UserAgent

extension Interop {
    /// Calls of the SDK through `ito relay`.
    @Suite struct RelayedCallTests {
        /// Starts a server for alice and bob; its address.
        private func relay(
            by transport: ICEPolicy.Server.Transport = .udp, environment: [String: String] = [:], in peers: Peers
        ) async throws -> TransportAddress {
            let reservation = try PortReservation()
            let port = reservation.port
            reservation.release()
            let command = ItoProgram.command(
                [
                    "relay", "--data", peers.folder.file("data"), "--allow", "127.0.0.1",
                    "--listen", "\(transport.rawValue)://127.0.0.1:\(port)",
                ] + (transport == .udp ? [] : ["--address", "127.0.0.1"]),
                environment: environment.merging(["ITO_TURN_USERS": "alice:secret,bob:secret"]) { $1 })
            let process = try peers.start(command, name: "ito relay")
            _ = try await process.line(containing: "ready \(transport.rawValue)://")
            return .loopback(port: port)
        }

        /// Starts coturn's server for alice and bob; its address.
        private func coturn(
            by transport: ICEPolicy.Server.Transport, identity: String, in peers: Peers
        ) async throws -> TransportAddress {
            let reservation = try PortReservation(count: 2)
            let (plain, secured) = (reservation.port, reservation.port + 1)
            reservation.release()
            let command = PeerCommand(
                "turnserver",
                [
                    "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", "\(plain)", "--tls-listening-port", "\(secured)",
                    "--cert", identity, "--pkey", identity, "-a", "-u", "alice:secret", "-u", "bob:secret", "-r",
                    "example.org", "--allow-loopback-peers", "--no-cli", "--no-dtls", "--no-udp", "--pidfile",
                    peers.folder.file("turnserver.pid"), "--log-file", "stdout",
                ], package: "coturn")
            let process = try peers.start(command, name: "turnserver")
            try await process.bound(.tcp, port: plain)
            try await process.bound(.tcp, port: secured)
            return .loopback(port: transport == .tls ? secured : plain)
        }

        private func phone(
            _ user: String, _ policy: ICEPolicy, _ encryption: MediaEncryption = .off,
            trust: TLSConfiguration.Trust = .system, names: TransportAddress? = nil
        ) async throws -> UserAgent {
            var account = try Account("sip:\(user)@127.0.0.1")
            account.ice = policy
            account.encryption = encryption
            var options = UserAgent.Options()
            options.registers = false
            options.trust = trust
            if let names { options.names.servers = [names] }
            return try await UserAgent(account: account, options: options)
        }

        /// Alice calls Bob, who hears her tone; both ends.
        private func call(_ alice: UserAgent, _ bob: UserAgent) async throws -> (caller: Call, callee: Call) {
            let ears = [SoundRecorder(), SoundRecorder()]
            let answering = Task { () -> Call? in
                for await invitation in bob.invitations {
                    return try await invitation.answer(
                        with: AudioEnds(source: { ToneSource(.sine(440)) }, sink: { ears[0] }))
                }
                return nil
            }
            let call = try await alice.call(
                "sip:bob@\(bob.localAddress)",
                audio: AudioEnds(source: { ToneSource(.sine(440)) }, sink: { ears[1] }))
            let answered = try #require(try await answering.value)
            for ear in ears {
                while !Task.isCancelled {
                    await ear.heard(ear.samples.count + 4_000)
                    var meter = LevelMeter()
                    meter.update(Array(ear.samples.suffix(4_000)).span)
                    if abs(meter.reading.level.dBm0 + 10) < 3 { break }
                }
            }
            return (call, answered)
        }

        private func policy(_ user: String, _ server: ICEPolicy.Server) -> ICEPolicy {
            var policy = ICEPolicy(.full)
            policy.usesRelaysOnly = true
            policy.servers = [server]
            return policy
        }

        /// Two phones call each other by relays at a server that is reached by connections.
        private func expectCall(
            by server: TransportAddress, _ transport: ICEPolicy.Server.Transport, _ certificates: Certificates
        ) async throws {
            var phones: [UserAgent] = []
            for user in ["alice", "bob"] {
                phones.append(
                    try await phone(
                        user,
                        policy(user, .init(turn: server, by: transport, username: user, password: "secret")),
                        trust: certificates.trust))
            }
            let calls = try await call(phones[0], phones[1])
            #expect(try #require(await calls.caller.way).isRelayed)
            #expect(try #require(await calls.callee.way).localKind == .relayed)
            for phone in phones { await phone.shutDown() }
        }

        @Test("The server is reached by a connection", arguments: [ICEPolicy.Server.Transport.tcp, .tls])
        func connection(transport: ICEPolicy.Server.Transport) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await relay(by: transport, environment: certificates.environment(), in: peers)
                try await expectCall(by: server, transport, certificates)
            }
        }

        @Test("coturn's server is reached by a connection", arguments: [ICEPolicy.Server.Transport.tcp, .tls])
        func connectionToCoturn(transport: ICEPolicy.Server.Transport) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let identity = try certificates.identity([.address("127.0.0.1")], file: "turn.pem")
                let server = try await coturn(by: transport, identity: identity, in: peers)
                try await expectCall(by: server, transport, certificates)
            }
        }

        @Test("RFC 5928: the server is found by its name", arguments: ICEPolicy.Server.Transport.allCases)
        func name(transport: ICEPolicy.Server.Transport) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let identity = try certificates.identity([.dns("turn.test")], file: "turn.pem")
                let server = try await relay(by: transport, environment: ["ITO_TLS_CERTIFICATE": identity], in: peers)
                let service = transport == .tls ? "_turns._tcp" : "_turn._\(transport.rawValue)"
                let names = try await DnsmasqPeer.start(
                    [
                        .service("\(service).turn.test", "dead.test", 9, priority: 1),
                        .service("\(service).turn.test", "live.test", server.port, priority: 2),
                        .host("live.test", ["127.0.0.1"]),
                    ], in: peers)
                var phones: [UserAgent] = []
                for user in ["alice", "bob"] {
                    phones.append(
                        try await phone(
                            user,
                            policy(user, .init(turn: "turn.test", by: transport, username: user, password: "secret")),
                            trust: certificates.trust, names: names.address))
                }
                let calls = try await call(phones[0], phones[1])
                #expect(try #require(await calls.caller.way).isRelayed)
                #expect(try #require(await calls.callee.way).localKind == .relayed)
                for phone in phones { await phone.shutDown() }
            }
        }

        @Test("A server that cannot prove who it is gives no relay, and there is no call")
        func unprovenServer() async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await relay(by: .tls, environment: certificates.environment(), in: peers)
                let alice = try await phone(
                    "alice",
                    policy(
                        "alice",
                        .init(
                            turn: server, by: .tls, domain: "elsewhere.example", username: "alice", password: "secret")),
                    trust: certificates.trust)
                let error = await #expect(throws: CallError.self) { try await alice.call("sip:bob@127.0.0.1:9") }
                #expect(error?.ending.reason == "No TURN server gives a relay")
                await alice.shutDown()
            }
        }

        @Test("A phone without ICE is talked to by the relay that it is told of", arguments: [true, false])
        func peerWithoutICE(isCaller: Bool) async throws {
            try await withPeers { peers in
                let server = try await relay(in: peers)
                let user = isCaller ? "alice" : "bob"
                let ours = policy(user, .init(turn: server, username: user, password: "secret"))
                let alice = try await phone("alice", isCaller ? ours : .off)
                let bob = try await phone("bob", isCaller ? .off : ours)
                let calls = try await call(alice, bob)
                let way = await (isCaller ? calls.caller : calls.callee).way
                #expect(try #require(way).isRelayed)
                let other = await (isCaller ? calls.callee : calls.caller).way
                #expect(other == nil)
                await alice.shutDown()
                await bob.shutDown()
            }
        }

        @Test("Media goes by a relay when no other address may be told", arguments: [true, false], [true, false])
        func relayOnly(both: Bool, isEncrypted: Bool) async throws {
            try await withPeers { peers in
                let server = try await relay(in: peers)
                var policies: [ICEPolicy] = []
                for user in ["alice", "bob"] {
                    var policy = ICEPolicy(.full)
                    if user == "alice" || both {
                        policy.usesRelaysOnly = true
                        policy.servers = [.init(turn: server, username: user, password: "secret")]
                    }
                    policies.append(policy)
                }
                let encryption: MediaEncryption = isEncrypted ? MediaEncryption(.require, by: .dtls) : .off
                let alice = try await phone("alice", policies[0], encryption)
                let bob = try await phone("bob", policies[1], encryption)
                let calls = try await call(alice, bob)
                #expect(try #require(await calls.caller.way).isRelayed)
                #expect(try #require(await calls.callee.way).isRelayed == both)
                await alice.shutDown()
                await bob.shutDown()
            }
        }
    }
}
