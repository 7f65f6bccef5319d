import Glibc
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(1))) struct DatagramFailureTests {
    /// An address of this machine on which nobody listens to us: its socket hears somebody else only, and nobody can take its port.
    private func deadEnd(_ lane: Lane, _ family: TransportAddress.Family) async throws -> TransportAddress {
        let deaf = try await Peer(lane, .loopback(family))
        try await deaf.with { socket throws(SocketError) in try socket.connect(to: .loopback(family, port: 9)) }
        return deaf.address
    }

    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6], [false, true])
    func refusalsByICMPAreReported(family: TransportAddress.Family, isConnected: Bool) async throws {
        try await withLane { lane async throws in
            let nobody = try await deadEnd(lane, family)
            let client = try await Peer(lane, .loopback(family))
            if isConnected { try await client.with { socket throws(SocketError) in try socket.connect(to: nobody) } }
            try await client.send("INVITE", to: isConnected ? nil : nobody)
            let failure = try await client.failures.next()
            #expect(failure.destination == nobody)
            #expect(failure.error.code == .refused)
            #expect(failure.error.number == ECONNREFUSED)
            #expect(failure.origin == .network)
            #expect(failure.payload == Array("INVITE".utf8))
            #expect(failure.reporter == .loopback(family))
            #expect(failure.pathMTU == nil)
        }
    }

    /// The kernel reports the ICMP error of one destination in place of sending to another: that one must not suffer.
    @Test func othersAreServedMeanwhile() async throws {
        try await withLane { lane async throws in
            let nobody = try await deadEnd(lane, .ipv4)
            let sink = try await Peer(lane, .loopback())
            let client = try await Peer(lane, .loopback())
            let alive = sink.address
            for round in 0..<50 {
                try await client.with { socket in
                    Array("dead".utf8).withUnsafeBytes { socket.send($0, to: nobody) }
                    socket.lane.flush()
                    for part in 0..<4 { Array("\(round).\(part)".utf8).withUnsafeBytes { socket.send($0, to: alive) } }
                }
            }
            let texts = try await sink.received.next(200).map(\.text)
            #expect(texts == (0..<50).flatMap { round in (0..<4).map { "\(round).\($0)" } })
            for _ in 0..<50 { #expect(try await client.failures.next().destination == nobody) }
            let statistics = await lane.run { $0.statistics }
            #expect(statistics.unreachable == 50)
            #expect(statistics.sendFailures == 0)
            #expect(statistics.datagramsSent == 250)
        }
    }

    /// A datagram that this machine refuses to send is reported and skipped; the others of the batch go out.
    @Test func refusalsOfThisMachineAreReported() async throws {
        try await withLane { lane async throws in
            let (client, sink) = (try await Peer(lane, .loopback()), try await Peer(lane, .loopback()))
            let alive = sink.address
            // Sending to everybody needs an option that we do not set: nothing leaves.
            let broadcast = try #require(TransportAddress("255.255.255.255:9"))
            try await client.with { socket in
                Array("1".utf8).withUnsafeBytes { socket.send($0, to: alive) }
                Array("2".utf8).withUnsafeBytes { socket.send($0, to: broadcast) }
                Array("3".utf8).withUnsafeBytes { socket.send($0, to: alive) }
            }
            #expect(try await sink.received.next(2).map(\.text) == ["1", "3"])
            let failure = try await client.failures.next()
            #expect(failure.destination == broadcast)
            #expect(failure.error.code == .permissionDenied)
            #expect(failure.origin == .local)
            #expect(failure.payload == Array("2".utf8))
        }
    }

    @Test func oversizeIsReported() async throws {
        try await withLane { lane async throws in
            let (client, sink) = (try await Peer(lane, .loopback()), try await Peer(lane, .loopback()))
            try await client.send(String(repeating: "x", count: 65_508), to: sink.address)
            let failure = try await client.failures.next()
            #expect(failure.error.code == .tooLarge)
            #expect(failure.destination == sink.address)
            #expect(failure.payload.count == 1_024)
        }
    }

    @Test func aHandlerMaySendWhenItHearsOfAFailure() async throws {
        final class Retry: DatagramHandler {
            let other: TransportAddress
            init(_ other: TransportAddress) { self.other = other }
            func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {}
            func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {
                failure.payload.withUnsafeBytes { socket.send($0, to: other) }
            }
        }
        try await withLane { lane async throws in
            let nobody = try await deadEnd(lane, .ipv4)
            let sink = try await Peer(lane, .loopback())
            let other = sink.address
            let bound = try BoundDatagramSocket.bind(.loopback())
            try await lane.run { lane throws(SocketError) in
                let socket = try lane.open(bound, handler: Retry(other))
                Array("again".utf8).withUnsafeBytes { socket.send($0, to: nobody) }
            }
            #expect(try await sink.received.next().text == "again")
        }
    }

    /// A local pair of datagram sockets fills up, as UDP over loopback never does: what does not fit waits in its order or is dropped
    /// and counted, and goes out when there is room.
    @Test func whatTheKernelHasNoRoomForWaits() async throws {
        var ends: [Int32] = [0, 0]
        let type = Int32(bitPattern: SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue)
        #expect(socketpair(AF_UNIX, type, 0, &ends) == 0)
        let far = try Descriptor(opened: ends[1], by: "pair")
        var configuration = DatagramSocketConfiguration()
        configuration.sendBacklog = 20 * SendRecord.size(payload: 4)
        let bound = BoundDatagramSocket(try Descriptor(opened: ends[0], by: "pair"), .loopback(), configuration)
        try await withLane { lane async throws in
            try await lane.run { lane throws(SocketError) in
                let socket = try lane.open(bound, handler: Recorder())
                for number in 0..<500 as Range<Int32> {
                    withUnsafeBytes(of: number) { socket.send($0, to: nil) }
                    if number % 50 == 0 { lane.flush() }
                }
            }
            let before = await lane.run { $0.statistics }
            #expect(before.sendDrops > 0)
            #expect(before.datagramsSent + before.sendDrops + 20 == 500)
            let expected = Int(before.datagramsSent) + 20
            var numbers: [Int32] = []
            var poll = pollfd(fd: ends[1], events: Int16(POLLIN), revents: 0)
            while numbers.count < expected, Glibc.poll(&poll, 1, 10_000) == 1 {
                var number: Int32 = 0
                #expect(read(ends[1], &number, 4) == 4)
                numbers.append(number)
            }
            #expect(numbers == Array(0..<Int32(expected)))
            let after = await lane.run { $0.statistics }
            #expect(after.datagramsSent == UInt64(expected))
            #expect(after.sendDrops == before.sendDrops)
        }
        withExtendedLifetime(far) {}
    }
}
