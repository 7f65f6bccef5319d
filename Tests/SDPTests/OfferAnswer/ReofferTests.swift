import SDP
import Testing

/// Offers of the peer that change a session: RFC 3264 §8.
@Suite struct ReofferTests {
    private let two = capabilities(ourStream(), ourStream(id: 1, port: 4002))

    /// §8: the number of lines never shrinks.
    @Test func fewerLines() throws {
        var (machine, _) = try answer(
            theirs("m=audio 5000 RTP/AVP 0\nm=video 5002 RTP/AVP 31"), capabilities(ourStream()))
        let streams = machine.streams
        #expect(code { try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", version: 2)) } == .mediaRemoved)
        #expect(machine.state == .stable)
        #expect(machine.streams == streams)
    }

    /// §8.2: port zero is answered by port zero.
    @Test func removedStream() throws {
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 0"), two)
        #expect(machine.streams.map(\.id) == [0, 1])
        try machine.receiveOffer(theirs("m=audio 0 RTP/AVP 0\nm=audio 5002 RTP/AVP 0", version: 2))
        let second = try machine.makeAnswer(two)
        #expect(second.media.map(\.port) == [0, 4002])
        #expect(machine.streams.map(\.id) == [1])
    }

    /// A stream stays on its line also when the line before it is given up and could be had.
    @Test func streamsKeepTheirLines() throws {
        var (machine, _) = try answer(
            theirs("m=audio 5000 RTP/SAVP 0\nm=audio 5002 RTP/AVP 0"), capabilities(ourStream()))
        #expect(machine.streams.map(\.index) == [1])
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 0", version: 2))
        let second = try machine.makeAnswer(capabilities(ourStream()))
        #expect(second.media.map(\.port) == [0, 4000])
        #expect(machine.refused.map(\.reason) == [.noFreeStream])
    }

    /// §8.1: the peer moves the stream to a new line by disabling the old one.
    @Test func streamMovesToANewLine() throws {
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0"), capabilities(ourStream()))
        try machine.receiveOffer(theirs("m=audio 0 RTP/AVP 0\nm=audio 5002 RTP/AVP 8", version: 2))
        let second = try machine.makeAnswer(capabilities(ourStream()))
        #expect(second.media.map(\.field.value) == ["audio 0 RTP/AVP 0", "audio 4000 RTP/AVP 8"])
        #expect(machine.streams.map(\.index) == [1])
        #expect(machine.streams.map(\.id) == [0])
    }

    /// §8.1: a line that was disabled is used anew.
    @Test func lineIsUsedAnew() throws {
        var (machine, _) = try answer(theirs("m=video 5000 RTP/AVP 31\nm=audio 5002 RTP/AVP 0"), two)
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 0", version: 2))
        let second = try machine.makeAnswer(two)
        #expect(second.media.map(\.port) == [4002, 4000])
        #expect(machine.streams.map(\.id) == [1, 0])
    }

    /// §8.3.1: address and port.
    @Test func movedMedia() throws {
        var (machine, first) = try answer(theirs("m=audio 5000 RTP/AVP 0"), capabilities(ourStream()))
        try machine.receiveOffer(theirs("m=audio 6000 RTP/AVP 0", version: 2, host: "192.0.2.88"))
        #expect(try machine.makeAnswer(capabilities(ourStream())) == first)
        #expect(machine.streams[0].remotePort == 6000)
        #expect(machine.streams[0].remoteAddress == .ip4(0xC000_0258))
    }

    /// §8.3.2: formats that the new offer does not have are not sent any more.
    @Test func changedFormats() throws {
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0 8"), capabilities(ourStream()))
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 8", version: 2))
        #expect(try machine.makeAnswer(capabilities(ourStream())).media[0].field.formats == ["8"])
        #expect(machine.streams[0].sendFormats.map(\.payloadType) == [8])
    }

    /// §8.4: hold and resume, in the new way and in the old.
    @Test(arguments: [
        "m=audio 5000 RTP/AVP 0\na=sendonly", "m=audio 5000 RTP/AVP 0\na=inactive",
        "m=audio 5000 RTP/AVP 0\nc=IN IP4 0.0.0.0",
    ])
    func holdAndResume(held: String) throws {
        let ours = capabilities(ourStream())
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0"), ours)
        #expect(!machine.streams[0].isHeld)
        try machine.receiveOffer(theirs(held, version: 2))
        _ = try machine.makeAnswer(ours)
        #expect(machine.streams[0].isHeld)
        #expect(!machine.streams[0].direction.sends)
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", version: 3))
        let answer = try machine.makeAnswer(ours)
        #expect(machine.streams[0].direction == .sendrecv)
        #expect(answer.direction(of: answer.media[0]) == .sendrecv)
        #expect(!machine.streams[0].isHeld)
    }

    /// A hold of ours is not lifted by a refresh of the peer.
    @Test func ourHoldOutlivesARefresh() throws {
        var held = ourStream()
        held.direction = .sendonly
        var (machine, _) = try agreement(capabilities(held), theirs("m=audio 5000 RTP/AVP 0\na=recvonly"))
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", version: 2))
        let answer = try machine.makeAnswer(capabilities(held))
        #expect(answer.direction(of: answer.media[0]) == .sendonly)
    }

    /// A rejected change leaves the session as it was, and the next offer is compared with what was agreed.
    @Test func unacceptableChange() throws {
        let ours = capabilities(ourStream())
        var (machine, first) = try answer(theirs("m=audio 5000 RTP/AVP 0"), ours)
        try machine.receiveOffer(theirs("m=audio 5000 RTP/SAVP 0", version: 2))
        #expect(code { _ = try machine.makeAnswer(ours) } == .noAcceptableMedia)
        machine.rollBack()
        #expect(machine.streams.count == 1)
        #expect(try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", version: 3)) == .unchanged)
        #expect(try machine.makeAnswer(ours) == first)
    }

    /// The peer ends all media and brings it back.
    @Test func allMediaDisabledAndBack() throws {
        let ours = capabilities(ourStream())
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0"), ours)
        try machine.receiveOffer(theirs("m=audio 0 RTP/AVP 0", version: 2))
        #expect(try machine.makeAnswer(ours).media.map(\.port) == [0])
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", version: 3))
        #expect(try machine.makeAnswer(ours).media.map(\.port) == [4000])
    }

    /// A number whose codec the peer changes, against §8.3.2, is taken at its last word.
    @Test func remappedNumber() throws {
        let ours = capabilities(ourStream([.pcmu, FormatCapability(.opus), .telephoneEvent]))
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 96\na=rtpmap:96 opus/48000/2"), ours)
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000", version: 2))
        _ = try machine.makeAnswer(ours)
        #expect(machine.streams[0].receiveEvents.map(\.payloadType) == [96])
        let offer = try machine.makeOffer(ours)
        #expect(
            offer.media[0].rtpMaps.map { $0.attribute.value } == [
                "0 PCMU/8000", "97 opus/48000/2", "96 telephone-event/8000",
            ])
    }

    /// The numbers of a stream that ended bind no stream that comes after it on the line.
    @Test func numbersEndWithTheirStream() throws {
        let iLBC = FormatCapability(Codec(name: "iLBC", clockRate: 8_000)!, payloadType: 96)  // a token
        let opus = capabilities(ourStream([FormatCapability(.opus), .pcmu]))
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 96\na=rtpmap:96 opus/48000/2"), opus)
        try machine.receiveOffer(theirs("m=audio 0 RTP/AVP 96", version: 2))
        _ = try machine.makeAnswer(opus)
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", version: 3))
        _ = try machine.makeAnswer(opus)
        let offer = try machine.makeOffer(capabilities(ourStream([iLBC, .pcmu])))
        #expect(offer.media[0].field.formats == ["96", "0"])
    }
}
