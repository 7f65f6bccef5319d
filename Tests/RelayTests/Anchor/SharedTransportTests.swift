import ICE
import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Testing

@testable import Relay

/// Streams that share a transport, and ends that share a port of the relay.
@Suite(.timeLimit(.minutes(1))) struct SharedTransportTests {
    // MARK: Streams of one transport

    private func pictures(_ end: CheckingEnd, port: UInt16? = nil, _ further: [String] = []) -> [String] {
        ["m=video \(port ?? end.wire.address.port) RTP/AVP 96", "a=mid:1", "a=rtcp-mux"] + end.lines + further
    }

    private func bundled(_ end: CheckingEnd, port: UInt16? = nil, _ further: [String] = []) -> String {
        Descriptions.behindNAT(
            ["a=group:BUNDLE 0 1", "m=audio \(end.wire.address.port) RTP/AVP 0", "a=mid:0", "a=rtcp-mux"] + end.lines
                + pictures(end, port: port, further))
    }

    /// What two ends with ICE bundle goes over one transport on each leg (RFC 9143), whether the offer has a port for all streams or for one.
    @Test(arguments: [false, true])
    func bundledStreamsShareATransport(isBundleOnly: Bool) async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), CheckingEnd(try await Wire(lane)))
            let body =
                isBundleOnly ? bundled(alice, port: 0, ["a=bundle-only"]) : bundled(alice)
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            #expect(offer.description.contains("a=group:BUNDLE 0 1"))
            #expect((offer.media[1].port == 0) == isBundleOnly)
            #expect((offer.media[1].attribute(named: "bundle-only") != nil) == isBundleOnly)
            #expect(!offer.description.contains("192.168.77.1 \(alice.wire.address.port)"))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bundled(bob)))
            #expect(answer.media.map(\.port) == [answer.media[0].port, answer.media[0].port])
            #expect(
                answer.iceCredentials(of: answer.media[0]) == answer.iceCredentials(of: answer.media[1]))
            let (near, far) = (try alice.take(answer), try bob.take(offer))
            try await alice.connect(to: near)
            try await bob.connect(to: far)
            await alice.wire.send(packet(1, source: 1), to: near)
            #expect(await bob.wire.next()?.bytes == packet(1, source: 1))
            await alice.wire.send(packet(1, source: 2), to: near)
            #expect(await bob.wire.next()?.bytes == packet(1, source: 2))
            // A later offer has one transport for both, too.
            let again = try read(exchange.request("INVITE", 2, body: bundled(alice), context: 2))
            #expect(again.media.map(\.port) == [offer.media[0].port, offer.media[0].port])
            #expect(again.iceCredentials(of: again.media[1]) == offer.iceCredentials(of: offer.media[0]))
            _ = try read(exchange.response(200, "INVITE", 2, body: bundled(bob), context: 2))
            await bob.wire.send(packet(2, source: 9), to: far)
            #expect(await alice.wire.next()?.bytes == packet(2, source: 9))
        }
    }

    /// Who does not bundle has a port for each stream, and the end that would have has a transport for each.
    @Test func aPhoneDoesNotBundle() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = CheckingEnd(try await Wire(lane))
            let (sound, screen) = (try await Wire(lane), try await Wire(lane))
            _ = try read(exchange.request("INVITE", 1, body: bundled(alice), isFirst: true))
            let body = Exchange.description(
                "127.0.0.1", "m=audio \(sound.address.port) RTP/AVP 0", "a=rtcp-mux",
                "m=video \(screen.address.port) RTP/AVP 96", "a=rtcp-mux")
            let answer = try read(exchange.response(200, "INVITE", 1, body: body))
            #expect(answer.bundles == [[0]])
            #expect(answer.media[0].identification == "0")
            #expect(
                answer.iceCredentials(of: answer.media[0]) != answer.iceCredentials(of: answer.media[1]))
            let other = CheckingEnd(try await Wire(lane))
            let door = try other.take(answer, 1)
            try await other.connect(to: door)
            await other.wire.send(packet(3), to: door)
            #expect(await screen.next()?.bytes == packet(3))
        }
    }

    /// A page that wants all in one group is offered one (RFC 8829 §4.1.1), by the tag that it has given the stream.
    @Test func aBrowserIsOfferedAGroupOfOne() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .auto
            exchange.departure = Exchange.flow("127.0.0.1:5064", transport: .ws)
            let (alice, wire) = (try await Wire(lane), try await Wire(lane))
            let keys = try SecuredEnd(wire, MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            #expect(offer.bundles == [[0]] && offer.media[0].identification == "0")
            let body =
                try keys.answer(offer).replacing("t=0 0\r\n", with: "t=0 0\r\na=group:BUNDLE 0\r\n") + "a=mid:0\r\n"
                + CheckingEnd(wire).lines.map { $0 + "\r\n" }.joined()
            let answer = try read(exchange.response(200, "INVITE", 1, body: body))
            #expect(answer.bundles.isEmpty)
        }
    }

    // MARK: The shared port

    /// Ends with a part in ICE share a port, and are told apart by what they were told and where they are.
    @Test func onePortForAll() async throws {
        try await withRelay { relay, lane in
            let first = Exchange(relay)
            var second = first
            second.callID = "second"
            let (alice, anna) = (CheckingEnd(try await Wire(lane)), CheckingEnd(try await Wire(lane)))
            let (bob, ben) = (try await Wire(lane), try await Wire(lane))
            _ = try read(first.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            _ = try read(second.request("INVITE", 1, body: Descriptions.audio(anna), isFirst: true))
            let door = try alice.take(read(first.response(200, "INVITE", 1, body: Descriptions.plain(bob))))
            #expect(try anna.take(read(second.response(200, "INVITE", 1, body: Descriptions.plain(ben)))) == door)
            try await alice.connect(to: door)
            try await anna.connect(to: door)
            await alice.wire.send(packet(1), to: door)
            #expect(await bob.next()?.bytes == packet(1))
            await anna.wire.send(packet(2), to: door)
            #expect(await ben.next()?.bytes == packet(2))
            // Strangers are for nobody.
            let mallory = try await Wire(lane)
            await mallory.send(packet(3), to: door)
            // What one has proven does not become another's, who would hear what is not for him.
            let greedy = CheckingEnd(alice.wire)
            greedy.told = anna.told
            try await greedy.connect(to: door)
            await alice.wire.send(packet(4), to: door)
            #expect(await bob.next()?.bytes == packet(4))
            let shared = try relay.door(of: relay.nextLane(), near: .loopback())
            #expect(shared.localAddress == door)
            #expect(await lane.run { _ in shared.strangers } == 1)
            try first.conclude("BYE", 2, 200)
            try second.conclude("BYE", 2, 200)
            let load = await lane.run { _ in shared.load }
            #expect(load == (0, 0))
        }
    }

    /// What strangers throw at the shared port, and at one of its calls, takes nothing from the others there.
    @Test func aFloodOnTheSharedPortDisturbsNoOtherCall() async throws {
        try await withRelay { relay, lane in
            let far = try Lane(name: "ends")
            var (quiet, flooded) = (Exchange(relay), Exchange(relay))
            quiet.callID = "quiet"
            flooded.callID = "flooded"
            let (alice, bob) = (CheckingEnd(try await Wire(far)), try await Wire(far))
            let (carol, dave) = (CheckingEnd(try await Wire(far)), try await Wire(far))
            let toBob = try read(quiet.request("INVITE", 1, body: Descriptions.audio(alice), isFirst: true))
            let door = try alice.take(read(quiet.response(200, "INVITE", 1, body: Descriptions.plain(bob))))
            _ = try read(flooded.request("INVITE", 1, body: Descriptions.audio(carol), isFirst: true))
            #expect(try carol.take(read(flooded.response(200, "INVITE", 1, body: Descriptions.plain(dave)))) == door)
            try await alice.connect(to: door)
            try await carol.connect(to: door)
            let mallory = CheckingEnd(try await Wire(far))
            let told = try #require(carol.told)
            mallory.told = ICEParameters(fragment: told.fragment, password: [UInt8]("xxxxxxxxxxxxxxxxxxxxxx".utf8))
            let rounds = 100 as UInt8
            for number in 1...rounds {
                // No more at once than the smallest buffer holds: what the kernel has no room for is not the relay's.
                await mallory.wire.send(packet(66, [UInt8](repeating: 0x55, count: 160)), count: 64, to: door)
                await mallory.wire.send(try mallory.check(), count: 8, to: door)
                // Whoever calls undisturbed hears every packet, in order.
                await alice.wire.send(packet(number), to: door)
                #expect(await bob.next()?.bytes == packet(number))
                await bob.send(packet(number, source: 2), to: try target(toBob))
                #expect(await alice.wire.next()?.bytes == packet(number, source: 2))
            }
            // Checks of the other call are looked at, whatever comes for this one.
            try await alice.connect(to: door)
            await carol.wire.send(packet(201), to: door)
            #expect(await dave.next()?.bytes == packet(201))
            let calls = await relay.relayedCalls(limit: 2)
            let counted = try ["quiet", "flooded"].map { name in
                try #require(calls.first { $0.callID == Array(name.utf8) }?.streams.first).caller.counters
            }
            #expect(await relay.strangers() == UInt64(rounds) * 64)
            #expect(counted[0].unproven == 0 && counted[0].refused == 0 && counted[0].checks == 2)
            #expect(counted[0].received == UInt64(rounds) && counted[1].received == 1)
            // Those for this one are forged, or too many to be looked at.
            #expect(counted[1].unproven + counted[1].refused == UInt64(rounds) * 8 && counted[1].checks == 1)
            #expect(counted[1].unproven >= UInt64(LiteResponder.checksPerSecond - 1))
            far.stop()
            await far.stopped()
        }
    }

    /// A call that comes back as another one has the port of the first, and is no less another one for that.
    @Test func anotherCallByTheSharedPortIsAnotherCall() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            exchange.departure = Exchange.flow("127.0.0.1:5064", transport: .wss)
            let alice = try await Wire(lane)
            guard
                case .replaced(let once) = try exchange.request(
                    "INVITE", 1, body: Descriptions.plain(alice), isFirst: true)
            else {
                Issue.record("not anchored")
                return
            }
            let told = String(decoding: once, as: UTF8.self)
            // The same call once more is left alone.
            #expect(try exchange.request("INVITE", 1, body: told, isFirst: true, context: 2) == .untouched)
            var other = exchange
            other.callID = "other"
            let again = try read(other.request("INVITE", 1, body: told, isFirst: true))
            let before = try SessionDescription(parsing: once)
            #expect(again.media[0].port == before.media[0].port)
            #expect(again.iceCredentials(of: again.media[0]) != before.iceCredentials(of: before.media[0]))
        }
    }

    /// Who was offered ICE over WebSocket and has none is found behind the shared port by what his description says.
    @Test func behindTheSharedPortWithoutICE() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            exchange.departure = Exchange.flow("127.0.0.1:5064", transport: .wss)
            let alice = try await Wire(lane)
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            _ = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try await bob.agree(with: try target(offer))
            await bob.wire.send(try bob.seal(packet(1, source: 2)), to: try target(offer))
            #expect(await alice.next()?.bytes == packet(1, source: 2))
        }
    }

    /// A page that sends all by one transport speaks with a phone that has one for each stream: what comes is parted by payload type, and
    /// RTCP by the source that was heard.
    @Test func aBundleIsPartedForAPhone() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .auto
            exchange.arrival = Exchange.flow("127.0.0.1:5062", transport: .wss)
            let wire = try await Wire(lane)
            let alice = CheckingEnd(wire)
            let keys = try SecuredEnd(wire, MediaEncryption(.require, by: .dtls))
            let (sound, screen) = (try await Wire(lane), try await Wire(lane))
            let body =
                try keys.offer().replacing("t=0 0\r\n", with: "t=0 0\r\na=group:BUNDLE a v\r\n") + "a=mid:a\r\n"
                + alice.lines.map { $0 + "\r\n" }.joined()
                + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=bundle-only\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            #expect(offer.bundles.isEmpty && !offer.description.contains("bundle-only"))
            #expect(offer.media.map(\.field.transport) == ["RTP/AVP", "RTP/AVP"])
            #expect(offer.media[1].port != 0 && offer.media[1].port != offer.media[0].port)
            let phone = Exchange.description(
                "127.0.0.1", "m=audio \(sound.address.port) RTP/AVP 0", "a=rtcp-mux",
                "m=video \(screen.address.port) RTP/AVP 96", "a=rtcp-mux")
            let answer = try read(exchange.response(200, "INVITE", 1, body: phone))
            #expect(answer.bundles == [[0, 1]])
            #expect(answer.media.map(\.port) == [answer.media[0].port, answer.media[0].port])
            for name in ["ice-ufrag", "fingerprint", "tls-id", "setup"] as [ByteString] {
                #expect(answer.media[0].attribute(named: name) == answer.media[1].attribute(named: name))
            }
            let door = try alice.take(answer)
            try keys.take(answer)
            try await alice.connect(to: door)
            try await keys.agree(with: door)
            var picture = packet(1, source: 7)
            picture[1] = 96
            await wire.send(try keys.seal(packet(1)), to: door)
            #expect(await sound.next()?.bytes == packet(1))
            await wire.send(try keys.seal(picture), to: door)
            #expect(await screen.next()?.bytes == picture)
            await wire.send(try keys.sealControl(report(source: 7)), to: door)
            #expect(await screen.next()?.bytes == report(source: 7))
            await wire.send(try keys.sealControl(report(source: 1)), to: door)
            #expect(await sound.next()?.bytes == report(source: 1))
            var shown = packet(1, source: 9)
            shown[1] = 96
            await screen.send(shown, to: try target(offer, 1))
            #expect(try keys.open(#require(await wire.next()?.bytes)) == shown)
            await sound.send(packet(2, source: 8), to: try target(offer))
            #expect(try keys.open(#require(await wire.next()?.bytes)) == packet(2, source: 8))
            // The phone offers anew: the page has its group still, and no other handshake.
            let again = try read(exchange.request("INVITE", 3, body: phone, fromCallee: true, context: 3))
            #expect(again.bundles == [[0, 1]] && again.media[1].port == again.media[0].port)
            #expect(again.media.map(\.identification) == ["a", "v"])
            #expect(again.media[1].tlsIdentifier == answer.media[0].tlsIdentifier)
            let answered =
                try keys.answer(again).replacing("t=0 0\r\n", with: "t=0 0\r\na=group:BUNDLE a v\r\n") + "a=mid:a\r\n"
                + alice.lines.map { $0 + "\r\n" }.joined()
                + "m=video \(wire.address.port) UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtcp-mux\r\n"
            let told = try read(exchange.response(200, "INVITE", 3, body: answered, fromCallee: true, context: 3))
            #expect(told.bundles.isEmpty && told.media[1].port == offer.media[1].port)
            picture[3] = 2
            await wire.send(try keys.seal(picture), to: door)
            #expect(await screen.next()?.bytes == picture)
            #expect(relay.counters.insecure == 0)
        }
    }

    @Test func sourcesOfABundleAreBounded() throws {
        var bundle = LegBundle()
        let leg = RelayLeg(.rtp, isSecured: true, now: 0, onInsecurity: { _ in })
        bundle.add(leg, [96])
        for source in 0..<UInt32(2 * LegBundle.sourceLimit) {
            let found = bundle.leg(96, source: source, isControl: false)
            #expect(found === leg)
        }
        #expect(bundle.count == LegBundle.sourceLimit)
        let known = bundle.leg(200, source: 1, isControl: true)
        #expect(known === leg)
        let beyond = bundle.leg(200, source: UInt32(LegBundle.sourceLimit), isControl: true)
        #expect(beyond == nil)
        let other = bundle.leg(0, source: 999, isControl: false)
        #expect(other == nil)
        bundle.remove(leg)
        #expect(bundle.count == 0 && bundle.all.isEmpty)
    }
}
