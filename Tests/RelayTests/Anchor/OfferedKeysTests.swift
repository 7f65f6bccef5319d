import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Testing

@testable import Relay

/// Callees that are offered keys beside media in the clear (RFC 8643).
@Suite(.timeLimit(.minutes(5))) struct OfferedKeysTests {
    /// A caller in the clear, and a callee that takes the keys: its leg is encrypted, and stays so.
    @Test func keysThatAreTakenEncrypt() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .offer
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.offer, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            #expect(offer.media[0].field.transport == "RTP/AVP")
            #expect(offer.media[0].attribute(named: "crypto") != nil)
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            #expect(answer.media[0].attribute(named: "crypto") == nil)
            try await bob.agree(with: try target(offer))
            await bob.wire.send(try bob.seal(packet(1, source: 2)), to: try target(offer))
            #expect(await alice.next()?.bytes == packet(1, source: 2))
            await alice.send(packet(2), to: try target(answer))
            let heard = try #require(await bob.wire.next()?.bytes)
            #expect(heard != packet(2))
            #expect(try bob.open(heard) == packet(2))
            // It cannot become plain by an offer of the callee, nor by its answer to one of the caller.
            let plainly = Descriptions.plain(bob.wire)
            #expect(try exchange.request("INVITE", 5, body: plainly, fromCallee: true) == .refused(488))
            _ = try read(exchange.request("INVITE", 6, body: Descriptions.plain(alice)))
            let late = try read(exchange.response(200, "INVITE", 6, body: plainly))
            #expect(late.media.map(\.port) == [0])
            await alice.send(packet(3), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(3))
        }
    }

    /// One that knows nothing of keys is spoken to in the clear, whatever its caller does.
    @Test(arguments: [false, true]) func keysThatAreNotTakenDoNot(isCallerSecured: Bool) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .offer
            let bob = try await Wire(lane)
            let alice = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let body = isCallerSecured ? try alice.offer() : Descriptions.plain(alice.wire)
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            #expect(offer.media[0].field.transport == "RTP/AVP")
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            if isCallerSecured {
                try alice.take(answer)
                try await alice.agree(with: try target(answer))
            }
            func sealed(_ bytes: [UInt8]) throws -> [UInt8] { isCallerSecured ? try alice.seal(bytes) : bytes }
            await alice.wire.send(try sealed(packet(1)), to: try target(answer))
            #expect(await bob.next()?.bytes == packet(1))
            await bob.send(packet(2, source: 2), to: try target(offer))
            let heard = try #require(await alice.wire.next()?.bytes)
            #expect(try isCallerSecured ? alice.open(heard) == packet(2, source: 2) : heard == packet(2, source: 2))
        }
    }

    /// Of two that ring, each has what it has taken.
    @Test func whoeverAnswersHasWhatItTook() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .offer
            let (alice, carol) = (try await Wire(lane), try await Wire(lane))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.offer, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let early = try read(exchange.response(183, "INVITE", 1, body: bob.answer(offer), tag: "b"))
            try await bob.agree(with: try target(offer))
            await alice.send(packet(1), to: try target(early))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(1))
            _ = try exchange.response(200, "INVITE", 1, body: Descriptions.plain(carol), tag: "c")
            await alice.send(packet(2), to: try target(early))
            #expect(await carol.next()?.bytes == packet(2))
        }
    }
}
