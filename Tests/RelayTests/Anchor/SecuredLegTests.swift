import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Testing

@testable import Relay

/// Calls whose legs are secured each in its own way.
@Suite(.timeLimit(.minutes(1))) struct SecuredLegTests {
    private func withRelay(_ body: (MediaRelay, Lane) async throws -> Void) async throws {
        let lane = try Lane(name: "relay-test")
        do {
            try await body(MediaRelay(lanes: [lane], RelayConfiguration()), lane)
        } catch {
            lane.stop()
            await lane.stopped()
            throw error
        }
        lane.stop()
        await lane.stopped()
    }

    private func read(_ body: AnchoredBody) throws -> SessionDescription {
        guard case .replaced(let bytes) = body else { throw Missing(body: body) }
        return try SessionDescription(parsing: bytes)
    }

    private struct Missing: Error {
        let body: AnchoredBody
    }

    private func target(_ description: SessionDescription) throws -> TransportAddress {
        let address = try #require(description.connection(of: description.media[0])?.address)
        return try #require(address.transportAddress(port: description.media[0].port))
    }

    private func plain(_ wire: Wire) -> String {
        Exchange.description("127.0.0.1", "m=audio \(wire.address.port) RTP/AVP 0", "a=rtcp-mux")
    }

    /// A caller in the clear, and a callee that must be encrypted.
    @Test(arguments: [MediaLegEncryption.sdes, .dtls])
    func aPlainCallerAndASecuredCallee(encryption: MediaLegEncryption) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: encryption == .sdes ? .sdes : .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: plain(alice), isFirst: true))
            #expect(offer.media[0].field.transport == (encryption == .sdes ? "RTP/SAVP" : "UDP/TLS/RTP/SAVP"))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            #expect(answer.media[0].field.transport == "RTP/AVP")
            for name in ["crypto", "fingerprint", "setup"] as [ByteString] {
                #expect(answer.media[0].attribute(named: name) == nil)
            }
            try await bob.agree(with: try target(offer))
            await bob.wire.send(try bob.seal(packet(1, source: 2)), to: try target(offer))
            #expect(await alice.next()?.bytes == packet(1, source: 2))
            await alice.send(packet(2), to: try target(answer))
            let heard = try #require(await bob.wire.next()?.bytes)
            #expect(heard != packet(2))
            #expect(try bob.open(heard) == packet(2))
        }
    }

    /// Keys in the descriptions on one side, a handshake on the other.
    @Test func twoWaysToKeys() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            let alice = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: alice.offer(), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try alice.take(answer)
            try await alice.agree(with: try target(answer))
            try await bob.agree(with: try target(offer))
            await bob.wire.send(try bob.seal(packet(1, source: 2)), to: try target(offer))
            #expect(try alice.open(#require(await alice.wire.next()?.bytes)) == packet(1, source: 2))
            await alice.wire.send(try alice.seal(packet(2)), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(2))
        }
    }

    /// Who does not have the keys is not heard, and takes nothing over.
    @Test func forgeriesAreDropped() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let (alice, mallory) = (try await Wire(lane), try await Wire(lane))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: plain(alice), isFirst: true))
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
            await bob.wire.send(try bob.seal(packet(2, source: 2)), to: door)
            #expect(await alice.next()?.bytes == packet(2, source: 2))
            await alice.send(packet(3), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(3))
        }
    }

    /// An answer in the clear brings no stream to a caller who was promised none else: nothing goes in the clear.
    @Test func anAnswerInTheClearIsNone() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try read(exchange.request("INVITE", 1, body: plain(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: plain(bob)))
            #expect(answer.media.allSatisfy { $0.port == 0 })
            #expect(relay.counters.refused == 1)
        }
    }
}
