import Media
import Reactor
import Routing
import SDP
import SIP
import Testing

@testable import Relay

/// Calls whose offer comes in the 2xx and whose answer in the ACK (RFC 3261 §13.2.1), where the relay secures the legs.
@Suite(.timeLimit(.minutes(1))) struct LateAnswerTests {
    /// The callee offers as its leg has to be, and the caller answers in the clear.
    @Test(arguments: [MediaLegEncryption.sdes, .dtls])
    func aSecuredCalleeOffers(encryption: MediaLegEncryption) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(
                try await Wire(lane), MediaEncryption(.require, by: encryption == .sdes ? .sdes : .dtls))
            #expect(try exchange.request("INVITE", 1, isFirst: true) == .untouched)
            let offer = try read(exchange.response(200, "INVITE", 1, body: bob.offer()))
            #expect(offer.media[0].field.transport == "RTP/AVP")
            #expect(offer.media[0].attribute(named: "crypto") == nil)
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            let answer = try read(exchange.request("ACK", 1, body: Descriptions.plain(alice), context: 0))
            try bob.take(answer)
            try await bob.agree(with: try target(answer))
            await bob.wire.send(try bob.seal(packet(1, source: 2)), to: try target(answer))
            #expect(await alice.next()?.bytes == packet(1, source: 2))
            await alice.send(packet(2), to: try target(offer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(2))
        }
    }

    /// Of an answer that would leave a leg without the keys that it must have nothing goes on but that there is no stream; the ACK does.
    @Test func anAnswerThatCannotBeSecuredIsNone() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            _ = try exchange.request("INVITE", 1, isFirst: true)
            _ = try read(exchange.response(200, "INVITE", 1, body: bob.offer()))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            // She was offered RTP in the clear, and names no keys.
            let body = Descriptions.plain(alice).replacing("RTP/AVP", with: "RTP/SAVP")
            let answer = try read(exchange.request("ACK", 1, body: body, context: 0))
            #expect(answer.media.map(\.port) == [0])
            #expect(answer.media.map(\.field.transport) == ["RTP/SAVP"])
            #expect(relay.counters.refused == 1)
        }
    }

    /// The 2xx comes again until its ACK has arrived, so that there are several of each on the way; all say the same.
    @Test(arguments: [MediaLegEncryption.pass, .sdes])
    func aRepeatedAckIsToldTheSame(encryption: MediaLegEncryption) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            _ = try exchange.request("INVITE", 1, isFirst: true)
            let body = encryption == .pass ? Descriptions.plain(bob.wire) : try bob.offer()
            let first = try exchange.response(200, "INVITE", 1, body: body)
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            let again = try exchange.response(200, "INVITE", 1, body: body)
            #expect(again == first)
            let answer = try exchange.request("ACK", 1, body: Descriptions.plain(alice), context: 0)
            #expect(try exchange.request("ACK", 1, body: Descriptions.plain(alice), context: 0) == answer)
            #expect(try target(read(answer)).port != alice.address.port)
        }
    }

    /// A description in an ACK that answers nothing would name ways past the relay.
    @Test(arguments: [(MediaMode.anchor, AnchoredBody.replaced([])), (.auto, .untouched)])
    func whatAnswersNothingIsTakenAway(mode: MediaMode, expected: AnchoredBody) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = mode
            exchange.departure = Exchange.flow("[::1]:5064")
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            _ = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            #expect(try exchange.request("ACK", 1, body: Descriptions.plain(alice), context: 0) == expected)
        }
    }

    /// What cannot be read may be in the clear, or lead past the relay. An ACK cannot be refused, so it goes on without.
    @Test(arguments: [
        (MediaLegEncryption.sdes, "application/sdp", "v=0\r\nm=nonsense\r\n"),
        (.sdes, "multipart/mixed;boundary=x", "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--\r\n"),
        (.pass, "application/sdp", "v=0\r\nm=nonsense\r\n"),
    ])
    func anAnswerThatCannotBeReadIsTakenAway(
        encryption: MediaLegEncryption, contentType: String, body: String
    ) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            _ = try exchange.request("INVITE", 1, isFirst: true)
            let offer = encryption == .pass ? Descriptions.plain(bob.wire) : try bob.offer()
            _ = try read(exchange.response(200, "INVITE", 1, body: offer))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            exchange.contentType = contentType
            #expect(try exchange.request("ACK", 1, body: body, context: 0) == .replaced([]))
            #expect(relay.counters.refused == 1)
        }
    }
}
