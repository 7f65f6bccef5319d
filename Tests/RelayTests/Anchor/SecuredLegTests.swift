import CProbe
import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Testing

@testable import Relay

/// Calls whose legs are secured each in its own way.
@Suite(.timeLimit(.minutes(5))) struct SecuredLegTests {
    private let keying: [ByteString] = ["crypto", "fingerprint", "setup", "tls-id"]

    /// A caller in the clear, and a callee that must be encrypted.
    @Test(arguments: [MediaLegEncryption.sdes, .dtls])
    func aPlainCallerAndASecuredCallee(encryption: MediaLegEncryption) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(
                try await Wire(lane), MediaEncryption(.require, by: encryption == .sdes ? .sdes : .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            #expect(offer.media[0].field.transport == (encryption == .sdes ? "RTP/SAVP" : "UDP/TLS/RTP/SAVP"))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            #expect(answer.media[0].field.transport == "RTP/AVP")
            for name in keying { #expect(answer.media[0].attribute(named: name) == nil) }
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

    /// A profile with feedback is offered on where the other leg can have it as it is, and else that without, which all know.
    @Test(arguments: [
        (MediaLegEncryption.dtls, "UDP/TLS/RTP/SAVPF" as ByteString), (.sdes, "RTP/SAVP"), (.off, "RTP/AVP"),
    ])
    func feedbackIsOfferedWhereItIsKnown(encryption: MediaLegEncryption, expected: ByteString) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let alice = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let body = try alice.offer().replacing("/SAVP ", with: "/SAVPF ")
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            #expect(offer.media[0].field.transport == expected)
        }
    }

    /// The end that begins the handshake may do so before its answer has come by the signalling.
    @Test func aHandshakeMayBeginBeforeTheAnswer() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let body = try bob.answer(offer)
            // The flight is sent once, and there is no time to repeat it.
            try await bob.begin(with: try target(offer))
            let answer = try read(exchange.response(200, "INVITE", 1, body: body))
            try await bob.finish()
            await alice.send(packet(1), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(1))
        }
    }

    /// A flight of the relay that is lost comes again, by the clock of its lane.
    @Test func aLostFlightIsRepeated() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            _ = try exchange.response(200, "INVITE", 1, body: bob.answer(offer))
            try await bob.begin(with: try target(offer))
            // What a handshake message is stands behind the head of the record (RFC 6347 §4.3.1): 2 is ServerHello.
            #expect(try #require(await bob.wire.next()).bytes[13] == 2)
            await lane.run { _ in probe_set_clock_ahead(1_100_000) }
            var isRepeated = false
            while !isRepeated { isRepeated = try #require(await bob.wire.next()).bytes[13] == 2 }
            await lane.run { _ in probe_set_clock_ahead(0) }
            try await bob.finish()
        }
    }

    /// An answer in the clear brings no stream to a caller whose callee must encrypt: nothing goes in the clear.
    @Test func anAnswerInTheClearIsNone() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let answer = try read(
                exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob).replacing("AVP 0", with: "SAVP 0")))
            #expect(answer.media.map(\.port) == [0])
            // The transport is that of the offer (RFC 3264 §6).
            #expect(answer.media.map(\.field.transport) == ["RTP/AVP"])
            #expect(relay.counters.refused == 1)
        }
    }

    /// A caller who offers keys and is answered in the clear by its callee has an encrypted leg nevertheless.
    @Test func aSecuredCallerAndACalleeInTheClear() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .off
            let alice = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let bob = try await Wire(lane)
            let offer = try read(exchange.request("INVITE", 1, body: alice.offer(), isFirst: true))
            #expect(offer.media[0].field.transport == "RTP/AVP")
            for name in keying { #expect(offer.media[0].attribute(named: name) == nil) }
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            #expect(answer.media[0].field.transport == "UDP/TLS/RTP/SAVP")
            try alice.take(answer)
            try await alice.agree(with: try target(answer))
            await alice.wire.send(try alice.seal(packet(1)), to: try target(answer))
            #expect(await bob.next()?.bytes == packet(1))
            await bob.send(packet(2, source: 2), to: try target(offer))
            #expect(try alice.open(#require(await alice.wire.next()?.bytes)) == packet(2, source: 2))
            // A callee in the clear cannot have its leg encrypted later on.
            let late = Descriptions.plain(bob).replacing("RTP/AVP", with: "RTP/SAVP")
            #expect(try exchange.request("INVITE", 7, body: late, fromCallee: true) == .refused(488))
        }
    }

    /// A caller in the clear stays so when the callee offers anew, and a callee that was encrypted cannot want it otherwise.
    @Test func legsStayAsTheyAre() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let first = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            _ = try read(exchange.response(200, "INVITE", 1, body: bob.answer(first)))
            try await bob.agree(with: try target(first))
            let again = try read(exchange.request("INVITE", 5, body: bob.offer(), fromCallee: true))
            #expect(again.media[0].field.transport == "RTP/AVP")
            for name in keying { #expect(again.media[0].attribute(named: name) == nil) }
            let answer = try read(
                exchange.response(200, "INVITE", 5, body: Descriptions.plain(alice), fromCallee: true))
            #expect(answer.media[0].field.transport == "RTP/SAVP")
            try bob.take(answer)
            // The key is that of before, and its packets go on.
            await alice.send(packet(1), to: try target(again))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(1))
            let plainly = Descriptions.plain(bob.wire)
            #expect(try exchange.request("INVITE", 6, body: plainly, fromCallee: true) == .refused(488))
            await alice.send(packet(2), to: try target(again))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(2))
        }
    }

    /// What rings is heard by the keys of its provisional answer; the same answer in the 2xx changes neither keys nor what is told.
    @Test func aRepeatedAnswerHasTheSameKeys() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let alice = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: alice.offer(), isFirst: true))
            let body = try bob.answer(offer)
            let early = try exchange.response(183, "INVITE", 1, body: body)
            try alice.take(try read(early))
            try await alice.agree(with: try target(read(early)))
            try await bob.agree(with: try target(offer))
            await bob.wire.send(try bob.seal(packet(1, source: 2)), to: try target(offer))
            #expect(try alice.open(#require(await alice.wire.next()?.bytes)) == packet(1, source: 2))
            #expect(try exchange.response(200, "INVITE", 1, body: body) == early)
            await bob.wire.send(try bob.seal(packet(2, source: 2)), to: try target(offer))
            #expect(try alice.open(#require(await alice.wire.next()?.bytes)) == packet(2, source: 2))
        }
    }

    /// Two who ring behind one branch each have keys of their own; the one that answers is talked to, by those that it had.
    @Test func whoeverAnswersHasItsKeys() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let carol = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let (bobs, carols) = (try bob.answer(offer), try carol.answer(offer))
            let early = try read(exchange.response(183, "INVITE", 1, body: bobs, tag: "b"))
            try await bob.agree(with: try target(offer))
            try await carol.agree(with: try target(offer))
            await alice.send(packet(1), to: try target(early))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(1))
            _ = try exchange.response(183, "INVITE", 1, body: carols, tag: "c")
            await alice.send(packet(2), to: try target(early))
            #expect(try carol.open(#require(await carol.wire.next()?.bytes)) == packet(2))
            _ = try exchange.response(200, "INVITE", 1, body: bobs, tag: "b")
            await alice.send(packet(3), to: try target(early))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(3))
        }
    }

    /// Before there are keys nothing passes, neither to an end that is to be encrypted nor from it.
    @Test func nothingPassesBeforeThereAreKeys() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            await bob.wire.send(packet(9, source: 2), to: try target(offer))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try await bob.agree(with: try target(offer))
            await bob.wire.send(try bob.seal(packet(1, source: 2)), to: try target(offer))
            #expect(await alice.next()?.bytes == packet(1, source: 2))
            await alice.send(packet(2), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(2))
        }
    }

    /// What the relay cannot answer does not go on.
    @Test(arguments: [MediaLegEncryption.off, .sdes, .dtls])
    func anOfferThatCannotBeAnsweredIsRefused(encryption: MediaLegEncryption) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = encryption
            let alice = try await Wire(lane)
            for transport in ["RTP/SAVP", "UDP/TLS/RTP/SAVP", "TCP/RTP/AVP"] {
                let body = Descriptions.plain(alice).replacing("RTP/AVP", with: transport)
                #expect(try exchange.request("INVITE", 1, body: body, isFirst: true) == .refused(488))
            }
        }
    }

    /// What cannot be read could be in the clear.
    @Test func aDescriptionThatCannotBeReadIsRefused() async throws {
        try await withRelay { relay, _ in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            exchange.encryption = .dtls
            let told = try exchange.request("INVITE", 1, body: "v=0\r\nm=nonsense\r\n", isFirst: true)
            #expect(told == .refused(488))
        }
    }

    /// Where phones could reach each other, but the domain wants its legs encrypted, the call goes through the relay.
    @Test func callsToBeSecuredAreAnchored() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            exchange.encryption = .sdes
            let alice = try await Wire(lane)
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            #expect(offer.media[0].field.transport == "RTP/SAVP")
            #expect(exchange.anchor.count == 1)
            // On a way that leads through here twice the second domain cannot have what the first has not.
            exchange.encryption = .dtls
            #expect(
                try exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true, context: 2)
                    == .refused(488))
            exchange.encryption = .sdes
            #expect(
                try exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true, context: 2)
                    == .untouched)
        }
    }

    /// A leg shares its port as its own end wants it, whatever the other does (RFC 5761).
    @Test func eachLegSharesItsPortByItself() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let (alice, control) = (try await Wire(lane), try await Wire(lane))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let body = Descriptions.plain(alice).replacing("a=rtcp-mux", with: "a=rtcp:\(control.address.port)")
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            #expect(!offer.media[0].isRTCPMultiplexed)
            let apart = try bob.answer(offer).replacing("a=rtcp-mux", with: "a=rtcp:\(bob.wire.address.port)")
            let answer = try read(exchange.response(200, "INVITE", 1, body: apart))
            #expect(!answer.media[0].isRTCPMultiplexed)
            try await bob.agree(with: try target(offer))
            let door = try target(offer)
            await bob.wire.send(try bob.sealControl(report(source: 2)), to: door.with(port: door.port + 1))
            #expect(await control.next()?.bytes == report(source: 2))
            let near = try target(answer)
            await control.send(report(), to: near.with(port: near.port + 1))
            #expect(try bob.openControl(#require(await bob.wire.next()?.bytes)) == report())
        }
    }

    /// The handshake with an end that is not the one of the description brings no keys, and is counted.
    @Test func aForeignCertificateBringsNoKeys() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let mallory = try SecuredEnd(bob.wire, MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let answer = try mallory.answer(offer)
            _ = try bob.answer(offer)
            _ = try read(exchange.response(200, "INVITE", 1, body: answer))
            await #expect(throws: (any Error).self) { try await bob.agree(with: try target(offer)) }
            #expect(relay.counters.insecure == 1)
        }
    }

    /// Streams that the relay does not secure keep the fingerprint that the session level has for them.
    @Test func otherStreamsKeepWhatIsSaidOfThem() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .off
            let alice = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let print = "a=fingerprint:sha-256 " + Array(repeating: "AB", count: 32).joined(separator: ":")
            let body = try alice.offer().replacing("t=0 0\r\n", with: "t=0 0\r\n\(print)\r\n")
            let offer = try read(
                exchange.request(
                    "INVITE", 1, body: body + "m=application 4000 UDP/DTLS/SCTP webrtc-datachannel\r\n", isFirst: true))
            #expect(offer.attribute(named: "fingerprint") == nil)
            #expect(offer.media[0].attribute(named: "fingerprint") == nil)
            #expect(offer.media[1].attribute(named: "fingerprint") != nil)
        }
    }
}
