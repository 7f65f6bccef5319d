import CProbe
import ICE
import Media
import Reactor
import Testing

@testable import Relay

/// What a client of TURN and its peer send one another through a lane of the server.
@Suite(.timeLimit(.minutes(1))) struct TURNDataTests {
    /// A client on a socket of its own.
    private final class Guest {
        private let wire: Wire
        private let server: TransportAddress
        private(set) var client: TURNClient
        /// What peers have sent it.
        private(set) var data: [[UInt8]] = []

        init(_ wire: Wire, at server: TransportAddress) {
            self.wire = wire
            self.server = server
            client = TURNClient(
                server: STUNAddress(server),
                credentials: LongTermCredentials(username: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8)),
                hash: .crypto, random: { UInt64.random(in: .min ... .max) })
        }

        /// Has the client do something, and sends what it wants to.
        func tell(_ body: (inout TURNClient, ContinuousClock.Instant) -> Void) async {
            body(&client, .now)
            for output in client.takeOutputs() {
                switch output {
                case .send(_, let bytes): await wire.send(bytes, to: server)
                case .data(_, let bytes): data.append(bytes)
                case .failed(let why): Issue.record("the client has failed: \(why)")
                case .allocated, .ended, .connected, .notConnected, .attempted: break
                }
            }
        }

        /// Takes what comes until something is so.
        func run(until isDone: () -> Bool) async {
            while !isDone(), let next = await wire.next() {
                await tell { _ = $0.receive(next.bytes.span.bytes, now: $1) }
            }
        }
    }

    /// A server for alice on a lane.
    private func serve(on lane: Lane) async throws -> (owner: LaneBound<TURNLane>, address: TransportAddress) {
        let bound = try BoundDatagramSocket.bind(.loopback())
        var accounts = TURNAccounts(realm: [UInt8]("example.org".utf8), hash: .crypto)
        accounts.add(user: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8))
        var settings = TURNServerConfiguration()
        settings.peers.allowed = [.init(STUNAddress(.loopback()), prefix: 32)]
        let addresses = [TURNRelayConfiguration.Address(.loopback())]
        let (machine, users) = (settings, accounts)
        let owner = try await lane.run { lane throws(SocketError) in
            let server = TURNServer(
                machine, accounts: users, quota: TURNQuota(),
                nonces: TURNNonces(key: [UInt8](repeating: 7, count: 32), origin: lane.now, hash: .crypto),
                hash: .crypto, now: lane.now, random: { UInt64.random(in: .min ... .max) },
                wallClock: { 1_800_000_000 })
            let owner = TURNLane(
                lane, server, TURNPorts(addresses, 49_152...65_535), addresses, strangerTime: .seconds(60))
            try owner.listen(bound, link: 0)
            return LaneBound(owner, on: lane)
        }
        return (owner, bound.localAddress)
    }

    /// Data takes no memory, whichever way it goes: by Send and Data indications, and by a channel.
    @Test(.enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"), arguments: [false, true])
    func dataAllocatesNothing(byChannel: Bool) async throws {
        let (lane, far) = (try Lane(name: "turn"), try Lane(name: "ends"))
        let (owner, address) = try await serve(on: lane)
        let guest = Guest(try await Wire(far), at: address)
        let peer = try await Wire(far)
        let place = STUNAddress(peer.address)
        await guest.tell { $0.start($1) }
        await guest.run { guest.client.allocation != nil }
        let relayed = TransportAddress(try #require(guest.client.allocation?.relayed.first))
        await guest.tell { $0.permit(place, now: $1) }
        await guest.run { guest.client.isPermitted(place) }
        if byChannel {
            await guest.tell { $0.bindChannel(to: place, now: $1) }
            await guest.run { guest.client.channel(to: place) != nil }
        }
        func turns(_ numbers: Range<UInt8>) async {
            for number in numbers {
                let packet = packet(number, [UInt8](repeating: number, count: 160))
                await guest.tell { $0.send(packet, to: place, now: $1) }
                let heard = await peer.next()
                #expect(heard?.bytes == packet && heard?.from == relayed)
                let before = guest.data.count
                await peer.send(packet, to: relayed)
                await guest.run { guest.data.count > before }
                #expect(guest.data.last == packet)
            }
        }
        await turns(0..<10)
        let before = await lane.run { _ in probe_allocations() }
        await turns(10..<250)
        let taken = await lane.run { _ in probe_allocations() } - before
        // 480 datagrams; what was counted besides are the two looks at the counter.
        #expect(taken < 100)
        let statistics = await lane.run { _ in owner.value.statistics }
        #expect(statistics.toPeers == 250 && statistics.toClients == 250)
        await lane.run { _ in owner.value.stop() }
        for lane in [lane, far] {
            lane.stop()
            await lane.stopped()
        }
    }
}
