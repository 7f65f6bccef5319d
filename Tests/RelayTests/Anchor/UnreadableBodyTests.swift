import Media
import Reactor
import Routing
import SDP
import SIP
import Testing

@testable import Relay

/// Bodies of responses that cannot be read, or only in part: what they say of media could lead past the relay.
@Suite(.timeLimit(.minutes(1))) struct UnreadableBodyTests {
    private static let nonsense = "v=0\r\nm=nonsense\r\n"
    private static let parts = "multipart/mixed;boundary=x"
    private static let inParts = "--x\r\nContent-Type: application/sdp\r\n\r\n\(nonsense)\r\n--x--\r\n"

    private func invited(_ exchange: Exchange, _ lane: Lane) async throws -> Wire {
        let alice = try await Wire(lane)
        _ = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
        return alice
    }

    /// Where the legs are secured, or everything has to be relayed, the response goes back without; else it is left alone.
    @Test(
        arguments: [
            (MediaLegEncryption.sdes, MediaMode.anchor, "application/sdp", nonsense, true),
            (.sdes, .anchor, parts, inParts, true), (.sdes, .auto, "application/sdp", nonsense, true),
            (.sdes, .auto, parts, inParts, true), (.pass, .anchor, "application/sdp", nonsense, true),
            (.pass, .auto, "application/sdp", nonsense, false), (.pass, .auto, parts, inParts, false),
            (.sdes, .anchor, "text/plain", "hello", false),
        ], [183, 200])
    func whatCannotBeReadIsTakenAway(
        _ given: (MediaLegEncryption, MediaMode, String, String, Bool), status: Int
    ) async throws {
        let (encryption, mode, contentType, body, isTaken) = given
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            exchange.mode = mode
            // An end that speaks IPv6 has the call relayed in `auto`, too.
            exchange.departure = Exchange.flow("[::1]:5064")
            _ = try await invited(exchange, lane)
            exchange.contentType = contentType
            let told = try exchange.response(status, "INVITE", 1, body: body)
            #expect(told == (isTaken ? .replaced([]) : .untouched))
            #expect(relay.counters.refused == (isTaken ? 1 : 0))
        }
    }

    /// A description in a response that answers nothing would name ways past the relay, too.
    @Test(arguments: [(MediaMode.anchor, AnchoredBody.replaced([])), (.auto, .untouched)])
    func whatAnswersNothingIsTakenAway(mode: MediaMode, expected: AnchoredBody) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = mode
            exchange.departure = Exchange.flow("[::1]:5064")
            _ = try await invited(exchange, lane)
            let bob = try await Wire(lane)
            _ = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            #expect(try exchange.request("UPDATE", 2, context: 2) == .untouched)
            #expect(try exchange.response(200, "UPDATE", 2, body: Descriptions.plain(bob), context: 2) == expected)
        }
    }

    /// A description behind one that could not be read is taken as if that had not come.
    @Test func theAnswerMayStillCome() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            #expect(try exchange.response(183, "INVITE", 1, body: Self.nonsense) == .replaced([]))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try await bob.agree(with: try target(offer))
            await alice.send(packet(1), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(1))
        }
    }
}
