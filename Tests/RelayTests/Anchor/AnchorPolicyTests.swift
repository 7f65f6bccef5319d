import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Synchronization
import Testing

@testable import Relay

/// Which calls are anchored, and how many; what is taken out of their descriptions.
@Suite(.timeLimit(.minutes(1))) struct AnchorPolicyTests {
    private func audio(_ wire: Wire, _ further: String...) -> String {
        let lines = ["m=audio \(wire.address.port) RTP/AVP 0"] + further
        return (["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"] + lines).map { $0 + "\r\n" }
            .joined()
    }

    @Test func directCallsPassBy() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = .direct
            let alice = try await Wire(lane)
            #expect(try exchange.request("INVITE", 1, body: audio(alice), isFirst: true) == .untouched)
            #expect(exchange.anchor.count == 0)
        }
    }

    /// A browser's offer is left alone, wherever it comes from: without its candidates it would be refused.
    @Test(arguments: [
        (["ice-ufrag:abcd", "fingerprint:sha-256 00"], false), (["ice-ufrag:abcd"], true),
        (["fingerprint:sha-256 00"], true),
        (["ice-lite", "fingerprint-x:1"], true),
    ])
    func autoLeavesBrowsersAlone(_ said: [String], isAnchored: Bool) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            let body = Exchange.description(
                "192.168.1.5", "m=audio 4000 RTP/AVP 0" + said.map { "\r\na=\($0)" }.joined())
            _ = try exchange.request("INVITE", 1, body: body, isFirst: true, via: "127.0.0.1:5062")
            #expect(exchange.anchor.count == (isAnchored ? 1 : 0))
        }
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1:5062", false), ("192.168.1.5", "127.0.0.1:5062", true),
        ("127.0.0.1", "192.168.1.5:5062", true), ("127.0.0.1", "phone.example.com", false),
    ])
    func autoAnchorsWhereAnEndIsBehindANAT(said: String, via: String, isAnchored: Bool) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            let body = Exchange.description(said, "m=audio 4000 RTP/AVP 0")
            _ = try exchange.request("INVITE", 1, body: body, isFirst: true, via: via)
            #expect(exchange.anchor.count == (isAnchored ? 1 : 0))
        }
    }

    @Test func withoutPortsTheCallIsRefused() async throws {
        try await withRelay({ $0.ports = 20_000...20_003 }) { relay, lane in
            let exchange = Exchange(relay)
            let alice = try await Wire(lane)
            _ = try exchange.request("INVITE", 1, body: audio(alice), isFirst: true)
            var other = exchange
            other.callID = "other"
            #expect(try other.request("INVITE", 1, body: audio(alice), isFirst: true) == .refused(503))
            #expect(relay.counters.refused == 1)
        }
    }

    @Test func limitsOfCallsAndStreamsHold() async throws {
        try await withRelay({
            $0.callLimit = 1
            $0.streamLimit = 2
        }) { relay, lane in
            let exchange = Exchange(relay)
            let alice = try await Wire(lane)
            let three = audio(alice, "m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0")
            #expect(try exchange.request("INVITE", 1, body: three, isFirst: true) == .refused(488))
            var other = exchange
            other.callID = "other"
            #expect(try other.request("INVITE", 1, body: audio(alice), isFirst: true) == .refused(503))
        }
    }

    /// What cannot be read goes by where the relay is a help, and is refused where it is the rule.
    @Test(arguments: [(MediaMode.anchor, AnchoredBody.refused(488)), (.auto, .untouched)])
    func aDescriptionThatCannotBeRead(mode: MediaMode, expected: AnchoredBody) async throws {
        try await withRelay { relay, _ in
            var exchange = Exchange(relay)
            exchange.mode = mode
            exchange.departure = Exchange.flow("[::1]:5064")
            let body = "v=0\r\nm=nonsense\r\n"
            let told = try exchange.request("INVITE", 1, body: body, isFirst: true)
            #expect(told == expected)
        }
    }

    @Test func whatNamesOtherWaysIsTakenAway() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = try await Wire(lane)
            let body = audio(
                alice, "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=mid:0", "a=x-own:1",
                "a=candidate:1 1 UDP 2130706431 127.0.0.1 \(alice.address.port) typ host", "a=sendrecv"
            ).replacing("t=0 0\r\n", with: "t=0 0\r\na=group:BUNDLE 0\r\na=ice-options:trickle\r\na=group:LS 0\r\n")
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            let text = offer.description
            for gone in ["abcd", "0123456789012345678901", "trickle", "BUNDLE 0 1"] { #expect(!text.contains(gone)) }
            for kept in ["a=mid:0", "a=x-own:1", "a=sendrecv", "a=group:LS 0"] { #expect(text.contains(kept)) }
        }
    }
}
