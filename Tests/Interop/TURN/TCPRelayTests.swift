import Foundation
import Media
import Reactor
import TestKit
import Testing
import UserAgent

extension Interop {
    /// The relay for TCP of the SDK at coturn's server (RFC 6062).
    @Suite struct TCPRelayTests {
        /// How the server is reached.
        enum Way: String, CaseIterable {
            case tcp, tls
        }

        private struct Server {
            var server: ICEPolicy.Server
            var security: TLSContext?

            func open() async throws -> TCPRelay { try await TCPRelay.open(at: server, security: security) }
        }

        private func start(_ way: Way, in peers: Peers, password: String = "secret") async throws -> Server {
            let reservation = try PortReservation()
            let port = reservation.port
            reservation.release()
            var options = [
                "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-a", "-u", "alice:secret", "-r", "example.org",
                "--allow-loopback-peers", "--no-cli", "--no-dtls", "--pidfile", peers.folder.file("turnserver.pid"),
                "--log-file", "stdout",
            ]
            var security: TLSContext?
            switch way {
            case .tcp: options += ["-p", "\(port)", "--no-tls"]
            case .tls:
                let certificates = try Certificates(in: peers)
                let file = try certificates.identity([.address("127.0.0.1")], file: "turn.pem")
                options += ["--tls-listening-port", "\(port)", "--no-udp", "--cert", file, "--pkey", file]
                var configuration = TLSConfiguration()
                configuration.trust = try certificates.trust
                security = try TLSContext(configuration)
            }
            let process = try peers.start(PeerCommand("turnserver", options, package: "coturn"), name: "turnserver")
            try await process.bound(.tcp, port: port)
            return Server(
                server: ICEPolicy.Server(
                    turn: .loopback(port: port), by: way == .tls ? .tls : .tcp, username: "alice", password: password),
                security: security)
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
            arguments: Way.allCases)
        func connect(way: Way) async throws {
            try await withPeers { peers in
                let relay = try await start(way, in: peers).open()
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
            arguments: Way.allCases)
        func attempts(way: Way) async throws {
            try await withPeers { peers in
                let relay = try await start(way, in: peers).open()
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

        @Test("Who is not reached, and who may not: the reasons are told; the end closes what there is")
        func failures() async throws {
            try await withPeers { peers in
                let server = try await start(.tcp, in: peers)
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
    }
}
