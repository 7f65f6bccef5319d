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

    private func target(_ description: SessionDescription, _ index: Int = 0) throws -> TransportAddress {
        let media = description.media[index]
        let address = try #require(description.connection(of: media)?.address)
        return try #require(address.transportAddress(port: media.port))
    }

    private func audio(_ end: CheckingEnd, _ further: [String] = ["a=rtcp-mux"]) -> String {
        description(["m=audio \(end.wire.address.port) RTP/AVP 0"] + end.lines + further)
    }

    private func description(_ lines: [String]) -> String {
        (["v=0", "o=- 1 1 IN IP4 192.168.77.1", "s=-", "c=IN IP4 192.168.77.1", "t=0 0"] + lines)
            .map { $0 + "\r\n" }.joined()
    }

    private func plain(_ wire: Wire) -> String {
        Exchange.description("127.0.0.1", "m=audio \(wire.address.port) RTP/AVP 0", "a=rtcp-mux")
    }

    /// Both ends check, each the relay; what it told them is apart.
    @Test func bothEndsCheckTheRelay() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), CheckingEnd(try await Wire(lane)))
            bob.own = ICEParameters(fragment: [UInt8]("bobs".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            let callee = try bob.take(offer)
            #expect(try callee == target(offer))
            #expect(offer.media[0].candidates.count == 1 && offer.media[0].endsCandidates)
            #expect(offer.iceOptions == ["ice2"])
            // Bob is faster than his answer.
            try await bob.connect(to: callee)
            let answer = try read(exchange.response(200, "INVITE", 1, body: audio(bob)))
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
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            // He may be heard before he has answered.
            await bob.send(packet(7, source: 2), to: try target(offer))
            let answer = try read(exchange.response(200, "INVITE", 1, body: plain(bob)))
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
            let offer = try read(exchange.request("INVITE", 1, body: plain(alice), isFirst: true))
            #expect(!offer.description.contains("ice-") && !offer.description.contains("candidate"))
            let answer = try read(exchange.response(200, "INVITE", 1, body: audio(bob)))
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
            let answer = try read(exchange.response(200, "INVITE", 1, body: plain(bob)))
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
            _ = try read(exchange.request("INVITE", 1, body: audio(alice, []), isFirst: true))
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

    /// Whoever has not proven to be the end is not heard, whatever he sends, and nothing is sent to him.
    @Test func strangersTakeNothingOver() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), try await Wire(lane))
            let mallory = CheckingEnd(try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: plain(bob)))
            let door = try alice.take(answer)
            // From the very host, with the very source.
            for number in 1...10 { await mallory.wire.send(packet(UInt8(number)), to: door) }
            let told = try #require(alice.told)
            mallory.told = ICEParameters(fragment: told.fragment, password: [UInt8]("xxxxxxxxxxxxxxxxxxxxxx".utf8))
            for _ in 0..<3 { await mallory.wire.send(try mallory.check(), to: door) }
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
        }
    }

    /// The end goes to another network, and says so by a restart.
    @Test func aRestartMovesTheMedia() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(lane)), try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: plain(bob)))
            let door = try alice.take(answer)
            try await alice.connect(to: door)
            let moved = CheckingEnd(try await Wire(lane))
            moved.own = ICEParameters(fragment: [UInt8]("moved".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
            _ = try read(exchange.request("INVITE", 2, body: audio(moved), context: 2))
            let again = try read(exchange.response(200, "INVITE", 2, body: plain(bob), context: 2))
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
            _ = try read(exchange.request("INVITE", 3, body: audio(moved), context: 3))
            let third = try read(exchange.response(200, "INVITE", 3, body: plain(bob), context: 3))
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
            _ = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            let door = try alice.take(read(exchange.response(200, "INVITE", 1, body: plain(bob))))
            let told = alice.told
            let own = alice.own
            alice.own = ICEParameters(fragment: [UInt8]("more".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
            _ = try read(exchange.request("INVITE", 2, body: audio(alice), context: 2))
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
            let offer = try read(exchange.request("INVITE", 1, body: plain(alice), isFirst: true))
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
            let answer = try read(exchange.response(200, "INVITE", 1, body: plain(bob)))
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
            let again = try read(exchange.response(200, "INVITE", 2, body: plain(bob), context: 2))
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

    // MARK: Streams of one transport

    private func pictures(_ end: CheckingEnd, port: UInt16? = nil, _ further: [String] = []) -> [String] {
        ["m=video \(port ?? end.wire.address.port) RTP/AVP 96", "a=mid:1", "a=rtcp-mux"] + end.lines + further
    }

    private func bundled(_ end: CheckingEnd, port: UInt16? = nil, _ further: [String] = []) -> String {
        description(
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
            let offer = try read(exchange.request("INVITE", 1, body: plain(alice), isFirst: true))
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
            _ = try read(first.request("INVITE", 1, body: audio(alice), isFirst: true))
            _ = try read(second.request("INVITE", 1, body: audio(anna), isFirst: true))
            let door = try alice.take(read(first.response(200, "INVITE", 1, body: plain(bob))))
            #expect(try anna.take(read(second.response(200, "INVITE", 1, body: plain(ben)))) == door)
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

    /// A packet takes no memory by the shared port either.
    @Test(.enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"))
    func aPacketAllocatesNothing() async throws {
        try await withRelay { relay, lane in
            let far = try Lane(name: "ends")
            let exchange = Exchange(relay)
            let (alice, bob) = (CheckingEnd(try await Wire(far)), try await Wire(far))
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            let door = try alice.take(read(exchange.response(200, "INVITE", 1, body: plain(bob))))
            try await alice.connect(to: door)
            let other = try target(offer)
            func turns(_ numbers: Range<UInt8>) async {
                for number in numbers {
                    await alice.wire.send(packet(number), to: door)
                    #expect(await bob.next()?.bytes == packet(number))
                    await bob.send(packet(number, source: 2), to: other)
                    #expect(await alice.wire.next()?.bytes == packet(number, source: 2))
                }
            }
            await turns(0..<10)
            let before = await lane.run { _ in probe_allocations() }
            await turns(10..<250)
            let taken = await lane.run { _ in probe_allocations() } - before
            // 480 packets; what was counted besides are the two looks at the counter, and a look after the legs.
            #expect(taken < 100)
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
            guard case .replaced(let once) = try exchange.request("INVITE", 1, body: plain(alice), isFirst: true) else {
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
            let offer = try read(exchange.request("INVITE", 1, body: plain(alice), isFirst: true))
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
