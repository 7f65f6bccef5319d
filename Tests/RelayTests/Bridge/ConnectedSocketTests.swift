import ICE
import Reactor
import TestKit
import Testing

@testable import Relay

/// The socket that faces an end which is heard is connected, as the kernel says, so that strangers do not even come to the relay.
@Suite(.timeLimit(.minutes(1))) struct ConnectedSocketTests {
    /// The legs of a stream in the clear, which are looked after when the test says so.
    private final class Legs: @unchecked Sendable {
        // Proof of Sendable: the legs are touched on the lane only.
        private let lane: Lane
        private let caller = RelayLeg(.rtp, isSecured: false, now: 0, onInsecurity: { _ in })
        private let callee = RelayLeg(.rtp, isSecured: false, now: 0, onInsecurity: { _ in })
        /// Where the caller sends, and the callee.
        let door: TransportAddress
        let other: TransportAddress

        init(_ relay: MediaRelay, on lane: Lane, _ alice: Wire, _ bob: Wire) async throws {
            self.lane = lane
            let near = try relay.bind(.rtp, near: .loopback(), isVideo: false)
            let far = try relay.bind(.rtp, near: .loopback(), isVideo: false)
            door = .loopback(port: near.port)
            other = .loopback(port: far.port)
            try await lane.run { [self] lane throws(SocketError) in
                try caller.open(near, to: callee, on: lane)
                try callee.open(far, to: caller, on: lane)
                callee.signal(LegRemote(media: bob.address, isMultiplexed: true))
            }
            await signal(alice.address)
        }

        /// The caller describes itself.
        func signal(_ address: TransportAddress, _ ice: LegICE? = nil) async {
            await lane.run { [self] _ in
                caller.signal(LegRemote(media: address, isMultiplexed: true, ice: ice))
            }
        }

        /// Looks after the sockets, as is done each second.
        func sweep() async {
            await lane.run { [self] lane in
                caller.sweep(at: lane.turnTime)
                callee.sweep(at: lane.turnTime)
            }
        }

        /// Has the caller be as long silent as it takes for another address to be believed.
        func fallSilent(_ address: TransportAddress) async {
            await lane.run { [self] lane in
                _ = caller.mediaLatch.admits(address, source: 1, now: lane.turnTime - RelayLatch.silence)
            }
        }

        /// Where the caller's socket is connected to.
        var peer: TransportAddress? { OwnSockets.peer(of: door) }

        var counters: RelayCounters {
            get async { await lane.run { [self] _ in caller.counters } }
        }
    }

    private func withLegs(_ body: (Legs, Lane, Wire, Wire) async throws -> Void) async throws {
        try await withRelay { relay, lane in
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            try await body(Legs(relay, on: lane, alice, bob), lane, alice, bob)
        }
    }

    @Test func whoIsHeardIsConnected() async throws {
        try await withLegs { legs, lane, alice, bob in
            await legs.sweep()
            #expect(legs.peer == nil)
            await alice.send(packet(1), to: legs.door)
            #expect(await bob.next()?.bytes == packet(1))
            // Before that a stranger comes to the relay, which refuses him.
            let mallory = try await Wire(lane)
            await mallory.send(packet(66), to: legs.door)
            await alice.send(packet(2), to: legs.door)
            #expect(await bob.next()?.bytes == packet(2))
            #expect(await legs.counters.refused == 1)
            await legs.sweep()
            #expect(legs.peer == alice.address)
            #expect(OwnSockets.peer(of: legs.other) == nil)
            // From then on he does not.
            for number in 67...76 as ClosedRange<UInt8> { await mallory.send(packet(number), to: legs.door) }
            await alice.send(packet(3), to: legs.door)
            #expect(await bob.next()?.bytes == packet(3))
            let counters = await legs.counters
            #expect(counters.refused == 1 && counters.received == 3)
            await bob.send(packet(4, source: 2), to: legs.other)
            #expect(await alice.next()?.bytes == packet(4, source: 2))
        }
    }

    /// A NAT may give the end another port, which is believed when nothing has come from the old one for a while.
    @Test func anotherPortIsFollowedAfterSilence() async throws {
        try await withLegs { legs, lane, alice, bob in
            await alice.send(packet(1), to: legs.door)
            #expect(await bob.next()?.bytes == packet(1))
            await legs.sweep()
            #expect(legs.peer == alice.address)
            let moved = try await Wire(lane)
            await moved.send(packet(2), to: legs.door)
            await alice.send(packet(3), to: legs.door)
            #expect(await bob.next()?.bytes == packet(3))
            #expect(await legs.counters.refused == 0)
            await legs.fallSilent(alice.address)
            await legs.sweep()
            #expect(legs.peer == nil)
            for number in 4...6 as ClosedRange<UInt8> { await moved.send(packet(number), to: legs.door) }
            #expect(await bob.next()?.bytes == packet(6))
            #expect(await legs.counters.refused == UInt64(RelayLatch.patience - 1))
            await bob.send(packet(7, source: 2), to: legs.other)
            #expect(await moved.next()?.bytes == packet(7, source: 2))
            await legs.sweep()
            #expect(legs.peer == moved.address)
        }
    }

    /// A description that names another address is believed at once; the same one again changes nothing.
    @Test func aNewDescriptionDisconnects() async throws {
        try await withLegs { legs, lane, alice, bob in
            await alice.send(packet(1), to: legs.door)
            #expect(await bob.next()?.bytes == packet(1))
            await legs.sweep()
            await legs.signal(alice.address)
            #expect(legs.peer == alice.address)
            let moved = try await Wire(lane)
            await legs.signal(moved.address)
            #expect(legs.peer == nil)
            await bob.send(packet(2, source: 2), to: legs.other)
            #expect(await moved.next()?.bytes == packet(2, source: 2))
            await moved.send(packet(3), to: legs.door)
            #expect(await bob.next()?.bytes == packet(3))
            await legs.sweep()
            #expect(legs.peer == moved.address)
        }
    }

    /// Checks may come from anywhere: an end that takes part in ICE has no connected socket.
    @Test func anEndWithChecksIsNotConnected() async throws {
        try await withLegs { legs, lane, alice, bob in
            await alice.send(packet(1), to: legs.door)
            #expect(await bob.next()?.bytes == packet(1))
            await legs.sweep()
            #expect(legs.peer == alice.address)
            let end = CheckingEnd(try await Wire(lane))
            let told = ICEParameters(
                fragment: [UInt8]("relay".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
            end.told = told
            await legs.signal(alice.address, LegICE(local: told, remoteFragment: end.own.fragment))
            #expect(legs.peer == nil)
            try await end.connect(to: legs.door)
            await end.wire.send(packet(2), to: legs.door)
            #expect(await bob.next()?.bytes == packet(2))
            await legs.sweep()
            #expect(legs.peer == nil)
        }
    }
}
