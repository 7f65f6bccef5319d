import SDP
import Testing

/// Media that share one transport, as browsers offer it: RFC 9143, RFC 5888, RFC 8829.
@Suite struct BundleTests {
    private func ours(_ streams: StreamCapability...) -> MediaCapabilities {
        MediaCapabilities(
            streams: streams.map { stream in
                var stream = stream
                stream.transports = ["UDP/TLS/RTP/SAVPF"]
                return stream
            })
    }

    private func named(_ start: String, in description: SessionDescription) -> [String] {
        lines(description).filter { $0.hasPrefix(start) }
    }

    /// What of the lines is accepted stays in the group, and all keep their names.
    @Test(arguments: [
        ("BUNDLE 0", "BUNDLE 0"), ("BUNDLE 0 1", "BUNDLE 0"), ("BUNDLE 1 0", "BUNDLE 0"), ("BUNDLE 1", nil),
        ("LS 0 1", nil), ("BUNDLE 0 nobody", "BUNDLE 0"), ("BUNDLE", nil),
    ])
    func answered(_ offered: String, _ answered: String?) throws {
        let offer = try theirs(
            """
            a=group:\(offered)
            m=audio 5000 UDP/TLS/RTP/SAVPF 0
            a=mid:0
            m=video 5000 UDP/TLS/RTP/SAVPF 96
            a=mid:1
            a=rtpmap:96 VP8/90000
            """)
        let (_, answer) = try answer(offer, ours(ourStream()))
        #expect(answer.media.map { $0.port != 0 } == [true, false])
        #expect(answer.media.map(\.identification) == ["0", "1"])
        #expect(named("a=group", in: answer) == (answered.map { ["a=group:\($0)"] } ?? []))
    }

    /// The group goes on without those that this side receives elsewhere.
    @Test func portsOfTheirOwn() throws {
        let offer = try theirs(
            """
            a=group:BUNDLE a b
            m=audio 5000 UDP/TLS/RTP/SAVPF 0
            a=mid:a
            m=audio 5002 UDP/TLS/RTP/SAVPF 0
            a=mid:b
            """)
        let (_, apart) = try answer(offer, ours(ourStream(), ourStream(id: 1, port: 4002)))
        #expect(apart.media.map(\.port) == [4000, 4002])
        #expect(named("a=group", in: apart) == ["a=group:BUNDLE a"])
        let (_, together) = try answer(offer, ours(ourStream(), ourStream(id: 1)))
        #expect(named("a=group", in: together) == ["a=group:BUNDLE a b"])
    }

    @Test func withoutNamesNoneAreGiven() throws {
        let (_, answer) = try answer(try theirs("m=audio 5000 UDP/TLS/RTP/SAVPF 0"), ours(ourStream()))
        #expect(answer.media[0].identification == nil)
        #expect(answer.groups.isEmpty)
    }

    /// A later offer of ours says what was said before (RFC 9143 §7.5).
    @Test func laterOffersGoOn() throws {
        let offer = try theirs("a=group:BUNDLE x\nm=audio 5000 UDP/TLS/RTP/SAVPF 0\na=mid:x")
        var (machine, _) = try answer(offer, ours(ourStream()))
        let later = try machine.makeOffer(ours(ourStream()))
        #expect(later.media.map(\.identification) == ["x"])
        #expect(named("a=group", in: later) == ["a=group:BUNDLE x"])
        machine.rollBack()
        // The stream is gone: nothing is bundled.
        let without = try machine.makeOffer(MediaCapabilities(streams: []))
        #expect(without.media.map(\.identification) == ["x"])
        #expect(without.groups.isEmpty)
    }

    @Test func offered() throws {
        var capabilities = ours(ourStream(), ourStream(id: 7), ourStream(id: 8, port: 4002))
        capabilities.bundles = true
        var machine = OfferAnswer(sessionID: 1, address: .ip4(1))
        let offer = try machine.makeOffer(capabilities)
        #expect(offer.media.map(\.identification) == ["0", "7", "8"])
        #expect(named("a=group", in: offer) == ["a=group:BUNDLE 0 7"])
        machine.rollBack()
        capabilities.bundles = false
        let plain = try machine.makeOffer(capabilities)
        #expect(plain.media.allSatisfy { $0.identification == nil })
        #expect(plain.groups.isEmpty)
    }

    /// RFC 8840 §4.1.1, and mDNS names in place of addresses: no address is no hold where ICE finds the way.
    @Test(arguments: [true, false]) func noAddressYet(withICE: Bool) throws {
        let credentials = "a=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuv\n"
        let offer = try theirs(
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\nc=IN IP4 0.0.0.0\n\(withICE ? credentials : "")a=rtcp-mux\na=sendrecv")
        var stream = ourStream()
        stream.multiplexesRTCP = true
        let (machine, _) = try answer(offer, ours(stream))
        let agreed = try #require(machine.streams.first)
        #expect(agreed.isHeld == !withICE)
        #expect(agreed.direction == (withICE ? .sendrecv : .recvonly))
        #expect(agreed.rtcp == (withICE ? .multiplexed : .none))
    }
}
