import ICE
import Testing

/// Permissions, indications and channels (RFC 8656 §9 to §12), and whom data may be exchanged with.
@Suite struct TURNServerRelayingTests {
    private let rig = ServerRig()

    private func channel(_ number: UInt16, _ data: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? data.count
        return [UInt8(number >> 8), UInt8(number & 255), UInt8(length >> 8), UInt8(length & 255)] + data
    }

    @Test("§9, §10.2: permissions are of hosts, and last five minutes")
    func permissions() throws {
        let relay = try #require(rig.allocate().relayed.first)
        #expect(rig.deliver(from: rig.peer, at: relay) == .nothing)
        #expect(rig.indicate([1, 2], to: rig.peer) == .nothing)
        #expect(rig.permit(rig.peer.with(port: 1)).isSuccess)
        let path = TURNPath(client: rig.client, link: 0)
        #expect(rig.deliver(from: rig.peer, at: relay) == .indication(to: path))
        #expect(rig.deliver(from: rig.peer.with(port: 77), at: relay) == .indication(to: path))
        #expect(rig.deliver(from: ip(8, 8, 8, 9, 5_000), at: relay) == .nothing)
        #expect(rig.indicate([1, 2, 3], to: rig.peer) == .relayed(relay, to: rig.peer, [1, 2, 3]))
        rig.advance(.seconds(299))
        #expect(rig.deliver(from: rig.peer, at: relay) == .indication(to: path))
        #expect(rig.permit(rig.peer).isSuccess)
        rig.advance(.seconds(299))
        #expect(rig.deliver(from: rig.peer, at: relay) == .indication(to: path))
        rig.advance(.seconds(1))
        #expect(rig.deliver(from: rig.peer, at: relay) == .nothing)
        #expect(rig.indicate([1], to: rig.peer) == .nothing)
        let statistics = rig.server.statistics
        #expect(statistics.toPeers == 1 && statistics.octetsToPeers == 3 && statistics.clientDrops == 2)
        #expect(statistics.toClients == 4 && statistics.octetsToClients == 40 && statistics.peerDrops == 3)
    }

    @Test("§10.2: several hosts at once: all, or none")
    func several() throws {
        let relay = try #require(rig.allocate().relayed.first)
        let (first, second) = (ip(8, 8, 8, 1, 0), ip(8, 8, 8, 2, 0))
        #expect(rig.ask(.createPermission) { _, _ in }.error == 400)
        #expect(rig.ask(.createPermission) { try $0.add(.xorPeerAddress, [0, 9, 0, 0], into: &$1) }.error == 400)
        #expect(rig.permit(first, STUNAddress(ip6: 0x2600 << 112, port: 1)).error == 443)
        #expect(rig.permit(first, ip(10, 0, 0, 1, 1)).error == 403)
        #expect(rig.deliver(from: first, at: relay) == .nothing)
        #expect(rig.permit(first, second, first).isSuccess)
        #expect(rig.deliver(from: first, at: relay) != .nothing && rig.deliver(from: second, at: relay) != .nothing)
        #expect(rig.permit(first, from: ip(1, 1, 1, 1, 1)).error == 437)
    }

    @Test("The limits of permissions and channels: 508; what is over makes room")
    func limits() {
        let rig = ServerRig { configuration, _ in
            configuration.mostPermissions = 3
            configuration.mostChannels = 2
        }
        rig.allocate()
        #expect(rig.permit(ip(8, 8, 8, 1, 0), ip(8, 8, 8, 2, 0), ip(8, 8, 8, 3, 0), ip(8, 8, 8, 4, 0)).error == 508)
        #expect(rig.permit(ip(8, 8, 8, 1, 0), ip(8, 8, 8, 2, 0)).isSuccess)
        #expect(rig.bind(0x4000, ip(8, 8, 8, 1, 1)).isSuccess)
        #expect(rig.bind(0x4001, ip(8, 8, 8, 3, 1)).isSuccess)
        #expect(rig.bind(0x4002, ip(8, 8, 8, 1, 2)).error == 508)
        #expect(rig.bind(0x4000, ip(8, 8, 8, 1, 1)).isSuccess)
        #expect(rig.permit(ip(8, 8, 8, 5, 0)).error == 508)
        #expect(rig.server.statistics.capacityRefusals == 3)
        rig.ask(.refresh) { try $0.add(.lifetime, 3_600 as UInt32, into: &$1) }
        rig.advance(.seconds(601))
        #expect(rig.permit(ip(8, 8, 8, 5, 0), ip(8, 8, 8, 6, 0), ip(8, 8, 8, 7, 0)).isSuccess)
        rig.advance(.seconds(301))
        #expect(rig.bind(0x4002, ip(8, 8, 8, 1, 2)).isSuccess)
    }

    @Test("§12: a channel goes both ways, is a permission, and lasts ten minutes")
    func channels() throws {
        let relay = try #require(rig.allocate { try $0.add(.lifetime, 3_600 as UInt32, into: &$1) }.relayed.first)
        let path = TURNPath(client: rig.client, link: 0)
        #expect(rig.send(channel(0x4000, [1])) == .nothing)
        #expect(rig.bind(0x4000, rig.peer).isSuccess)
        #expect(rig.send(channel(0x4000, [1, 2, 3])) == .relayed(relay, to: rig.peer, [1, 2, 3]))
        #expect(rig.send(channel(0x4000, [])) == .relayed(relay, to: rig.peer, []))
        // What is behind the data is padding.
        #expect(rig.send(channel(0x4000, [7, 0, 0, 0], length: 1)) == .relayed(relay, to: rig.peer, [7]))
        #expect(rig.send(channel(0x4001, [1])) == .nothing)
        #expect(rig.send(channel(0x5000, [1])) == .nothing)
        #expect(rig.send(channel(0x4000, [1, 2], length: 3)) == .nothing)
        #expect(rig.send(channel(0x4000, [1]), from: rig.client.with(port: 1)) == .nothing)
        #expect(rig.deliver(from: rig.peer, at: relay) == .channel(0x4000, to: path))
        #expect(rig.deliver(from: rig.peer.with(port: 1), at: relay) == .indication(to: path))
        rig.advance(.seconds(301))
        // The permission is over, the channel is not.
        #expect(rig.deliver(from: rig.peer, at: relay) == .nothing)
        #expect(rig.send(channel(0x4000, [1])) == .relayed(relay, to: rig.peer, [1]))
        #expect(rig.bind(0x4000, rig.peer).isSuccess)
        rig.advance(.seconds(599))
        #expect(rig.send(channel(0x4000, [1])) != .nothing)
        rig.advance(.seconds(1))
        #expect(rig.send(channel(0x4000, [1])) == .nothing)
        #expect(rig.permit(rig.peer).isSuccess)
        #expect(rig.deliver(from: rig.peer, at: relay) == .indication(to: path))
    }

    @Test("§12.2: numbers and peers that do not fit")
    func channelRefusals() {
        rig.allocate()
        #expect(rig.bind(0x4000, rig.peer).isSuccess)
        #expect(rig.bind(0x4000, rig.peer.with(port: 1)).error == 400)
        #expect(rig.bind(0x4001, rig.peer).error == 400)
        #expect(rig.bind(0x3FFF, rig.peer.with(port: 1)).error == 400)
        #expect(rig.bind(0x8000, rig.peer.with(port: 1)).error == 400)
        #expect(rig.bind(0x4FFF, rig.peer.with(port: 1)).isSuccess)
        // Of clients that follow RFC 5766 §11.
        #expect(rig.bind(0x7FFF, rig.peer.with(port: 2)).isSuccess)
        let strict = ServerRig { configuration, _ in configuration.channels = ChannelData.numbers }
        strict.allocate()
        #expect(strict.bind(0x5000, rig.peer).error == 400)
        #expect(rig.bind(0x4002, STUNAddress(ip6: 0x2600 << 112, port: 1)).error == 443)
        #expect(rig.bind(0x4002, ip(127, 0, 0, 1, 1)).error == 403)
        #expect(rig.bind(0x4002, rig.peer.with(port: 0)).error == 403)
        #expect(rig.ask(.channelBind) { try $0.add(.xorPeerAddress, rig.peer, into: &$1) }.error == 400)
        #expect(rig.ask(.channelBind) { try $0.add(.channelNumber, 0x4005_0000 as UInt32, into: &$1) }.error == 400)
    }

    @Test("§11.2: indications that are not understood are dropped: DONT-FRAGMENT too, which is not supported")
    func indications() throws {
        let relay = try #require(rig.allocate().relayed.first)
        #expect(rig.permit(rig.peer).isSuccess)
        #expect(rig.indicate([1], to: rig.peer) { try $0.add(.software, [1], into: &$1) } != .nothing)
        #expect(rig.indicate([1], to: rig.peer) { try $0.add(.dontFragment, into: &$1) } == .nothing)
        #expect(rig.indicate([1], to: rig.peer) { try $0.add(STUNAttribute(rawValue: 0x7000), into: &$1) } == .nothing)
        let bare = stun(.indication, .send, rig.id()) { try $0.add(.data, [1], into: &$1) }
        #expect(rig.send(bare) == .nothing)
        let empty = stun(.indication, .send, rig.id()) { try $0.add(.xorPeerAddress, rig.peer, into: &$1) }
        #expect(rig.send(empty) == .nothing)
        #expect(rig.indicate([], to: rig.peer) == .relayed(relay, to: rig.peer, []))
        #expect(rig.indicate([1], to: rig.peer.with(port: 0)) == .nothing)
    }

    @Test("§11.3: a Data indication as it is written")
    func dataIndication() {
        for (count, peer) in [(0, rig.peer), (1, rig.peer), (1_000, STUNAddress(ip6: 0x2600 << 112 | 5, port: 6))] {
            let data = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            var memory = [UInt8](repeating: 0xFF, count: count + TURNServer.indicationSize)
            var length = 0
            do {
                var span = memory.mutableSpan
                var bytes = span.mutableBytes
                length = data.withUnsafeBytes { TURNServer.writeData($0, from: peer, id: rig.id(), into: &bytes) }
            }
            let bytes = [UInt8](memory.prefix(length))
            #expect(read(bytes).kind == .indication && read(bytes).method == .data)
            #expect(read(bytes).address(.xorPeerAddress, bytes) == peer)
            #expect(read(bytes).octets(.data, bytes) == data)
        }
    }

    @Test(
        "§21.4: what is private, of the machine, or a group is denied",
        arguments: [
            (ip(8, 8, 8, 8, 1), true), (ip(0, 0, 0, 0, 1), false), (ip(10, 255, 0, 1, 1), false),
            (ip(11, 0, 0, 1, 1), true),
            (ip(100, 63, 255, 255, 1), true), (ip(100, 64, 0, 0, 1), false), (ip(100, 127, 255, 255, 1), false),
            (ip(127, 0, 0, 1, 1), false), (ip(169, 254, 169, 254, 1), false), (ip(172, 15, 0, 1, 1), true),
            (ip(172, 31, 0, 1, 1), false), (ip(192, 168, 1, 1, 1), false), (ip(192, 169, 1, 1, 1), true),
            (ip(198, 19, 0, 1, 1), false), (ip(224, 0, 0, 1, 1), false), (ip(255, 255, 255, 255, 1), false),
            (STUNAddress(ip6: 1, port: 1), false), (STUNAddress(ip6: 0, port: 1), false),
            (STUNAddress(ip6: 0xFFFF_7F00_0001, port: 1), false), (STUNAddress(ip6: 0x2600 << 112 | 1, port: 1), true),
            (STUNAddress(ip6: 0x0064_FF9B << 96 | 0x7F00_0001, port: 1), false),
            (STUNAddress(ip6: 0x2002_7F00_0001 << 80, port: 1), false),
            (STUNAddress(ip6: 0xFE80 << 112 | 1, port: 1), false),
            (STUNAddress(ip6: 0xFD00 << 112 | 1, port: 1), false),
            (STUNAddress(ip6: 0xFF02 << 112 | 1, port: 1), false),
            (STUNAddress(ip6: 0x2001_0DB8 << 96 | 1, port: 1), false),
            (STUNAddress(ip6: 0x2001_4860 << 96, port: 1), true),
        ])
    func policy(host: STUNAddress, isAllowed: Bool) {
        #expect(TURNPeerPolicy().allows(host) == isAllowed)
    }

    @Test("§21.4: networks that are allowed and denied; of the server itself only the relays are reached")
    func networks() throws {
        let own = ip(192, 168, 1, 5, 0)
        let rig = ServerRig { configuration, _ in
            configuration.peers.allowed = [TURNPeerPolicy.Network(ip(10, 1, 0, 0, 0), prefix: 16)]
            configuration.peers.denied = [TURNPeerPolicy.Network(ip(8, 8, 0, 0, 0), prefix: 15)]
            configuration.peers.own = [own]
        }
        let relay = try #require(rig.allocate().relayed.first)
        #expect(rig.permit(ip(10, 1, 255, 1, 1)).isSuccess)
        #expect(rig.permit(ip(10, 2, 0, 1, 1)).error == 403)
        #expect(rig.permit(ip(8, 9, 1, 1, 1)).error == 403)
        #expect(rig.permit(ip(8, 10, 1, 1, 1)).isSuccess)
        #expect(rig.permit(own.with(port: 53)).isSuccess)
        #expect(rig.indicate([1], to: own.with(port: 53)) == .nothing)
        #expect(rig.indicate([1], to: own.with(port: 50_001)) == .relayed(relay, to: own.with(port: 50_001), [1]))
        #expect(rig.bind(0x4000, own.with(port: 22)).error == 403)
        #expect(rig.bind(0x4000, own.with(port: 50_001)).isSuccess)
        // A network around the server is no way to it; its address alone is.
        var policy = TURNPeerPolicy()
        policy.own = [own]
        policy.allowed = [TURNPeerPolicy.Network(own, prefix: 24)]
        #expect(!policy.reaches(own.with(port: 53)))
        policy.allowed = [TURNPeerPolicy.Network(own, prefix: 32)]
        #expect(policy.reaches(own.with(port: 53)) && !policy.reaches(own.with(port: 0)))
    }

    @Test("Our client gets through")
    func client() throws {
        let server = ip(192, 0, 2, 1, 3_478)
        let numbers = Numbers(3)
        let credentials = LongTermCredentials(username: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8))
        var client = TURNClient(
            server: server, credentials: credentials, families: .both, hash: .test, random: { numbers.next() })
        var outputs: [TURNClient.Output] = []
        var relayed: [ServerRig.Result] = []
        func exchange() {
            while true {
                let new = client.takeOutputs()
                guard !new.isEmpty else { return }
                for output in new {
                    guard case .send(_, let bytes) = output else {
                        outputs.append(output)
                        continue
                    }
                    switch rig.send(bytes) {
                    case .answer(let answer): _ = client.receive(answer.span.bytes, now: rig.now)
                    case .relayed(let from, let to, let data): relayed.append(.relayed(from, to: to, data))
                    case .nothing, .connecting, .bound: break
                    }
                }
            }
        }
        client.start(rig.now)
        exchange()
        let allocation = try #require(client.allocation)
        #expect(allocation.relayed.map(\.isIPv6) == [false, true] && allocation.mapped == rig.client)
        client.send([1], to: rig.peer, now: rig.now)
        exchange()
        client.bindChannel(to: rig.peer, now: rig.now)
        exchange()
        client.send([2], to: rig.peer, now: rig.now)
        exchange()
        #expect(relayed == [[1], [2]].map { .relayed(allocation.relayed[0], to: rig.peer, $0) })
        for _ in 0..<3_000 {
            rig.advance(.seconds(1))
            client.fire(rig.now)
            exchange()
        }
        #expect(
            rig.deliver(from: rig.peer, at: allocation.relayed[0])
                == .channel(0x4000, to: TURNPath(client: rig.client, link: 0)))
        #expect(client.allocation != nil)
        client.close(rig.now)
        exchange()
        #expect(outputs.last == .ended && rig.server.statistics.allocations == 0)
    }
}
