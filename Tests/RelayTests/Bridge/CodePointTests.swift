import ICE
import Reactor
import TestKit
import Testing

@testable import Relay

/// How the sockets of the relay mark what they send (RFC 4594 §4.1, §4.3), as the kernel says.
@Suite(.timeLimit(.minutes(1))) struct CodePointTests {
    /// The code point of a socket that is bound to an address.
    private func codePoint(of address: TransportAddress) -> Int? {
        OwnSockets.trafficClass(of: address).map { Int($0 >> 2) }
    }

    /// Sets a call up between the versions of IP; where its ends are told to send sound and pictures.
    private func setUp(_ exchange: Exchange) throws -> [[TransportAddress]] {
        var exchange = exchange
        exchange.departure = Exchange.flow("[::1]:5064")
        func body(_ host: String) -> String {
            Exchange.description(host, "m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 96")
        }
        let offer = try read(exchange.request("INVITE", 1, body: body("127.0.0.1"), isFirst: true))
        let answer = try read(exchange.response(200, "INVITE", 1, body: body("::1")))
        let doors = try [0, 1].map { [try target(answer, $0), try target(offer, $0)] }
        #expect(doors.map { $0.map(\.isIPv6) } == [[false, true], [false, true]])
        return doors
    }

    /// Sound and pictures, by IPv4 and IPv6, and what is said of them by RTCP one port above.
    @Test func soundAndPicturesAreMarked() async throws {
        try await withRelay { relay, _ in
            var exchange = Exchange(relay)
            let first = try setUp(exchange)
            for door in first[0] {
                #expect(codePoint(of: door) == 46)
                #expect(codePoint(of: door.with(port: door.port + 1)) == 46)
            }
            for door in first[1] {
                #expect(codePoint(of: door) == 34)
                #expect(codePoint(of: door.with(port: door.port + 1)) == 34)
            }
            // Another configuration is that of the next call.
            relay.configuration.audioCodePoint = 10
            relay.configuration.videoCodePoint = 0
            exchange.callID = "second"
            let second = try setUp(exchange)
            for door in second[0] + second[0].map({ $0.with(port: $0.port + 1) }) { #expect(codePoint(of: door) == 10) }
            for door in second[1] + second[1].map({ $0.with(port: $0.port + 1) }) { #expect(codePoint(of: door) == 0) }
            for door in first[0] { #expect(codePoint(of: door) == 46) }
        }
    }

    /// The port that ends with a part in ICE share is marked as sound is, and by another configuration from the next call on.
    @Test func theSharedPortIsMarked() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            let alice = CheckingEnd(try await Wire(lane))
            let body = Exchange.description("127.0.0.1", "m=audio 4000 RTP/AVP 0", "a=rtcp-mux")
            _ = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            let door = try alice.take(read(exchange.response(200, "INVITE", 1, body: body)))
            let other = try relay.door(of: relay.nextLane(), near: .loopback(.ipv6)).localAddress
            #expect(codePoint(of: door) == 46 && codePoint(of: other) == 46)
            relay.configuration.audioCodePoint = 10
            exchange.callID = "second"
            _ = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            #expect(try alice.take(read(exchange.response(200, "INVITE", 1, body: body))) == door)
            relay.configuration.audioCodePoint = 0
            #expect(try relay.door(of: relay.nextLane(), near: .loopback(.ipv6)).localAddress == other)
            await lane.run { _ in }
            #expect(codePoint(of: door) == 10 && codePoint(of: other) == 0)
        }
    }
}
