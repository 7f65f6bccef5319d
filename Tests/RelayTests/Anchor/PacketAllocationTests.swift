import CProbe
import Media
import Reactor
import Routing
import Testing

@testable import Relay

/// A packet takes no memory, whichever way it goes.
@Suite(
    .timeLimit(.minutes(1)), .enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"))
struct PacketAllocationTests {
    /// Counts what the lane of the relay takes for 240 turns of a call, whose ends are on another lane.
    private func expectNone(_ body: (Exchange, Lane) async throws -> (UInt8) async throws -> Void) async throws {
        try await withRelay { relay, lane in
            let far = try Lane(name: "ends")
            let exchange = Exchange(relay)
            let turn = try await body(exchange, far)
            for number in 0..<10 as Range<UInt8> { try await turn(number) }
            let before = await lane.run { _ in probe_allocations() }
            for number in 10..<250 as Range<UInt8> { try await turn(number) }
            let taken = await lane.run { _ in probe_allocations() } - before
            // 480 packets; what was counted besides are the two looks at the counter, and a look after the legs.
            #expect(taken < 100)
            // The call goes on until here.
            #expect(exchange.anchor.count == 1)
            far.stop()
            await far.stopped()
        }
    }

    @Test func ofATransparentCall() async throws {
        try await expectNone { exchange, far in
            let (alice, bob) = (try await Wire(far), try await Wire(far))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            let (near, door) = (try target(answer), try target(offer))
            return { number in
                await alice.send(packet(number), to: near)
                #expect(await bob.next()?.bytes == packet(number))
                await bob.send(packet(number, source: 2), to: door)
                #expect(await alice.next()?.bytes == packet(number, source: 2))
            }
        }
    }

    @Test func ofASecuredLeg() async throws {
        try await expectNone { exchange, far in
            var exchange = exchange
            exchange.encryption = .sdes
            let alice = try await Wire(far)
            let bob = try SecuredEnd(try await Wire(far), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try await bob.agree(with: try target(offer))
            let (near, door) = (try target(answer), try target(offer))
            return { number in
                await alice.send(packet(number), to: near)
                #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(number))
                await bob.wire.send(try bob.seal(packet(number, source: 2)), to: door)
                #expect(await alice.next()?.bytes == packet(number, source: 2))
            }
        }
    }

    @Test func byTheSharedPort() async throws {
        try await expectNone { exchange, far in
            let (alice, bob) = (CheckingEnd(try await Wire(far)), try await Wire(far))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            let door = try alice.take(read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob))))
            try await alice.connect(to: door)
            let other = try target(offer)
            return { number in
                await alice.wire.send(packet(number), to: door)
                #expect(await bob.next()?.bytes == packet(number))
                await bob.send(packet(number, source: 2), to: other)
                #expect(await alice.wire.next()?.bytes == packet(number, source: 2))
            }
        }
    }
}
