import SDP
import Testing

/// What an answer to our offer means: RFC 3264 §7.
@Suite struct ReceivedAnswerTests {
    @Test func streamOfTheAnswer() throws {
        let (machine, _) = try agreement(
            capabilities(ourStream()),
            theirs(
                "m=audio 5000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-11\na=ptime:30\na=rtcp:5100"
            ))
        let stream = try #require(machine.streams.first)
        #expect(stream.sendFormat == RTPFormat(payloadType: 8, codec: .pcma))
        #expect(stream.receiveFormats.map(\.payloadType) == [0, 8])
        #expect(stream.receiveFormat(101) == nil)
        #expect(stream.receiveEvents.map(\.payloadType) == [101])
        #expect(stream.sendEvents.map(\.events) == [TelephoneEvents(0...11)])
        #expect(stream.packetTime == .milliseconds(30))
        #expect(stream.rtcp == .separate(.ip4(0xC000_0202), 5100))
        #expect(stream.remotePort == 5000)
    }

    /// §5.1: we send with the numbers of the answer and expect our own.
    @Test func numbersMayDiffer() throws {
        let opus = FormatCapability(.opus, payloadType: 96)
        let (machine, _) = try agreement(
            capabilities(ourStream([opus, .telephoneEvent])),
            theirs("m=audio 5000 RTP/AVP 111 96\na=rtpmap:111 opus/48000/2\na=rtpmap:96 telephone-event/8000"))
        #expect(machine.streams[0].sendFormat?.payloadType == 111)
        #expect(machine.streams[0].receiveFormats.map(\.payloadType) == [96])
        #expect(machine.streams[0].sendEvents.map(\.payloadType) == [96])
        #expect(machine.streams[0].receiveEvents.map(\.payloadType) == [101])
    }

    /// An answer that leaves out the mappings means those of the offer.
    @Test func missingMappings() throws {
        let opus = FormatCapability(.opus, payloadType: 96)
        let (machine, _) = try agreement(
            capabilities(ourStream([opus, .telephoneEvent])), theirs("m=audio 5000 RTP/AVP 96 101"))
        #expect(machine.streams[0].sendFormat == RTPFormat(payloadType: 96, codec: .opus))
        #expect(machine.streams[0].sendEvents.map(\.payloadType) == [101])
    }

    /// Formats that we did not offer may be listed (§6.1) but are not sent.
    @Test func formatsBeyondTheOffer() throws {
        let (machine, _) = try agreement(capabilities(ourStream([.pcma])), theirs("m=audio 5000 RTP/AVP 0 8 18"))
        #expect(machine.streams[0].sendFormats.map(\.payloadType) == [8])
    }

    @Test func answerWithoutEvents() throws {
        let (machine, _) = try agreement(capabilities(ourStream()), theirs("m=audio 5000 RTP/AVP 0"))
        #expect(machine.streams[0].sendEvents.isEmpty)
        #expect(machine.streams[0].sendEvents(beside: machine.streams[0].sendFormat) == nil)
    }

    @Test func refusedByThePeer() throws {
        let (machine, _) = try agreement(capabilities(ourStream()), theirs("m=audio 0 RTP/AVP 0"))
        #expect(machine.streams.isEmpty)
        #expect(machine.refused.map(\.reason) == [.refusedByPeer])
        #expect(machine.refused.map(\.index) == [0])
    }

    /// What the peer may not say is not believed: the offered direction bounds ours.
    @Test(arguments: [
        (Direction.sendonly, "sendrecv", Direction.sendonly), (.sendonly, "sendonly", .inactive),
        (.inactive, "sendrecv", .inactive), (.sendrecv, "sendonly", .recvonly), (.sendrecv, "recvonly", .sendonly),
        (.sendrecv, "inactive", .inactive), (.recvonly, "sendonly", .recvonly),
    ])
    func direction(offered: Direction, answered: String, expected: Direction) throws {
        var stream = ourStream()
        stream.direction = offered
        let (machine, _) = try agreement(capabilities(stream), theirs("m=audio 5000 RTP/AVP 0\na=\(answered)"))
        #expect(machine.streams[0].direction == expected)
    }

    @Test(arguments: [
        ("a=rtcp-mux", true, RTCPDestination.multiplexed), ("a=x", true, .separate(.ip4(0xC000_0202), 5001)),
        ("a=rtcp-mux", false, .separate(.ip4(0xC000_0202), 5001)),
    ])
    func multiplexing(attribute: String, offered: Bool, expected: RTCPDestination) throws {
        var stream = ourStream()
        stream.multiplexesRTCP = offered
        let (machine, _) = try agreement(capabilities(stream), theirs("m=audio 5000 RTP/AVP 0\n\(attribute)"))
        #expect(machine.streams[0].rtcp == expected)
    }

    @Test(arguments: [
        ("", "no lines"), ("m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 0", "too many lines"),
        ("m=video 5000 RTP/AVP 0", "another media type"), ("m=audio 5000 RTP/SAVP 0", "another transport"),
        ("m=audio 5000 RTP/AVP 18", "a codec that was not offered"), ("m=audio 5000 RTP/AVP 101", "events alone"),
        ("m=audio 5000 RTP/AVP", "no format"), ("m=audio 5000 RTP/AVP 0\nc=IN IP4 224.2.1.1/1", "a multicast group"),
    ])
    func mismatch(media: String, why: String) throws {
        var machine = ourMachine()
        _ = try machine.makeOffer(capabilities(ourStream()))
        #expect(code { try machine.receiveAnswer(theirs(media)) } == .mismatchedAnswer, "\(why)")
        #expect(machine.state == .stable)
        #expect(machine.local == nil)
    }

    @Test func mismatchWithoutAddress() throws {
        var machine = ourMachine()
        _ = try machine.makeOffer(capabilities(ourStream()))
        let answer = try parse("v=0\no=- 1 1 IN IP4 192.0.2.2\ns=-\nt=0 0\nm=audio 5000 RTP/AVP 0")
        #expect(code { try machine.receiveAnswer(answer) } == .mismatchedAnswer)
    }

    /// A line that we disabled stays so, whatever the answer says.
    @Test func disabledLineStaysDisabled() throws {
        var (machine, _) = try agreement(
            capabilities(ourStream(), ourStream(id: 1, port: 4002)),
            theirs("m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 0"))
        _ = try machine.makeOffer(capabilities(ourStream()))
        try machine.receiveAnswer(theirs("m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 0", version: 2))
        #expect(machine.streams.map(\.index) == [0])
        #expect(machine.refused.map(\.reason) == [.disabled])
    }
}
