import Foundation
import ICE
import Media
import Reactor
import Relay
import TestKit
import Testing

extension Interop {
    /// Our client of TURN at coturn's server, and at ours (RFC 8656).
    @Suite struct TURNClientTests {
        /// Who serves.
        enum Program: String, CaseIterable {
            case coturn, ito
        }

        /// 127.0.0.1.
        private static func loopback(_ port: UInt16) -> STUNAddress { STUNAddress(ip4: Wire.loopback, port: port) }

        /// Starts a server for alice, whose password is secret; the port of its listeners.
        private func start(_ program: Program, _ more: [String] = [], in peers: Peers) async throws -> UInt16 {
            switch program {
            case .ito:
                let reservation = try PortReservation()
                let port = reservation.port
                reservation.release()
                let command = ItoProgram.command(
                    [
                        "relay", "--data", peers.folder.file("data"), "--allow", "127.0.0.1", "--lanes", "2",
                        "--listen", "udp://127.0.0.1:\(port)", "--listen", "tcp://127.0.0.1:\(port)",
                    ] + more, environment: ["ITO_TURN_USERS": "alice:secret"])
                let process = try peers.start(command, name: "ito relay")
                _ = try await process.line(containing: "ready udp://")
                return port
            case .coturn:
                let reservation = try PortReservation()
                let port = reservation.port
                reservation.release()
                let command = PeerCommand(
                    "turnserver",
                    [
                        "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", "\(port)", "-a", "-u", "alice:secret", "-r",
                        "example.org", "--allow-loopback-peers", "--no-cli", "--no-tls", "--no-dtls", "--pidfile",
                        peers.folder.file("turnserver.pid"), "--log-file", "stdout",
                    ], package: "coturn")
                let process = try peers.start(command, name: "turnserver")
                try await process.bound(.udp, port: port)
                try await process.bound(.tcp, port: port)
                return port
            }
        }

        @Test("Data by indications and by a channel, over UDP and TCP", arguments: Program.allCases, Wire.Transport.all)
        func data(program: Program, transport: Wire.Transport) async throws {
            try await withPeers { peers in
                let port = try await start(program, in: peers)
                let visitor = try Visitor(transport, port)
                let relay = try await visitor.allocate()
                #expect(relay.family == .ip4)
                let peer = try Wire(.udp, to: "127.0.0.1:\(relay.port)")
                let address = Self.loopback(peer.port)
                visitor.tell { $0.send([1, 2, 3], to: address, now: $1) }
                try await visitor.run { visitor.isPermitted(address) }
                #expect(await peer.receive() == .bytes([1, 2, 3]))
                peer.send([4])
                try await visitor.run { visitor.data.contains { $0 == (address, [4]) } }
                visitor.tell { $0.bindChannel(to: address, now: $1) }
                try await visitor.run { visitor.client.channel(to: address) != nil }
                visitor.tell { $0.send([5, 6, 7, 8, 9], to: address, now: $1) }
                #expect(await peer.receive() == .bytes([5, 6, 7, 8, 9]))
                peer.send([UInt8](repeating: 7, count: 1_200))
                try await visitor.run { visitor.data.contains { $0.1.count == 1_200 } }
                visitor.tell { $0.close($1) }
                try await visitor.run { visitor.hasEnded }
            }
        }

        @Test("A connection without an allocation that is silent is closed; one that has one stays, and takes it along")
        func strangers() async throws {
            var configuration = TURNRelayConfiguration()
            configuration.listeners = [.init(.tcp, .loopback())]
            configuration.addresses = [.init(.loopback())]
            configuration.strangerTime = .milliseconds(10)
            var accounts = TURNAccounts(realm: [UInt8]("example.org".utf8), hash: .crypto)
            accounts.add(user: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8))
            let server = try await TURNRelay.start(configuration, accounts: accounts)
            let port = server.listeners[0].address.port
            let visitor = try Visitor(.tcp, port)
            _ = try await visitor.allocate()
            let stranger = try Wire(.tcp, to: "127.0.0.1:\(port)")
            #expect(await stranger.untilClosed() == [])
            #expect(await server.statistics.allocations == 1)
            visitor.leave()
            let end = ContinuousClock.now + PeerProcess.patience
            while await server.statistics.allocations > 0, ContinuousClock.now < end { await Task.yield() }
            #expect(await server.statistics.allocations == 0)
            await server.stop()
        }

        @Test("Data that a client sends behind its ConnectionBind is the peer's; who is not bound is closed in time")
        func hasty() async throws {
            var configuration = TURNRelayConfiguration()
            configuration.listeners = [.init(.tcp, .loopback())]
            configuration.addresses = [.init(.loopback())]
            configuration.laneCount = 2
            configuration.strangerTime = .seconds(2)
            configuration.server.peers.allowed = [.init(Self.loopback(0), prefix: 32)]
            var accounts = TURNAccounts(realm: [UInt8]("example.org".utf8), hash: .crypto)
            accounts.add(user: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8))
            let server = try await TURNRelay.start(configuration, accounts: accounts)
            let port = server.listeners[0].address.port
            let visitor = try Visitor(.tcp, port, kind: .connections)
            _ = try await visitor.allocate()
            let door = try Door(port: 0)
            visitor.tell { _ = $0.connect(to: Self.loopback(door.port), now: $1) }
            try await visitor.run { visitor.connection != nil }
            let peer = try await door.accepted()
            var connection = TURNDataConnection(
                try #require(visitor.connection), told: .now, credentials: visitor.client.credentials, hash: .crypto,
                random: { UInt64.random(in: .min ... .max) })
            let wire = try Wire(.tcp, to: "127.0.0.1:\(port)")
            connection.start(.now)
            var requests = 0
            while !connection.isBound {
                for case .send(let request) in connection.takeOutputs() {
                    requests += 1
                    // The first one has a nonce of another connection.
                    wire.send(requests == 1 ? request : request + [7, 8, 9])
                }
                guard case .bytes(let answer) = await wire.receive() else { break }
                connection.receive(answer, now: .now)
            }
            #expect(requests == 2 && connection.isBound)
            #expect(await peer.receive() == .bytes([7, 8, 9]))
            peer.send([1])
            #expect(await wire.receive() == .bytes([1]))
            let idle = try Wire(.tcp, to: "127.0.0.1:\(port)")
            var other = TURNDataConnection(
                1, told: .now, credentials: visitor.client.credentials, hash: .crypto,
                random: { UInt64.random(in: .min ... .max) })
            other.start(.now)
            for case .send(let request) in other.takeOutputs() { idle.send(request) }
            #expect(await idle.untilClosed()?.isEmpty == false)
            // What is bound is not closed with it, however silent.
            wire.send([2])
            #expect(await peer.receive() == .bytes([2]))
            visitor.leave()
            #expect(await peer.untilClosed() == [])
            await server.stop()
        }

        @Test("Relays of a server behind a router reach one another by the address that peers know")
        func advertised() async throws {
            try await withPeers { peers in
                let port = try await start(.ito, ["--address", "127.0.0.1?advertise=203.0.113.7"], in: peers)
                let alice = try Visitor(.udp, port)
                let bob = try Visitor(.udp, port)
                let (first, second) = (try await alice.allocate(), try await bob.allocate())
                #expect(first.lower == 0xCB00_7107 && second.lower == 0xCB00_7107)
                bob.tell { $0.permit(first, now: $1) }
                try await bob.run { bob.isPermitted(first) }
                alice.tell { $0.send([1, 2, 3], to: second, now: $1) }
                try await alice.run { alice.isPermitted(second) }
                try await bob.run { bob.data.contains { $0 == (first, [1, 2, 3]) } }
            }
        }
    }
}

extension Wire.Transport {
    /// Both.
    static let all: [Wire.Transport] = [.udp, .tcp]
}

/// Our client with a socket.
private final class Visitor {
    private let wire: Wire
    private let transport: Wire.Transport
    private let server: STUNAddress
    private var framer = TURNFramer()
    private(set) var client: TURNClient
    private(set) var data: [(STUNAddress, [UInt8])] = []
    private(set) var hasEnded = false
    private var failure: TURNClient.Failure?
    /// Permissions that the client has asked for and been given.
    private var answered = 0
    /// The number of the connection that the server has made.
    private(set) var connection: UInt32?

    init(_ transport: Wire.Transport, _ port: UInt16, kind: TURNClient.Kind = .datagrams()) throws {
        self.transport = transport
        wire = try Wire(transport, to: "127.0.0.1:\(port)")
        server = STUNAddress(ip4: Wire.loopback, port: port)
        client = TURNClient(
            server: server,
            credentials: LongTermCredentials(username: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8)),
            kind: kind, isReliable: transport == .tcp, hash: .crypto, random: { UInt64.random(in: .min ... .max) })
    }

    func allocate() async throws -> STUNAddress {
        tell { $0.start($1) }
        try await run { self.client.allocation != nil }
        return try #require(client.allocation?.relayed.first)
    }

    /// Closes the connection without a word.
    func leave() { wire.end() }

    /// Whether data for a peer goes out at once: what was sent before the permission has gone then too.
    func isPermitted(_ peer: STUNAddress) -> Bool { client.isPermitted(peer) }

    /// Has the client do something, and sends what it wants to.
    func tell(_ body: (inout TURNClient, ContinuousClock.Instant) -> Void) {
        body(&client, .now)
        for output in client.takeOutputs() {
            switch output {
            case .send(_, let bytes): wire.send(bytes)
            case .data(let peer, let bytes): data.append((peer, bytes))
            case .ended: hasEnded = true
            case .failed(let why): failure = why
            case .connected(_, let id): connection = id
            case .allocated, .notConnected, .attempted: break
            }
        }
    }

    /// Takes what comes until something is so.
    func run(until isDone: () -> Bool) async throws {
        let end = ContinuousClock.now + PeerProcess.patience
        while !isDone() {
            if let failure { throw PeerError(.ended, "the client has failed: \(failure)") }
            guard ContinuousClock.now < end else { throw PeerError(.timedOut, "nothing has come of it") }
            let due = client.deadline.map { $0 - .now } ?? .seconds(1)
            switch await wire.receive(within: min(max(due, .milliseconds(1)), .seconds(1))) {
            case .bytes(let bytes):
                let frames = transport == .tcp ? try framer.receive(bytes) : [bytes]
                for frame in frames { tell { _ = $0.receive(frame.span.bytes, now: $1) } }
            case .closed: throw PeerError(.ended, "the server has closed the connection")
            case .nothing: tell { $0.fire($1) }
            }
        }
    }
}
