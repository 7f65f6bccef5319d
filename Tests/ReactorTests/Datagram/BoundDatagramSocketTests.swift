import Glibc
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(1))) struct BoundDatagramSocketTests {
    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6], [1, 3])
    func aSecondServerOnThePortFails(family: TransportAddress.Family, count: Int) throws {
        let first = try BoundDatagramSocket.bind(.loopback(family), count: count)
        #expect(first.count == count)
        let address = first[0].localAddress
        #expect(first.allSatisfy { $0.localAddress == address })
        for second in [1, 2] {
            let error = #expect(throws: SocketError.self) { try BoundDatagramSocket.bind(address, count: second) }
            #expect(error?.code == .addressInUse)
            #expect(error?.address == address)
            #expect(
                error?.description == "bind UDP \(address): port \(address.port) is in use; "
                    + "stop the program that holds it or choose another port")
        }
    }

    @Test func otherErrorsSayWhatToDo() throws {
        let foreign = try #require(TransportAddress("192.0.2.1:5060"))
        let error = #expect(throws: SocketError.self) { try BoundDatagramSocket.bind(foreign) }
        #expect(error?.code == .addressNotAvailable)
        #expect(error?.description.hasSuffix("; this machine has no such address") == true)
        #expect(try BoundDatagramSocket.bind(.loopback(), count: 0).isEmpty)
    }

    @Test func aSocketThatIsNotOpenedIsClosed() throws {
        // An address that no other test uses, so that none takes the port meanwhile.
        let address = try BoundDatagramSocket.bind(TransportAddress("127.77.0.1:0")!).localAddress
        #expect(try BoundDatagramSocket.bind(address).localAddress == address)
    }

    @Test func aSocketIsOpenedOnce() async throws {
        try await withLane { lane async throws in
            let bound = try BoundDatagramSocket.bind(.loopback())
            try await lane.run { lane throws(SocketError) in _ = try lane.open(bound, handler: Recorder()) }
            await #expect(throws: SocketError.self) {
                try await lane.run { lane throws(SocketError) in _ = try lane.open(bound, handler: Recorder()) }
            }
        }
    }

    /// IPv6 sockets do not take the port of IPv4.
    @Test func familiesAreApart() throws {
        // Somebody may hold a port of IPv6; not ten in a row.
        let pairs = try (0..<10).map { _ in
            let four = try BoundDatagramSocket.bind(.wildcard())
            return (four, try? BoundDatagramSocket.bind(.wildcard(.ipv6, port: four.localAddress.port)))
        }
        #expect(pairs.contains { $0.0.localAddress.port == $0.1?.localAddress.port })
    }

    /// Senders are spread over the sockets of a group, and each lane answers for itself.
    @Test func lanesShareAnAddress() async throws {
        let lanes = try LaneGroup(name: "share", count: 2)
        let bound = try BoundDatagramSocket.bind(.loopback(), count: 2)
        let servers = [
            try await Peer(lanes[0], bound[0], answer: Recorder.echo),
            try await Peer(lanes[1], bound[1], answer: Recorder.echo),
        ]
        var clients: [Peer] = []
        for _ in 0..<64 {
            let client = try await Peer(lanes[0], .loopback(), .media)
            try await client.send("x", to: servers[0].address)
            #expect(try await client.received.next().source == servers[0].address)
            clients.append(client)
        }
        // 64 senders that all hash to one of two sockets are a matter of 1 in 2^63.
        for lane in lanes { #expect(await lane.run { $0.statistics.datagramsReceived } > 0) }
        lanes.stop()
        await lanes.stopped()
    }

    /// Of pairs in turn that are held for long, as by many calls, more than are tried: what is free behind them is found all the same.
    @Test func mediaPortsAreFoundBehindMany() throws {
        let address = try #require(TransportAddress("127.77.0.2:0"))
        let ports = try #require(MediaPorts(20_000...22_399))
        var held: [BoundDatagramSocket] = []
        for _ in 0..<ports.count { held.append(try ports.bindOne(on: address)) }
        // Those that were taken last are free, and a whole turn of the others comes first.
        held.removeLast(300)
        #expect(held.count > MediaPorts.attempts)
        for _ in 0..<200 { held.append(try ports.bindOne(on: address)) }
        #expect(Set(held.map(\.localAddress.port)).count == held.count)
    }

    @Test func mediaPortsComeInPairs() throws {
        // Below the ports that the kernel chooses, on an address that no other test uses.
        let address = try #require(TransportAddress("127.77.0.2:0"))
        let ports = try #require(MediaPorts(21_001...21_010))
        #expect(ports.count == 4)
        var pairs: [(rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket)] = []
        for _ in 0..<4 {
            let pair = try ports.bindPair(on: address)
            #expect(pair.rtp.localAddress.port % 2 == 0)
            #expect(pair.rtcp.localAddress.port == pair.rtp.localAddress.port + 1)
            #expect(
                ports.range.contains(pair.rtp.localAddress.port) && ports.range.contains(pair.rtcp.localAddress.port))
            pairs.append(pair)
        }
        #expect(Set(pairs.map(\.rtp.localAddress.port)).count == 4)
        #expect(throws: SocketError.self) { try ports.bindPair(on: address) }
        #expect(throws: SocketError.self) { try ports.bindOne(on: address) }
        // Another address of the machine has ports of its own, and so has the other family.
        _ = try ports.bindPair(on: TransportAddress("127.77.0.3:0")!)
        _ = try ports.bindOne(on: .loopback(.ipv6))
        let freed = pairs.removeLast().rtp.localAddress.port
        #expect(try ports.bindPair(on: address).rtp.localAddress.port == freed)
    }

    @Test(
        arguments: [(5_000...5_000, nil), (5_001...5_002, nil), (5_000...5_001, 1), (1...65_535, 32_767), (0...9, nil)]
            as [(ClosedRange<UInt16>, Int?)])
    func rangesHoldWholePairs(range: ClosedRange<UInt16>, pairs: Int?) {
        #expect(MediaPorts(range)?.count == pairs)
    }

    @Test func codePointsAndBuffersAreSet() throws {
        for family in [TransportAddress.Family.ipv4, .ipv6] {
            let descriptor = try BoundDatagramSocket.bind(.loopback(family), .media).take()
            let trafficClass =
                family == .ipv4
                ? SocketOptions.get(descriptor.number, ProtocolLevel.ip, IP_TOS)
                : SocketOptions.get(descriptor.number, ProtocolLevel.ipv6, IPV6_TCLASS)
            // EF, 101110 in binary, above the two bits of ECN (RFC 2474 §3).
            #expect(trafficClass == 0b1011_1000)
            // The kernel doubles what is asked (socket(7)).
            #expect(SocketOptions.get(descriptor.number, SOL_SOCKET, SO_RCVBUF) == 262_144)
        }
    }
}
