import Foundation
import ICE
import Media
import Reactor
import Relay
import Synchronization
import TestKit
import Testing
import UserAgent

extension Interop {
    /// The relay for TCP of the SDK at coturn's server, and at ours (RFC 6062).
    @Suite struct TCPRelayTests {
        /// Who serves.
        enum Program: String, CaseIterable {
            case coturn, ito
        }

        /// How the server is reached.
        enum Way: String, CaseIterable {
            case tcp, tls
        }

        private struct Server {
            var server: ICEPolicy.Server
            var security: TLSContext?

            func open() async throws -> TCPRelay { try await TCPRelay.open(at: server, security: security) }
        }

        private func start(_ program: Program, _ way: Way, in peers: Peers) async throws -> Server {
            let reservation = try PortReservation()
            let port = reservation.port
            reservation.release()
            let certificates = try Certificates(in: peers)
            var configuration = TLSConfiguration()
            configuration.trust = try certificates.trust
            switch program {
            case .coturn:
                let file = try certificates.identity([.address("127.0.0.1")], file: "turn.pem")
                let options =
                    [
                        "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-a", "-u", "alice:secret", "-r", "example.org",
                        "--allow-loopback-peers", "--no-cli", "--no-dtls", "--no-udp", "--pidfile",
                        peers.folder.file("turnserver.pid"), "--log-file", "stdout",
                    ]
                    + (way == .tcp
                        ? ["-p", "\(port)", "--no-tls"]
                        : ["--tls-listening-port", "\(port)", "--cert", file, "--pkey", file])
                let process = try peers.start(
                    PeerCommand("turnserver", options, package: "coturn"), name: "turnserver")
                try await process.bound(.tcp, port: port)
            case .ito:
                let command = ItoProgram.command(
                    [
                        "relay", "--data", peers.folder.file("data"), "--allow", "127.0.0.1", "--lanes", "2",
                        "--listen", "\(way.rawValue)://127.0.0.1:\(port)",
                    ], environment: try certificates.environment(["ITO_TURN_USERS": "alice:secret"]))
                let process = try peers.start(command, name: "ito relay")
                _ = try await process.line(containing: "ready \(way.rawValue)://")
            }
            return Server(
                server: ICEPolicy.Server(
                    turn: .loopback(port: port), by: way == .tls ? .tls : .tcp, username: "alice", password: "secret"),
                security: way == .tls ? try TLSContext(configuration) : nil)
        }

        /// As many octets of a stream as there are of others, or all when it ends before.
        private func receive(_ count: Int, by stream: RelayedStream) async -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < count, let more = await stream.receive() { bytes += more }
            return bytes
        }

        private func receive(_ count: Int, by wire: Wire) async -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < count, case .bytes(let more) = await wire.receive() { bytes += more }
            return bytes
        }

        private func error(_ body: () async throws -> Void) async -> TCPRelayError? {
            do {
                try await body()
                return nil
            } catch { return error as? TCPRelayError }
        }

        @Test(
            "The server connects to a peer: octets both ways, many of them, until one side closes",
            arguments: Program.allCases, Way.allCases)
        func connect(program: Program, way: Way) async throws {
            try await withPeers { peers in
                let relay = try await start(program, way, in: peers).open()
                let door = try Door(port: 0)
                let peer = TransportAddress.loopback(port: door.port)
                let stream = try await relay.connect(to: peer)
                #expect(stream.peer == peer)
                let wire = try await door.accepted()
                try await stream.send([1, 2, 3])
                #expect(await wire.receive() == .bytes([1, 2, 3]))
                wire.send([4, 5])
                #expect(await stream.receive() == [4, 5])
                // One connection with a peer, not two (RFC 6062 §5.2).
                #expect(await error { _ = try await relay.connect(to: peer) } == .refused(446))
                let many = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
                async let sent: Void = stream.send(many)
                #expect(await receive(many.count, by: wire) == many)
                try await sent
                let sending = Task { wire.send(many) }
                #expect(await receive(many.count, by: stream) == many)
                #expect(await sending.value)
                wire.end()
                #expect(await stream.receive() == nil)
                await relay.close()
            }
        }

        @Test(
            "Peers of a host that was allowed connect to the relay; what they say first is not lost",
            arguments: Program.allCases, Way.allCases)
        func attempts(program: Program, way: Way) async throws {
            try await withPeers { peers in
                let relay = try await start(program, way, in: peers).open()
                let address = try #require(relay.addresses.first)
                try await relay.allow(.loopback())
                var attempts = relay.attempts.makeAsyncIterator()
                for number in 1...2 as ClosedRange<UInt8> {
                    let wire = try Wire(.tcp, to: "127.0.0.1:\(address.port)")
                    wire.send([number])
                    let attempt = try #require(await attempts.next())
                    #expect(attempt.peer == .loopback(port: wire.port))
                    let stream = try await attempt.accept()
                    #expect(await stream.receive() == [number])
                    try await stream.send([7, number])
                    #expect(await wire.receive() == .bytes([7, number]))
                    stream.close()
                    #expect(await wire.untilClosed() == [])
                }
                await relay.close()
                #expect(await attempts.next() == nil)
            }
        }

        @Test(
            "Who is not reached, and who may not: the reasons are told; the end closes what there is",
            arguments: Program.allCases)
        func failures(program: Program) async throws {
            try await withPeers { peers in
                let server = try await start(program, .tcp, in: peers)
                var stranger = server
                stranger.server.credentials?.password = "wrong"
                #expect(await error { _ = try await stranger.open() } == .unauthorized)
                stranger.server.transport = .udp
                #expect(await error { _ = try await stranger.open() } == .unsuitable)
                let relay = try await server.open()
                let reservation = try PortReservation()
                let closed = TransportAddress.loopback(port: reservation.port)
                #expect(await error { _ = try await relay.connect(to: closed) } == .refused(447))
                #expect(await error { _ = try await relay.connect(to: closed) } == .busy)
                reservation.release()
                let door = try Door(port: 0)
                let stream = try await relay.connect(to: .loopback(port: door.port))
                let wire = try await door.accepted()
                await relay.close()
                #expect(await wire.untilClosed() == [])
                #expect(await stream.receive() == nil)
                #expect(await error { _ = try await relay.connect(to: .loopback(port: door.port)) } == .closed)
                #expect(await error { try await relay.allow(.loopback()) } == .closed)
                #expect(await error { try await stream.send([1]) } == .closed)
            }
        }

        private func relay(
            _ change: (inout TURNRelayConfiguration) -> Void = { _ in }
        ) async throws -> (TURNRelay, Server) {
            var configuration = TURNRelayConfiguration()
            configuration.listeners = [.init(.tcp, .loopback())]
            configuration.addresses = [.init(.loopback())]
            configuration.laneCount = 2
            configuration.server.peers.allowed = [.init(STUNAddress(ip4: Wire.loopback, port: 0), prefix: 32)]
            change(&configuration)
            var accounts = TURNAccounts(realm: [UInt8]("example.org".utf8), hash: .crypto)
            accounts.add(user: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8))
            let server = try await TURNRelay.start(configuration, accounts: accounts)
            let address = server.listeners[0].address
            return (
                server, Server(server: .init(turn: address, by: .tcp, username: "alice", password: "secret"))
            )
        }

        @Test("Who is not allowed to connect to the relay is closed at once, and nobody is told")
        func strangers() async throws {
            let (server, program) = try await relay()
            let relay = try await program.open()
            let address = try #require(relay.addresses.first)
            let stranger = try Wire(.tcp, to: "127.0.0.1:\(address.port)")
            #expect(await stranger.untilClosed() == [])
            let counts = await server.statistics
            #expect(counts.peerDrops == 1 && counts.attempts == 0)
            await relay.close()
            await server.stop()
        }

        @Test("Two clients of the server connect their relays with each other")
        func relays() async throws {
            let (server, program) = try await relay()
            let (alice, bob) = (try await program.open(), try await program.open())
            let (first, second) = (try #require(alice.addresses.first), try #require(bob.addresses.first))
            try await bob.allow(first)
            let outgoing = try await alice.connect(to: second)
            var attempts = bob.attempts.makeAsyncIterator()
            let attempt = try #require(await attempts.next())
            #expect(attempt.peer == first)
            let incoming = try await attempt.accept()
            try await outgoing.send([1, 2, 3])
            #expect(await incoming.receive() == [1, 2, 3])
            try await incoming.send([4])
            #expect(await outgoing.receive() == [4])
            let counts = await server.statistics
            #expect(counts.connections == 2 && counts.bound == 2)
            outgoing.close()
            #expect(await incoming.receive() == nil)
            await alice.close()
            await bob.close()
            await server.stop()
        }

        @Test("Who does not read holds the other side back: little waits in the server, and nothing is lost")
        func backPressure() async throws {
            let (server, program) = try await relay()
            let relay = try await program.open()
            let door = try Door(port: 0)
            let stream = try await relay.connect(to: .loopback(port: door.port))
            let wire = try await door.accepted()
            let chunk = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 5) }
            let rounds = 40
            // More than all buffers between the two have room for: sending ends when reading has begun.
            let isSent = Mutex(false)
            let sending = Task {
                for _ in 0..<rounds { try await stream.send(chunk) }
                isSent.withLock { $0 = true }
            }
            // Another stream passes meanwhile, and again and again.
            let other = try Door(port: 0)
            let second = try await relay.connect(to: .loopback(port: other.port))
            let peer = try await other.accepted()
            for number in 0..<200 as Range<UInt8> {
                try await second.send([number])
                #expect(await peer.receive() == .bytes([number]))
            }
            #expect(!isSent.withLock { $0 })
            let all = await receive(rounds * chunk.count, by: wire)
            try await sending.value
            #expect(all == (0..<rounds).flatMap { _ in chunk })
            await relay.close()
            await server.stop()
        }

        @Test("A client that is gone takes its relay along, and the connections of its peers")
        func gone() async throws {
            let (server, program) = try await relay()
            var relay: TCPRelay? = try await program.open()
            let address = try #require(relay?.addresses.first)
            let door = try Door(port: 0)
            let stream = try await relay?.connect(to: .loopback(port: door.port))
            let wire = try await door.accepted()
            relay = nil
            #expect(await wire.untilClosed() == [])
            #expect(await stream?.receive() == nil)
            let end = ContinuousClock.now + PeerProcess.patience
            while await server.statistics.allocations > 0, ContinuousClock.now < end { await Task.yield() }
            let counts = await server.statistics
            #expect(counts.allocations == 0 && counts.connections == 0)
            // The port is free again.
            #expect(throws: PeerError.self) { try Wire(.tcp, to: "127.0.0.1:\(address.port)") }
            await server.stop()
        }
    }
}
