import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Testing

@testable import Relay

/// What passes a leg that is secured, and what does not.
@Suite(.timeLimit(.minutes(1))) struct SecuredPacketTests {
    /// Who does not have the keys is not heard, and takes nothing over; what was dropped is counted.
    @Test func forgeriesAreDropped() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let (alice, mallory) = (try await Wire(lane), try await Wire(lane))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try await bob.agree(with: try target(offer))
            let door = try target(offer)
            for number in 1...10 { await mallory.send(packet(UInt8(number), source: 2), to: door) }
            let first = try bob.seal(packet(1, source: 2))
            await bob.wire.send(first, to: door)
            #expect(await alice.next()?.bytes == packet(1, source: 2))
            // A repetition is none of his either.
            await bob.wire.send(first, to: door)
            await mallory.send(first, to: door)
            // Nor is what was cut short, down to the head of a packet; without that it is nothing at all.
            let second = try bob.seal(packet(2, source: 2))
            let control = try bob.sealControl(report(source: 2))
            for length in [second.count - 1, 13, 12, 11] { await bob.wire.send(Array(second.prefix(length)), to: door) }
            for bytes in [Array(control.dropLast()), report(source: 2)] { await bob.wire.send(bytes, to: door) }
            await bob.wire.send(second, to: door)
            #expect(await alice.next()?.bytes == packet(2, source: 2))
            let counted = try #require(await relay.relayedCalls(limit: 1).first?.streams.first)
            var callee = RelayCounters()
            (callee.received, callee.receivedOctets) = (2, UInt64(first.count + second.count))
            (callee.unproven, callee.malformed) = (10 + 2 + 3 + 2, 1)
            #expect(counted.callee.counters == callee)
            #expect(counted.caller.counters.sent == 2)
            await alice.send(packet(3), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(3))
        }
    }
}
