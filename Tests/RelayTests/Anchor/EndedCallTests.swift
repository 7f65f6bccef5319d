import Media
import Reactor
import Routing
import SDP
import SIP
import Testing

@testable import Relay

/// Calls that the server ends, since nobody is heard or there are no keys.
@Suite(.timeLimit(.minutes(1))) struct EndedCallTests {
    /// Runs a relay that takes any silence for the end.
    private func withRelay(
        _ change: (inout RelayConfiguration) -> Void = { $0.patience = .zero },
        _ body: (MediaRelay, Lane) async throws -> Void
    ) async throws {
        var configuration = RelayConfiguration()
        change(&configuration)
        let lane = try Lane(name: "relay-test")
        do {
            try await body(MediaRelay(lanes: [lane], configuration), lane)
        } catch {
            lane.stop()
            await lane.stopped()
            throw error
        }
        lane.stop()
        await lane.stopped()
    }

    /// What the anchor says of dialogs that are over.
    private final class Endings {
        var all: [DialogEnding] = []
    }

    private func endings(of exchange: Exchange) -> Endings {
        let endings = Endings()
        exchange.anchor.onEnding = { endings.all.append($0) }
        return endings
    }

    private func audio(_ direction: String = "sendrecv") -> String {
        Exchange.description("127.0.0.1", "m=audio 4000 RTP/AVP 0", "a=\(direction)")
    }

    /// A call that is answered and acknowledged.
    private func setUp(_ exchange: Exchange, _ direction: String = "sendrecv", context: UInt64 = 1) throws {
        var exchange = exchange
        exchange.headers = ["Contact: <sip:alice@192.0.2.1>", "Record-Route: <sip:r1;lr>, <sip:r0;lr>"]
        _ = try exchange.request("INVITE", 1, body: audio(direction), isFirst: true, context: context)
        exchange.headers = [
            "Contact: \"Bob\" <sip:bob@192.0.2.2;x=y>;z=1", "Record-Route: <sip:r3;lr>",
            "Record-Route: <sip:us;lr>,<sip:r1;lr>",
        ]
        _ = try exchange.response(180, "INVITE", 1, context: context)
        _ = try exchange.response(200, "INVITE", 1, body: audio(direction), context: context)
        try exchange.conclude("INVITE", 1, 200, isFirst: true, context: context)
        _ = try exchange.request("ACK", 1, context: 0)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func silenceEndsACallWithAllThatIsKnownOfItsDialog() async throws {
        try await withRelay { relay, _ in
            let exchange = Exchange(relay)
            let endings = endings(of: exchange)
            try setUp(exchange)
            #expect(relay.counters.calls == 1)
            await exchange.post.deliverNext()
            let ending = try #require(endings.all.first)
            #expect(ending.cause == .silence)
            #expect(text(ending.callID) == "call")
            #expect(text(ending.caller.address) == "<sip:alice@localhost>;tag=a")
            #expect(text(ending.callee.address) == "<sip:bob@localhost>;tag=b")
            #expect(text(ending.caller.target) == "sip:alice@192.0.2.1")
            #expect(text(ending.callee.target) == "sip:bob@192.0.2.2;x=y")
            #expect(ending.caller.recordRoutes.map(text) == ["<sip:r1;lr>", "<sip:r0;lr>"])
            #expect(ending.callee.recordRoutes.map(text) == ["<sip:r3;lr>", "<sip:us;lr>", "<sip:r1;lr>"])
            #expect(ending.caller.sequence == 1 && ending.callee.sequence == 0)
            #expect(ending.caller.flow == exchange.arrival && ending.callee.flow == exchange.departure)
            #expect(relay.counters.calls == 0 && exchange.anchor.count == 0)
            #expect(relay.counters.silent == 1 && relay.counters.ended == 1)
        }
    }

    /// Requests of either end count, whatever they are; contacts change with those that refresh them and are accepted.
    @Test func whatChangesInTheDialogIsFollowed() async throws {
        try await withRelay { relay, _ in
            var exchange = Exchange(relay)
            let endings = endings(of: exchange)
            try setUp(exchange)
            _ = try exchange.request("INFO", 5, context: 5)
            _ = try exchange.request("MESSAGE", 7, fromCallee: true, context: 6)
            exchange.headers = ["Contact: <sip:alice@192.0.2.11>"]
            _ = try exchange.request("UPDATE", 6, context: 7)
            try exchange.conclude("UPDATE", 6, 200, context: 7)
            exchange.headers = ["Contact: <sip:bob@192.0.2.12>"]
            _ = try exchange.response(200, "UPDATE", 6, context: 7)
            // One that fails refreshes nothing.
            exchange.headers = ["Contact: <sip:alice@192.0.2.99>"]
            _ = try exchange.request("INVITE", 8, context: 8)
            try exchange.conclude("INVITE", 8, 488, context: 8)
            await exchange.post.deliverNext()
            let ending = try #require(endings.all.first)
            #expect(ending.caller.sequence == 8 && ending.callee.sequence == 7)
            #expect(text(ending.callee.target) == "sip:bob@192.0.2.12")
        }
    }

    @Test func aContactThatWasAcceptedIsTheTarget() async throws {
        try await withRelay { relay, _ in
            var exchange = Exchange(relay)
            let endings = endings(of: exchange)
            try setUp(exchange)
            exchange.headers = ["Contact: <sip:alice@192.0.2.11>"]
            _ = try exchange.request("UPDATE", 2, context: 2)
            try exchange.conclude("UPDATE", 2, 200, context: 2)
            await exchange.post.deliverNext()
            #expect(try text(#require(endings.all.first).caller.target) == "sip:alice@192.0.2.11")
        }
    }

    /// A call that rings is silent, and goes on.
    @Test func silenceEndsNoCallThatRings() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let endings = endings(of: exchange)
            _ = try exchange.request("INVITE", 1, body: audio(), isFirst: true)
            await exchange.post.deliverNext()
            #expect(endings.all.isEmpty)
            #expect(relay.counters.silent == 0 && exchange.anchor.count == 1)
            _ = try exchange.response(200, "INVITE", 1, body: audio())
            // Patience began anew, and what is silent behind the answer ends.
            await exchange.post.deliverNext()
            #expect(endings.all.count == 1)
        }
    }

    /// Where all streams are on hold there is a patience of its own.
    @Test(arguments: ["inactive", "sendonly", "recvonly"])
    func silenceOnHoldIsNone(direction: String) async throws {
        try await withRelay { relay, lane in
            let (held, other) = (Exchange(relay), Exchange(relay))
            let (ofHeld, ofOther) = (endings(of: held), endings(of: other))
            try setUp(held, direction)
            try setUp(other)
            await other.post.deliverNext()
            // Both were looked at in the same turn.
            await lane.run { _ in }
            held.post.deliver()
            #expect(ofOther.all.count == 1 && ofHeld.all.isEmpty)
            // Taken up again, it is expected to be heard.
            _ = try held.request("INVITE", 2, body: audio(), context: 2)
            _ = try held.response(200, "INVITE", 2, body: audio(), context: 2)
            await held.post.deliverNext()
            #expect(ofHeld.all.count == 1)
        }
    }

    @Test func aHeldCallIsNotKeptForEver() async throws {
        try await withRelay({ $0.heldPatience = .zero }) { relay, _ in
            let exchange = Exchange(relay)
            let endings = endings(of: exchange)
            try setUp(exchange, "inactive")
            await exchange.post.deliverNext()
            #expect(endings.all.map(\.cause) == [.silence])
        }
    }

    /// An end hangs up while the media lane says that nobody is heard.
    @Test func aByeAtTheSameTimeIsNoError() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let endings = endings(of: exchange)
            try setUp(exchange)
            try exchange.conclude("BYE", 2, 200)
            #expect(relay.counters.calls == 0)
            await lane.run { _ in }
            exchange.post.deliver()
            #expect(endings.all.isEmpty)
            #expect(relay.counters.calls == 0 && relay.counters.silent == 0)
        }
    }

    /// What is kept of a dialog is bounded: one with more is forgotten without BYE.
    @Test(arguments: [(0, true), (ObservedDialog.limit, false)])
    func whatIsKeptIsBounded(octets: Int, isEnded: Bool) async throws {
        try await withRelay { relay, _ in
            var exchange = Exchange(relay)
            let endings = endings(of: exchange)
            exchange.headers = ["Record-Route: <sip:\(String(repeating: "r", count: octets));lr>"]
            _ = try exchange.request("INVITE", 1, body: audio(), isFirst: true)
            exchange.headers = []
            _ = try exchange.response(200, "INVITE", 1, body: audio())
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            await exchange.post.deliverNext()
            #expect(endings.all.count == (isEnded ? 1 : 0))
            #expect(relay.counters.ended == (isEnded ? 1 : 0) && relay.counters.silent == 1)
            #expect(exchange.anchor.count == 0)
        }
    }

    // MARK: Keys

    /// The certificate of the handshake is none of those that the description has named (RFC 5763 §5). While the callee rings that ends
    /// nothing, since another may answer.
    @Test(arguments: [false, true])
    func aHandshakeThatFailsEndsTheCall(whileItRings: Bool) async throws {
        try await withRelay({ _ in }) { relay, lane in
            var exchange = Exchange(relay)
            let endings = endings(of: exchange)
            exchange.encryption = .dtls
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let other = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: audio(), isFirst: true))
            let named = try other.answer(offer)
            let answer = try bob.answer(offer)
            let lines = answer.split(separator: "\r\n").map { line in
                line.hasPrefix("a=fingerprint:")
                    ? named.split(separator: "\r\n").first { $0.hasPrefix("a=fingerprint:") } ?? line : line
            }
            let body = lines.map { $0 + "\r\n" }.joined()
            func answered() throws {
                _ = try exchange.response(200, "INVITE", 1, body: body)
                try exchange.conclude("INVITE", 1, 200, isFirst: true)
            }
            if whileItRings { _ = try exchange.response(183, "INVITE", 1, body: body) } else { try answered() }
            let address = try #require(offer.connection(of: offer.media[0])?.address)
            let door = try #require(address.transportAddress(port: offer.media[0].port))
            // Without the ACK nothing is said: no BYE overtakes it.
            await #expect(throws: (any Error).self) { try await bob.agree(with: door) }
            await exchange.post.deliverNext()
            #expect(relay.counters.insecure == 1)
            #expect(endings.all.isEmpty && exchange.anchor.count == 1)
            if whileItRings { try answered() }
            _ = try exchange.request("ACK", 1, context: 0)
            await exchange.post.deliverNext()
            #expect(endings.all.map(\.cause) == [.insecurity])
            #expect(relay.counters.insecure == 1 && relay.counters.ended == 1)
            #expect(relay.counters.calls == 0)
        }
    }
}
