import Media
import Reactor
import Routing
import SDP
import SIP
import Testing

@testable import Relay

/// A relay that could make no certificate: it secures nothing, and lets nothing pass that it should have secured.
@Suite(.timeLimit(.minutes(1))) struct MissingCertificateTests {
    private func withoutCertificates(_ body: (MediaRelay, Lane) async throws -> Void) async throws {
        let lane = try Lane(name: "relay-test")
        let result: Result<Void, any Error>
        do {
            result = .success(
                try await body(MediaRelay(lanes: [lane], RelayConfiguration(), certificates: nil), lane))
        } catch { result = .failure(error) }
        lane.stop()
        await lane.stopped()
        try result.get()
    }

    @Test(arguments: [MediaLegEncryption.dtls, .sdes, .off])
    func anOfferIsRefused(encryption: MediaLegEncryption) async throws {
        try await withoutCertificates { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let alice = try await Wire(lane)
            let told = try exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true)
            #expect(told == .refused(488))
            #expect(relay.counters.refused == 1)
            try exchange.conclude("INVITE", 1, 488, isFirst: true)
            #expect(relay.counters.calls == 0)
        }
    }

    /// An offer in the 2xx is too late to be refused: it goes back without streams, and there is nothing to answer.
    @Test func aLateOfferBringsNoStream() async throws {
        try await withoutCertificates { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            #expect(try exchange.request("INVITE", 1, isFirst: true) == .untouched)
            let offer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            #expect(offer.media.map(\.port) == [0])
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            #expect(
                try exchange.request("ACK", 1, body: Descriptions.plain(alice), context: 0) == .replaced([]))
        }
    }

    /// Calls whose legs are left to the ends are none of its concern.
    @Test func otherCallsAreRelayed() async throws {
        try await withoutCertificates { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            _ = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            await bob.send(packet(1, source: 2), to: try target(offer))
            #expect(await alice.next()?.bytes == packet(1, source: 2))
        }
    }
}
