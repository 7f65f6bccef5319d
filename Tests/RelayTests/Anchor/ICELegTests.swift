import CProbe
import ICE
import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Testing

@testable import Relay

/// Ends with a part in ICE, as browsers have: their checks say where they are, and nothing else does.
@Suite(.timeLimit(.minutes(1))) struct ICELegTests {
    /// Both ends check, each the relay; what it told them is apart.
    @Test func bothEndsCheckTheRelay() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), CheckingEnd(try await Wire(lane)))
            bob.own = ICEParameters(fragment: [UInt8]("bobs".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            let callee = try bob.take(offer)
            #expect(try callee == target(offer))
            #expect(offer.media[0].candidates.count == 1 && offer.media[0].endsCandidates)
            #expect(offer.iceOptions == ["ice2"])
            // Bob is faster than his answer.
            try await bob.connect(to: callee)
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.audio(bob)))
            let caller = try alice.take(answer)
            #expect(alice.told != bob.told)
            try await alice.connect(to: caller)
            await alice.wire.send(packet(1), to: caller)
            #expect(await bob.wire.next()?.bytes == packet(1))
            await bob.wire.send(packet(2, source: 2), to: callee)
            #expect(await alice.wire.next()?.bytes == packet(2, source: 2))
        }
    }

    /// A phone that knows nothing of ICE is found by its description, as ever.
    @Test func oneEndChecks() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = CheckingEnd(try await Wire(lane))
            let bob = try await Wire(lane)
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            // He may be heard before he has answered.
            await bob.send(packet(7, source: 2), to: try target(offer))
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            let caller = try alice.take(answer)
            try await alice.connect(to: caller)
            await bob.send(packet(2, source: 2), to: try target(offer))
            #expect(await alice.wire.next()?.bytes == packet(2, source: 2))
            await alice.wire.send(packet(1), to: caller)
            #expect(await bob.next()?.bytes == packet(1))
        }
    }

    /// What the relay says of ICE is said to those who speak of it.
    @Test func whoSaysNothingIsToldNothing() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = try await Wire(lane)
            let bob = CheckingEnd(try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            #expect(!offer.description.contains("ice-") && !offer.description.contains("candidate"))
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.audio(bob)))
            #expect(!answer.description.contains("ice-") && !answer.description.contains("candidate"))
        }
    }

    /// Two lite ends would wait for each other: such a one is found by its description.
    @Test func aLiteEndIsFoundByItsDescription() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = CheckingEnd(try await Wire(lane))
            let bob = try await Wire(lane)
            let body =
                Exchange.description(
                    "127.0.0.1", "m=audio \(alice.wire.address.port) RTP/AVP 0", "a=rtcp-mux"
                ).replacing("t=0 0\r\n", with: "t=0 0\r\na=ice-lite\r\n") + alice.lines.map { $0 + "\r\n" }.joined()
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            #expect(!answer.description.contains("ice-"))
            await bob.send(packet(2, source: 2), to: try target(offer))
            #expect(await alice.wire.next()?.bytes == packet(2, source: 2))
        }
    }

    /// RTCP with a port of its own is a component of its own (RFC 8445 §4).
    @Test func controlIsAComponent() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = CheckingEnd(try await Wire(lane))
            let control = CheckingEnd(try await Wire(lane))
            let bob = try await Wire(lane)
            _ = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice, []), isFirst: true))
            let answer = try read(
                exchange.response(
                    200, "INVITE", 1,
                    body: Exchange.description(
                        "127.0.0.1", "m=audio \(bob.address.port) RTP/AVP 0", "a=rtcp:\(bob.address.port)")))
            let media = try alice.take(answer)
            let door = try control.take(answer, component: 2)
            #expect(door.port == media.port + 1)
            try await alice.connect(to: media)
            try await control.connect(to: door)
            await control.wire.send(report(), to: door)
            #expect(await bob.next()?.bytes == report())
            // What was proven for one component is not for the other.
            await alice.wire.send(report(source: 9), to: door)
            await control.wire.send(report(source: 2), to: door)
            #expect(await bob.next()?.bytes == report(source: 2))
        }
    }

    /// Whoever has not proven to be the end is not heard, whatever he sends, and nothing is sent to him; all of it is counted.
    @Test func strangersTakeNothingOver() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), try await Wire(lane))
            let mallory = CheckingEnd(try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            let door = try alice.take(answer)
            // From the very host, with the very source.
            for number in 1...10 { await mallory.wire.send(packet(UInt8(number)), to: door) }
            let told = try #require(alice.told)
            mallory.told = ICEParameters(fragment: told.fragment, password: [UInt8]("xxxxxxxxxxxxxxxxxxxxxx".utf8))
            for _ in 0..<3 { await mallory.wire.send(try mallory.check(), to: door) }
            // For nobody, and cut short.
            mallory.told = ICEParameters(fragment: [UInt8]("nobody".utf8), password: told.password)
            await mallory.wire.send(try mallory.check(), to: door)
            await mallory.wire.send(try alice.check().dropLast(4), to: door)
            // Bent on the way.
            var bent = try alice.check()
            bent[bent.count - 1] ^= 1
            await alice.wire.send(bent, to: door)
            let check = try alice.check()
            await alice.wire.send(check, to: door)
            _ = await alice.wire.next()
            // A copy of what was proven is none.
            await mallory.wire.send(check, to: door)
            await mallory.wire.send(packet(20), to: door)
            await alice.wire.send(packet(21), to: door)
            #expect(await bob.next()?.bytes == packet(21))
            await bob.send(packet(2, source: 2), to: try target(offer))
            #expect(await alice.wire.next()?.bytes == packet(2, source: 2))
            let caller = try #require(await relay.relayedCalls(limit: 1).first?.streams.first).caller.counters
            #expect(caller.unproven == 3 + 1 + 1 && caller.checks == 1 && caller.received == 1)
            #expect(caller.malformed == 0 && caller.refused == 0)
            #expect(await relay.strangers() == 10 + 2 + 1)
        }
    }

    /// The end goes to another network, and says so by a restart.
    @Test func aRestartMovesTheMedia() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            let door = try alice.take(answer)
            try await alice.connect(to: door)
            let moved = CheckingEnd(try await Wire(lane))
            moved.own = ICEParameters(fragment: [UInt8]("moved".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
            _ = try read(exchange.request("INVITE", 2, body: Descriptions.audio(moved), context: 2))
            let again = try read(exchange.response(200, "INVITE", 2, body: Descriptions.plain(bob), context: 2))
            #expect(try moved.take(again) == door)
            #expect(moved.told != alice.told)
            // Until there is a new pair the old one is in use.
            await bob.send(packet(2, source: 2), to: try target(offer))
            #expect(await alice.wire.next()?.bytes == packet(2, source: 2))
            try await moved.connect(to: door)
            await bob.send(packet(3, source: 2), to: try target(offer))
            #expect(await moved.wire.next()?.bytes == packet(3, source: 2))
            await alice.wire.send(packet(4), to: door)
            await moved.wire.send(packet(5), to: door)
            #expect(await bob.next()?.bytes == packet(5))
            // The same credentials in a later offer are no restart.
            _ = try read(exchange.request("INVITE", 3, body: Descriptions.audio(moved), context: 3))
            let third = try read(exchange.response(200, "INVITE", 3, body: Descriptions.plain(bob), context: 3))
            let before = moved.told
            try moved.take(third)
            #expect(moved.told == before)
        }
    }

    /// An offer that fails changes nothing of ICE either.
    @Test func aRestartThatIsRefusedIsNone() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), try await Wire(lane))
            _ = try read(exchange.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            let door = try alice.take(read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob))))
            let told = alice.told
            let own = alice.own
            alice.own = ICEParameters(fragment: [UInt8]("more".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
            _ = try read(exchange.request("INVITE", 2, body: Descriptions.audio(alice), context: 2))
            try exchange.conclude("INVITE", 2, 488)
            alice.own = own
            try await alice.connect(to: door)
            #expect(alice.told == told)
        }
    }

    /// Who does not check the way any more has gone: nothing is sent there.
    @Test func whoFallsSilentIsNotSentAnything() async throws {
        let lane = try Lane(name: "relay-test")
        let bridge = MediaBridge(
            on: RelayLane(lane), callID: [], report: { _ in }, patience: .seconds(600), heldPatience: .seconds(600),
            onSilence: { _ in }, onLoss: { _ in }, onFailure: { _ in }, onInsecurity: { _ in })
        let relay = MediaRelay(lanes: [lane], RelayConfiguration())
        let (alice, bob) = (CheckingEnd(try await Wire(lane)), try await Wire(lane))
        let near = try relay.bind(.rtp, near: .loopback(), isVideo: false)
        let far = try relay.bind(.rtp, near: .loopback(), isVideo: false)
        let (door, other) = (TransportAddress.loopback(port: near.port), TransportAddress.loopback(port: far.port))
        bridge.open(0, .rtp, caller: near, callee: far, isSecured: false)
        let told = ICEParameters(fragment: [UInt8]("relay".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
        alice.told = told
        var remote = LegRemote(isMultiplexed: true)
        remote.ice = LegICE(local: told, remoteFragment: alice.own.fragment)
        bridge.signal(remote, of: .caller, 0)
        bridge.signal(LegRemote(media: bob.address, isMultiplexed: true), of: .callee, 0)
        try await alice.connect(to: door)
        await bob.send(packet(1, source: 2), to: other)
        #expect(await alice.wire.next()?.bytes == packet(1, source: 2))
        await lane.run { lane in
            bridge.sweep(at: lane.turnTime + Int64(LiteResponder.consentTime / .nanoseconds(1)))
        }
        await alice.wire.send(packet(2), to: door)
        await bob.send(packet(3, source: 2), to: other)
        try await alice.connect(to: door)
        await alice.wire.send(packet(4), to: door)
        #expect(await bob.next()?.bytes == packet(4))
        await bob.send(packet(5, source: 2), to: other)
        #expect(await alice.wire.next()?.bytes == packet(5, source: 2))
        let counted = try #require(await lane.run { _ in bridge.counted.first })
        #expect(counted.caller.counters.lapsed == 1 && counted.caller.counters.checks == 2)
        #expect(counted.caller.counters.refused == 1 && counted.callee.counters.undirected == 1)
        bridge.close()
        lane.stop()
        await lane.stopped()
    }

    /// Between browsers and phones: a browser is offered what it needs, and nothing of that reaches the phone.
    @Test(arguments: [MediaLegEncryption.dtls, .auto])
    func aPhoneCallsABrowser(encryption: MediaLegEncryption) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            exchange.encryption = encryption
            exchange.departure = Exchange.flow("127.0.0.1:5064", transport: .wss)
            let alice = try await Wire(lane)
            let wire = try await Wire(lane)
            let bob = CheckingEnd(wire)
            let keys = try SecuredEnd(wire, MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            #expect(offer.media[0].field.transport == "UDP/TLS/RTP/SAVPF")
            #expect(offer.media[0].isRTCPMultiplexed)
            #expect(offer.media[0].attribute(named: "setup")?.value == "actpass")
            for name in ["fingerprint", "tls-id"] as [ByteString] {
                #expect(offer.media[0].attribute(named: name) != nil)
            }
            let door = try bob.take(offer)
            let feedback = "a=rtcp-fb:0 nack\r\n"
            let answered = try keys.answer(offer) + bob.lines.map { $0 + "\r\n" }.joined() + feedback
            let answer = try read(exchange.response(200, "INVITE", 1, body: answered))
            #expect(answer.media[0].field.transport == "RTP/AVP")
            for gone in ["ice-", "candidate", "fingerprint", "setup", "tls-id", "rtcp-fb"] {
                #expect(!answer.description.contains(gone))
            }
            try await bob.connect(to: door)
            try await keys.agree(with: door)
            await wire.send(try keys.seal(packet(1, source: 2)), to: door)
            #expect(await alice.next()?.bytes == packet(1, source: 2))
            await alice.send(packet(2), to: try target(answer))
            #expect(try keys.open(#require(await wire.next()?.bytes)) == packet(2))
        }
    }

    @Test(arguments: [MediaLegEncryption.off, .auto])
    func aBrowserCallsAPhone(encryption: MediaLegEncryption) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            exchange.encryption = encryption
            exchange.arrival = Exchange.flow("127.0.0.1:5062", transport: .wss)
            let wire = try await Wire(lane)
            let alice = CheckingEnd(wire)
            let keys = try SecuredEnd(wire, MediaEncryption(.require, by: .dtls))
            let bob = try await Wire(lane)
            let body =
                try keys.offer().replacing("/SAVP ", with: "/SAVPF ")
                // It has no address yet.
                .replacing("c=IN IP4 127.0.0.1", with: "c=IN IP4 0.0.0.0")
                + alice.lines.map { $0 + "\r\n" }.joined() + "a=rtcp-fb:0 nack\r\n"
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            #expect(offer.media[0].field.transport == "RTP/AVP")
            for gone in ["ice-", "candidate", "fingerprint", "setup", "tls-id", "rtcp-fb", "0.0.0.0"] {
                #expect(!offer.description.contains(gone))
            }
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            #expect(answer.media[0].field.transport == "UDP/TLS/RTP/SAVPF")
            #expect(answer.media[0].attribute(named: "setup")?.value == "passive")
            let door = try alice.take(answer)
            try keys.take(answer)
            try await alice.connect(to: door)
            try await keys.agree(with: door)
            await wire.send(try keys.seal(packet(1)), to: door)
            #expect(await bob.next()?.bytes == packet(1))
            await bob.send(packet(2, source: 2), to: try target(offer))
            #expect(try keys.open(#require(await wire.next()?.bytes)) == packet(2, source: 2))
            // Another address in a later offer is no reason for another handshake: checks find it.
            let moved =
                try keys.offer().replacing("/SAVP ", with: "/SAVPF ")
                .replacing("c=IN IP4 127.0.0.1", with: "c=IN IP4 127.0.0.9")
                + alice.lines.map { $0 + "\r\n" }.joined()
            _ = try read(exchange.request("INVITE", 2, body: moved, context: 2))
            let again = try read(exchange.response(200, "INVITE", 2, body: Descriptions.plain(bob), context: 2))
            #expect(again.media[0].tlsIdentifier == answer.media[0].tlsIdentifier)
            await wire.send(try keys.seal(packet(3)), to: door)
            #expect(await bob.next()?.bytes == packet(3))
        }
    }

    /// Where both ends are browsers, or neither is, `auto` leaves keys to them; and the call finds its way without the relay.
    @Test(arguments: [true, false])
    func autoIsForOneBrowser(isBrowser: Bool) async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .auto
            let transport: TransportName = isBrowser ? .wss : .udp
            exchange.arrival = Exchange.flow("127.0.0.1:5062", transport: transport)
            exchange.departure = Exchange.flow("127.0.0.1:5064", transport: transport)
            let wire = try await Wire(lane)
            let keys = try SecuredEnd(wire, MediaEncryption(.require, by: .dtls))
            let lines = isBrowser ? CheckingEnd(wire).lines.map { $0 + "\r\n" }.joined() : ""
            let body = try keys.offer() + lines
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            let prints = try SessionDescription(parsing: Array(body.utf8)).media[0].attributes(named: "fingerprint")
            #expect(offer.media[0].attributes(named: "fingerprint") == prints)
            var other = exchange
            other.callID = "other"
            other.mode = .auto
            let untouched = try other.request("INVITE", 1, body: body, isFirst: true) == .untouched
            #expect(untouched)
        }
    }
}
