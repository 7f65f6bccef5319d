import Glibc
import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct DatagramSocketTests {
    static let families: [TransportAddress.Family] = [.ipv4, .ipv6]

    @Test(arguments: families)
    func datagramsComeAndGo(family: TransportAddress.Family) async throws {
        try await withLane { lane async throws in
            let server = try await Peer(lane, .loopback(family), answer: Recorder.echo)
            let client = try await Peer(lane, .loopback(family))
            #expect(server.address.port != 0)
            #expect(server.address.family == family)
            for text in ["one", "", "three"] {
                try await client.send(text, to: server.address)
                let request = try await server.received.next()
                #expect(request == .init(bytes: Array(text.utf8), source: client.address, destination: server.address))
                let answer = try await client.received.next()
                #expect(answer == .init(bytes: Array(text.utf8), source: server.address, destination: client.address))
            }
            let statistics = await lane.run { $0.statistics }
            #expect(statistics.datagramsSent == 6)
            #expect(statistics.datagramsReceived == 6)
            #expect(try await server.with { $0.tag } == 7)
        }
    }

    @Test func theLargestDatagramsArrive() async throws {
        try await withLane { lane async throws in
            let server = try await Peer(lane, .loopback(), answer: Recorder.echo)
            let client = try await Peer(lane, .loopback())
            var random = SeededGenerator(seed: 1)
            for size in [1, 1_500, 9_000, 65_507, 65_506, 2] {
                let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
                try await client.with { socket in
                    socket.withSendSlot(to: server.address) { room in
                        room.copyBytes(from: bytes)
                        return size
                    }
                }
                #expect(try await client.received.next().bytes == bytes)
            }
        }
    }

    /// On a wildcard socket the answer must leave from the address that was asked, or a connected peer does not see it.
    @Test(arguments: ["127.0.0.2", "127.0.0.1", "127.3.2.1"])
    func answersLeaveFromTheAddressThatWasAsked(asked: String) async throws {
        try await withLane { lane async throws in
            let server = try await Peer(lane, .wildcard(), answer: Recorder.echo)
            let client = try await Peer(lane, .loopback())
            let target = try #require(TransportAddress(host: asked, port: server.address.port))
            try await client.with { socket throws(SocketError) in try socket.connect(to: target) }
            try await client.send("hello", to: nil)
            #expect(try await server.received.next().destination == target)
            #expect(try await client.received.next().source == target)
        }
    }

    @Test func answersLeaveFromTheAddressThatWasAskedOverIPv6() async throws {
        try await withLane { lane async throws in
            let server = try await Peer(lane, .wildcard(.ipv6), answer: Recorder.echo)
            let client = try await Peer(lane, .loopback(.ipv6))
            let target = TransportAddress.loopback(.ipv6, port: server.address.port)
            try await client.with { socket throws(SocketError) in try socket.connect(to: target) }
            try await client.send("hello", to: nil)
            #expect(try await server.received.next().destination == target)
            #expect(try await client.received.next().source == target)
        }
    }

    @Test func theSourceOfABoundSocketIsItsOwn() async throws {
        try await withLane { lane async throws in
            let server = try await Peer(lane, .loopback())
            let client = try await Peer(lane, .loopback())
            try await client.send("x", to: server.address, from: TransportAddress("127.0.0.9:1"))
            #expect(try await server.received.next().source == client.address)
        }
    }

    @Test func aConnectedSocketHearsItsPeerOnly() async throws {
        try await withLane { lane async throws in
            let socket = try await Peer(lane, .loopback())
            let (friend, stranger) = (try await Peer(lane, .loopback()), try await Peer(lane, .loopback()))
            try await socket.with { socket throws(SocketError) in try socket.connect(to: friend.address) }
            #expect(try await socket.with { $0.remoteAddress } == friend.address)
            try await stranger.send("no", to: socket.address)
            try await friend.send("yes", to: socket.address)
            #expect(try await socket.received.next().text == "yes")
            try await socket.send("back", to: nil)
            #expect(try await friend.received.next().text == "back")
            // Another peer, then anyone again.
            try await socket.with { socket throws(SocketError) in try socket.connect(to: stranger.address) }
            try await stranger.send("now yes", to: socket.address)
            #expect(try await socket.received.next().text == "now yes")
            try await socket.with { socket throws(SocketError) in try socket.connect(to: nil) }
            try await friend.send("again", to: socket.address)
            #expect(try await socket.received.next().text == "again")
        }
    }

    /// Datagrams of one turn that go to several sockets and destinations keep their order per socket, also across full batches.
    @Test func orderIsKept() async throws {
        var configuration = Lane.Configuration()
        configuration.sendBatch = 16
        try await withLane(configuration) { lane async throws in
            let (left, right) = (try await Peer(lane, .loopback()), try await Peer(lane, .loopback()))
            let sink = try await Peer(lane, .loopback())
            let destination = sink.address
            try await left.with { first throws(SocketError) in
                for number in 0..<100 {
                    first.withSendSlot(8, to: destination) { room in
                        room.storeBytes(of: number, as: Int.self)
                        return 8
                    }
                }
            }
            _ = right
            let numbers = try await sink.received.next(100).map {
                $0.bytes.withUnsafeBytes { $0.loadUnaligned(as: Int.self) }
            }
            #expect(numbers == Array(0..<100))
            #expect(await lane.run { $0.statistics.sendBatches } == 7)
        }
    }

    @Test func severalSocketsShareTheSendBatch() async throws {
        try await withLane { lane async throws in
            let sink = try await Peer(lane, .loopback())
            let destination = sink.address
            let bound = try (0..<10).map { _ in try BoundDatagramSocket.bind(.loopback(), .media) }
            let ports = bound.map(\.localAddress.port)
            try await lane.run { lane throws(SocketError) in
                let recorder = Recorder()
                var sockets: [DatagramSocket] = []
                for socket in bound { sockets.append(try lane.open(socket, handler: recorder)) }
                for round in 0..<20 as Range<UInt8> {
                    for socket in sockets { withUnsafeBytes(of: round) { socket.send($0, to: destination) } }
                }
            }
            let all = try await sink.received.next(200)
            for port in ports {
                #expect(all.filter { $0.source.port == port }.map(\.bytes) == (0..<20).map { [$0] })
            }
        }
    }

    @Test func aClosedSocketHasSentAndSendsNoMore() async throws {
        try await withLane { lane async throws in
            let own = try #require(TransportAddress("127.77.0.4:0"))
            let (socket, sink) = (try await Peer(lane, own), try await Peer(lane, .loopback()))
            let destination = sink.address
            try await socket.with { socket in
                Array("last".utf8).withUnsafeBytes { socket.send($0, to: destination) }
                socket.close()
                Array("lost".utf8).withUnsafeBytes { socket.send($0, to: destination) }
                socket.close()
                #expect(socket.isClosed)
                #expect(socket.kernelDrops == nil)
            }
            #expect(try await sink.received.next().text == "last")
            await #expect(throws: SocketError.self) {
                try await socket.with { socket throws(SocketError) in try socket.connect(to: destination) }
            }
            #expect(await lane.run { $0.statistics.datagramsSent } == 1)
            // The port is free again.
            _ = try BoundDatagramSocket.bind(socket.address)
        }
    }

    @Test func aHandlerMayCloseItsSocket() async throws {
        try await withLane { lane async throws in
            let server = try await Peer(lane, .loopback()) { _, socket in socket.close() }
            let client = try await Peer(lane, .loopback())
            let target = server.address
            try await client.with { socket in
                for _ in 0..<3 { Array("x".utf8).withUnsafeBytes { socket.send($0, to: target) } }
            }
            _ = try await server.received.next()
            #expect(try await server.with { $0.isClosed })
        }
    }

    @Test func stoppingTheLaneClosesItsSocketsAndSendsWhatWasGathered() async throws {
        final class LastWord: LaneObserver {
            let socket: DatagramSocket
            let destination: TransportAddress
            init(_ socket: DatagramSocket, _ destination: TransportAddress) {
                (self.socket, self.destination) = (socket, destination)
            }
            func turnEnded(on lane: Lane) {}
            func laneWillStop(_ lane: Lane) { Array("bye".utf8).withUnsafeBytes { socket.send($0, to: destination) } }
        }
        try await withLane { other async throws in
            let sink = try await Peer(other, .loopback())
            let destination = sink.address
            let bound = try BoundDatagramSocket.bind(try #require(TransportAddress("127.77.0.5:0")))
            try await withLane { lane async throws in
                try await lane.run { lane throws(SocketError) in
                    lane.add(observer: LastWord(try lane.open(bound, handler: Recorder()), destination))
                }
            }
            #expect(try await sink.received.next().text == "bye")
            _ = try BoundDatagramSocket.bind(bound.localAddress)
        }
    }

    /// Sizes and shares of one, or none, are raised to what works.
    @Test func theSmallestLaneWorks() async throws {
        var configuration = Lane.Configuration()
        configuration.eventsPerTurn = 0
        configuration.queueCapacity = 0
        configuration.queueReserve = 0
        configuration.messagesPerTurn = 1
        configuration.jobsPerTurn = 1
        configuration.receiveBatch = 0
        configuration.receiveRounds = 0
        configuration.datagramLimit = 0
        configuration.sendBatch = 0
        configuration.sendArena = 0
        configuration.timerCapacity = 0
        try await withLane(configuration) { lane async throws in
            let server = try await Peer(lane, .loopback(), answer: Recorder.echo)
            let client = try await Peer(lane, .loopback())
            let target = server.address
            try await client.with { socket in
                for number in 0..<50 as Range<UInt8> { withUnsafeBytes(of: number) { socket.send($0, to: target) } }
            }
            #expect(try await client.received.next(50).map(\.bytes) == (0..<50).map { [$0] })
            let order = Mailbox<Int>()
            for number in 0..<20 { lane.execute { _ in order.post(number) } }
            #expect(try await order.next(20) == Array(0..<20))
            #expect(lane.send(ClosureMessage { _ in order.post(20) }, .sheddable))
            #expect(try await order.next() == 20)
        }
    }

    @Test func datagramsBeyondTheLimitAreCountedAndDropped() async throws {
        var configuration = Lane.Configuration()
        configuration.datagramLimit = 600
        try await withLane(configuration) { lane async throws in
            let (socket, sink) = (try await Peer(lane, .loopback()), try await Peer(lane, .loopback()))
            try await socket.send(String(repeating: "x", count: 601), to: sink.address)
            try await socket.send(String(repeating: "y", count: 600), to: sink.address)
            #expect(try await sink.received.next().text == String(repeating: "y", count: 600))
            #expect(await lane.run { $0.statistics.datagramsTruncated } == 1)
        }
    }

    @Test func theNumberOfDropsIsKnown() async throws {
        try await withLane { lane async throws in
            var configuration = DatagramSocketConfiguration()
            configuration.receiveBuffer = 4_096
            let server = try await Peer(lane, .loopback(), configuration)
            let sender = try Lane(name: "sender")
            let client = try await Peer(sender, .loopback())
            let gate = Gate(lane)
            let target = server.address
            try await client.with { socket in
                for _ in 0..<500 { [UInt8](repeating: 7, count: 100).withUnsafeBytes { socket.send($0, to: target) } }
                socket.lane.flush()
            }
            // The lane is held, so the kernel had to drop: over loopback a datagram has arrived when it has been sent.
            let listed = SocketStatistics.udp(port: target.port).filter { $0.localAddress == target }
            gate.open()
            let drops = try await server.with { $0.kernelDrops }
            #expect(listed.count == 1)
            #expect(listed[0].drops > 0)
            #expect(listed[0].receiveQueue > 0)
            #expect(drops.map(UInt64.init) == listed[0].drops)
            _ = try await server.received.next(500 - Int(listed[0].drops))
            // A later datagram carries the count.
            try await client.send("later", to: target)
            #expect(try await server.received.next().text == "later")
            #expect(await lane.run { $0.statistics.kernelDrops } == listed[0].drops)
            sender.stop()
        }
    }
}
