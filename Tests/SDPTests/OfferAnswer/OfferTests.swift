import SDP
import Testing

/// What we offer: RFC 3264 §5 and §8.
@Suite struct OfferTests {
    private func offered(_ streams: StreamCapability...) throws -> SessionDescription {
        var machine = ourMachine()
        return try machine.makeOffer(MediaCapabilities(streams: streams))
    }

    /// §5: one session, `s=-`, `t=0 0`; rtpmap for static types too; formats in order of preference.
    @Test func wholeOffer() throws {
        let offer = try offered(
            ourStream([.pcma, .pcmu, FormatCapability(.opus, parameters: "useinbandfec=1"), .telephoneEvent]))
        #expect(
            lines(offer) == [
                "v=0", "o=- 100 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0",
                "m=audio 4000 RTP/AVP 8 0 96 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000",
                "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1", "a=rtpmap:101 telephone-event/8000",
                "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv",
            ])
    }

    @Test func furtherLines() throws {
        var stream = ourStream([.pcmu])
        stream.packetTime = .microseconds(2500)
        stream.maximumPacketTime = .milliseconds(40)
        stream.rtcpPort = 4100
        stream.multiplexesRTCP = true
        stream.direction = .recvonly
        stream.attributes = [Attribute("label", "1")!]  // a token
        var all = capabilities(stream)
        all.attributes = [Attribute("tool", "ours")!]  // a token
        var machine = ourMachine()
        let offer = try machine.makeOffer(all)
        #expect(
            lines(offer)[4...] == [
                "t=0 0", "a=tool:ours", "m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:2.5",
                "a=maxptime:40",
                "a=rtcp:4100", "a=rtcp-mux", "a=recvonly", "a=label:1",
            ])
    }

    @Test func addressesOfStreamsThatDiffer() throws {
        var second = ourStream(id: 1, port: 4002)
        second.address = .ip6(1)
        let offer = try offered(ourStream(), second)
        #expect(offer.connection == Connection(nearAddress))
        #expect(offer.media.map { $0.connection?.value } == [nil, "IN IP6 ::1"])
    }

    /// §5: zero streams mean that they will come later.
    @Test func nothingYet() throws {
        let offer = try offered()
        #expect(offer.media.isEmpty)
        #expect(offer.connection == Connection(nearAddress))
        #expect(try offered(ourStream(port: 0)).media.isEmpty)
        #expect(try offered(ourStream([])).media.isEmpty)
    }

    @Test func payloadTypesThatAreWishedFor() throws {
        let opus = FormatCapability(.opus, payloadType: 111)
        let clash = FormatCapability(Codec(name: "speex", clockRate: 8_000)!, payloadType: 111)  // a token
        let beyond = FormatCapability(Codec(name: "iLBC", clockRate: 8_000)!, payloadType: 128)  // a token
        let automatic = FormatCapability(Codec(name: "AMR", clockRate: 8_000)!)  // a token
        let offer = try offered(
            ourStream([automatic, opus, clash, beyond, .pcmu, FormatCapability(.opus, payloadType: 96)]))
        #expect(
            offer.media[0].rtpMaps.map { $0.attribute.value } == [
                "97 AMR/8000", "111 opus/48000/2", "98 speex/8000", "99 iLBC/8000", "0 PCMU/8000", "96 opus/48000/2",
            ])
    }

    /// §8: the number of `m=` lines never shrinks; §8.2: a stream goes by port zero.
    @Test func removedStreamKeepsItsLine() throws {
        var (machine, _) = try agreement(
            capabilities(ourStream(), ourStream(id: 1, port: 4002)),
            theirs("m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 0"))
        let second = try machine.makeOffer(capabilities(ourStream(id: 1, port: 4002)))
        #expect(second.media.map(\.port) == [0, 4002])
        #expect(second.media[0].field.formats == ["0", "8", "101"])
        #expect(second.media[0].attributes.isEmpty)
        try machine.receiveAnswer(theirs("m=audio 0 RTP/AVP 0\nm=audio 5002 RTP/AVP 0", version: 2))
        #expect(machine.streams.map(\.index) == [1])
        #expect(machine.refused.map(\.reason) == [.disabled])

        let third = try machine.makeOffer(capabilities())
        #expect(third.media.map(\.port) == [0, 0])
    }

    /// §8.1: a new stream takes a free line of its media type, or a new line below all others.
    @Test func addedStream() throws {
        let h261 = Codec(name: "H261", clockRate: 90_000)!  // a token
        var pictures = ourStream([FormatCapability(h261)], id: 1, port: 4002)
        pictures.media = "video"
        var (machine, _) = try agreement(
            capabilities(ourStream(), pictures), theirs("m=audio 5000 RTP/AVP 0\nm=video 0 RTP/AVP 31"))
        #expect(machine.refused.map(\.reason) == [.refusedByPeer])

        var others = pictures
        others.id = 2
        others.port = 4004
        let second = try machine.makeOffer(capabilities(ourStream(), others, ourStream(id: 3, port: 4006)))
        #expect(
            second.media.map(\.field.value) == [
                "audio 4000 RTP/AVP 0 8 101", "video 4004 RTP/AVP 31", "audio 4006 RTP/AVP 0 8 101",
            ])
    }

    /// §8.3.2: a number keeps its codec, and a codec its number, whoever named it.
    @Test func numbersOfThePeerAreKept() throws {
        let opus = FormatCapability(.opus, payloadType: 96)
        let offer = try theirs(
            "m=audio 5000 RTP/AVP 109 96\na=rtpmap:109 opus/48000/2\na=rtpmap:96 telephone-event/8000")
        var (machine, _) = try answer(offer, capabilities(ourStream([opus, .telephoneEvent])))
        let again = try machine.makeOffer(capabilities(ourStream([opus, .pcmu, .telephoneEvent])))
        #expect(again.media[0].field.formats == ["109", "0", "96"])
        machine.rollBack()
        let iLBC = FormatCapability(Codec(name: "iLBC", clockRate: 8_000)!, payloadType: 109)  // a token
        #expect(try machine.makeOffer(capabilities(ourStream([iLBC]))).media[0].field.formats == ["97"])
    }

    /// §8.4: sendonly holds a peer that sends; one that holds already is held by inactive.
    @Test(arguments: [
        ("sendrecv", Direction.sendonly), ("recvonly", .sendonly), ("sendonly", .inactive), ("inactive", .inactive),
    ])
    func hold(peer: String, expected: Direction) throws {
        var (machine, _) = try agreement(capabilities(ourStream()), theirs("m=audio 5000 RTP/AVP 0\na=\(peer)"))
        var held = ourStream()
        held.direction = .sendonly
        let offer = try machine.makeOffer(capabilities(held))
        #expect(offer.direction(of: offer.media[0]) == expected)
    }

    /// Taking a peer off hold asks for both ways; the peer's own hold shows in its answer.
    @Test func resume() throws {
        var (machine, _) = try agreement(capabilities(ourStream()), theirs("m=audio 5000 RTP/AVP 0\na=sendonly"))
        let offer = try machine.makeOffer(capabilities(ourStream()))
        #expect(offer.direction(of: offer.media[0]) == .sendrecv)
        try machine.receiveAnswer(theirs("m=audio 5000 RTP/AVP 0\na=sendonly", version: 2))
        #expect(machine.streams[0].direction == .recvonly)
        #expect(machine.streams[0].isHeld)
    }

    @Test func transportOfTheSessionIsKept() throws {
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVPF 0"), capabilities(ourStream()))
        #expect(try machine.makeOffer(capabilities(ourStream())).media[0].field.transport == "RTP/AVPF")
        machine.rollBack()
        var plain = ourStream()
        plain.transports = ["RTP/AVP"]
        #expect(try machine.makeOffer(capabilities(plain)).media[0].field.transport == "RTP/AVP")
    }
}
