import SDP
import Testing

/// What we answer: RFC 3264 §6.
@Suite struct AnswerTests {
    private let ours = capabilities(ourStream())

    @Test func wholeAnswer() throws {
        let offer = try theirs(
            "m=audio 5000 RTP/AVP 8 96 0 97\na=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/8000\na=fmtp:97 0-16"
        )
        let (machine, answer) = try answer(offer, ours)
        #expect(
            lines(answer) == [
                "v=0", "o=- 100 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0",
                "m=audio 4000 RTP/AVP 8 0 97",
                "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:97 telephone-event/8000", "a=fmtp:97 0-15",
                "a=ptime:20", "a=sendrecv",
            ])
        let stream = try #require(machine.streams.first)
        #expect(stream.id == 0)
        #expect(stream.index == 0)
        #expect(stream.media == "audio")
        #expect(stream.transport == "RTP/AVP")
        #expect(stream.direction == .sendrecv)
        #expect(!stream.isHeld)
        #expect(stream.remoteAddress == .ip4(0xC000_0202))
        #expect(stream.remotePort == 5000)
        #expect(stream.rtcp == .separate(.ip4(0xC000_0202), 5001))
        #expect(stream.sendFormat == RTPFormat(payloadType: 8, codec: .pcma))
        #expect(stream.sendFormats.map(\.payloadType) == [8, 0])
        #expect(stream.receiveFormats.map(\.payloadType) == [8, 0])
        #expect(stream.sendEvents.map(\.payloadType) == [97])
        #expect(stream.sendEvents[0].events == TelephoneEvents(0...16))
        #expect(stream.receiveEvents[0].events == .dtmf)
        #expect(stream.packetTime == .milliseconds(20))
    }

    /// RTCP of reduced size is agreed on where both say so, with a profile that has feedback (RFC 5506 §5).
    @Test(arguments: ["RTP/AVP", "RTP/AVPF", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"], [true, false])
    func reducedSizeIsAnswered(_ transport: String, isOffered: Bool) throws {
        var stream = ourStream()
        stream.transports = [try #require(ByteString(transport))]
        let offer = try theirs("m=audio 5000 \(transport) 0\(isOffered ? "\na=rtcp-rsize" : "")")
        let (machine, agreed) = try answer(offer, capabilities(stream))
        let isAgreed = isOffered && transport != "RTP/AVP"
        #expect(lines(agreed).contains("a=rtcp-rsize") == isAgreed)
        #expect(machine.streams[0].allowsReducedSizeRTCP == isAgreed)
        stream.allowsReducedSizeRTCP = false
        let (other, refused) = try answer(offer, capabilities(stream))
        #expect(!lines(refused).contains("a=rtcp-rsize"))
        #expect(!other.streams[0].allowsReducedSizeRTCP)
    }

    /// It is offered with such a profile, and used where the answer says so, too.
    @Test(arguments: ["RTP/AVP", "RTP/AVPF", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"], [true, false])
    func reducedSizeIsOffered(_ transport: String, isAnswered: Bool) throws {
        var stream = ourStream()
        stream.transports = [try #require(ByteString(transport))]
        var machine = ourMachine()
        let offer = try machine.makeOffer(capabilities(stream))
        #expect(lines(offer).contains("a=rtcp-rsize") == (transport != "RTP/AVP"))
        try machine.receiveAnswer(theirs("m=audio 5000 \(transport) 0\(isAnswered ? "\na=rtcp-rsize" : "")"))
        #expect(machine.streams[0].allowsReducedSizeRTCP == (isAnswered && transport != "RTP/AVP"))
    }

    /// §6: as many lines as the offer, refused one by one with port zero; the first usable audio is taken.
    @Test func eachLineIsAnswered() throws {
        let offer = try theirs(
            """
            m=video 5000 RTP/AVP 31 99
            a=rtpmap:99 H264/90000
            m=audio 5002 RTP/SAVP 0
            m=audio 5004 UDP/TLS/RTP/SAVPF 0 111
            m=audio 0 RTP/AVP 0
            m=audio 5006 RTP/AVP 3 18
            m=audio 5008 RTP/AVP 0
            m=audio 5010 RTP/AVP 0
            m=image 5012 udptl t38
            m=message 5014 TCP/MSRP *
            m=audio 5016 RTP/AVP
            """)
        let (machine, answer) = try answer(offer, ours)
        #expect(
            answer.media.map(\.field.value) == [
                "video 0 RTP/AVP 31 99", "audio 0 RTP/SAVP 0", "audio 0 UDP/TLS/RTP/SAVPF 0 111", "audio 0 RTP/AVP 0",
                "audio 0 RTP/AVP 3 18", "audio 4000 RTP/AVP 0", "audio 0 RTP/AVP 0", "image 0 udptl t38",
                "message 0 TCP/MSRP *", "audio 0 RTP/AVP 0",
            ])
        #expect(machine.streams.map(\.index) == [5])
        #expect(
            machine.refused.map(\.reason) == [
                .unsupportedMedia, .unsupportedTransport, .unsupportedTransport, .disabled, .noCommonCodec,
                .noFreeStream,
                .unsupportedMedia, .unsupportedMedia, .noFreeStream,
            ])
    }

    /// §6: when nothing can be accepted the whole offer is rejected, and each line has its reason.
    @Test func nothingAcceptable() throws {
        var machine = ourMachine()
        try machine.receiveOffer(theirs("m=audio 5000 RTP/SAVP 0\nm=audio 0 RTP/AVP 0\nm=audio 5002 RTP/AVP 18"))
        do {
            _ = try machine.makeAnswer(ours)
            Issue.record("answered")
        } catch {
            #expect(error.code == .noAcceptableMedia)
            #expect(error.refused.map(\.reason) == [.unsupportedTransport, .disabled, .noCommonCodec])
            #expect(
                error.description
                    == "m= line 1 (audio RTP/SAVP): unsupportedTransport; m= line 2 (audio RTP/AVP): disabled; "
                    + "m= line 3 (audio RTP/AVP): noCommonCodec")
        }
        #expect(machine.state == .offerReceived)
    }

    /// §5, §6: an offer without media, or with all of it disabled, is answered in kind.
    @Test(arguments: ["", "m=audio 0 RTP/AVP 0 8\na=rtpmap:0 PCMU/8000"])
    func nothingOffered(media: String) throws {
        let (machine, answer) = try answer(theirs(media), ours)
        #expect(answer.media.map(\.field.value) == (media.isEmpty ? [] : ["audio 0 RTP/AVP 0 8"]))
        #expect(answer.media.flatMap(\.attributes).isEmpty)
        #expect(machine.streams.isEmpty)
    }

    /// §6: the times of the answer are those of the offer.
    @Test func timesAreRepeated() throws {
        let offer = try parse(
            """
            v=0
            o=- 1 1 IN IP4 192.0.2.2
            s=-
            c=IN IP4 192.0.2.2
            t=3724394400 3754123200
            r=7d 1h 0 25h
            t=3724484400 3724488000
            m=audio 5000 RTP/AVP 0
            """)
        let (_, answer) = try answer(offer, ours)
        #expect(lines(answer)[4..<7] == ["t=3724394400 3754123200", "r=7d 1h 0 25h", "t=3724484400 3724488000"])
    }

    /// §6.1, all pairs of what is offered and what we want.
    @Test(arguments: [
        (Direction.sendrecv, Direction.sendrecv, Direction.sendrecv), (.sendrecv, .sendonly, .sendonly),
        (.sendrecv, .recvonly, .recvonly), (.sendrecv, .inactive, .inactive), (.sendonly, .sendrecv, .recvonly),
        (.sendonly, .sendonly, .inactive), (.sendonly, .recvonly, .recvonly), (.sendonly, .inactive, .inactive),
        (.recvonly, .sendrecv, .sendonly), (.recvonly, .sendonly, .sendonly), (.recvonly, .recvonly, .inactive),
        (.recvonly, .inactive, .inactive), (.inactive, .sendrecv, .inactive), (.inactive, .sendonly, .inactive),
        (.inactive, .recvonly, .inactive), (.inactive, .inactive, .inactive),
    ])
    func direction(offered: Direction, wanted: Direction, expected: Direction) throws {
        var stream = ourStream()
        stream.direction = wanted
        for offer in [
            try theirs("m=audio 5000 RTP/AVP 0\na=\(offered.rawValue)"),
            try theirs("m=audio 5000 RTP/AVP 0", session: "a=\(offered.rawValue)\n"),
        ] {
            let (machine, answer) = try answer(offer, capabilities(stream))
            #expect(answer.direction(of: answer.media[0]) == expected)
            #expect(machine.streams[0].direction == expected)
            #expect(machine.streams[0].isHeld == !offered.receives)
        }
    }

    /// §6.1: the order of the offer is recommended; ours is possible.
    @Test(arguments: [
        (AnswerPolicy(order: .offered, selection: .all), "8 0 101", 8),
        (AnswerPolicy(order: .local, selection: .all), "0 8 101", 0),
        (AnswerPolicy(order: .offered, selection: .first), "8 101", 8),
        (AnswerPolicy(order: .local, selection: .first), "0 101", 0),
    ])
    func order(policy: AnswerPolicy, formats: String, sent: Int) throws {
        let offer = try theirs("m=audio 5000 RTP/AVP 18 8 0 101\na=rtpmap:101 telephone-event/8000")
        let (machine, answer) = try answer(offer, ours, policy)
        #expect(answer.media[0].field.value.string == "audio 4000 RTP/AVP \(formats)")
        #expect(machine.streams[0].sendFormat?.payloadType == UInt8(sent))
    }

    /// §6.1: the numbers of the offer, whatever ours would be; each codec once.
    @Test func numbersOfTheOffer() throws {
        let offer = try theirs(
            "m=audio 5000 RTP/AVP 100 0 101 102\na=rtpmap:100 pcma/8000\na=rtpmap:101 OPUS/48000/2\na=rtpmap:102 opus/48000/2"
        )
        let (_, answer) = try answer(
            offer, capabilities(ourStream([.pcma, .pcmu, FormatCapability(.opus, payloadType: 96)])))
        #expect(
            answer.media[0].rtpMaps.map { $0.attribute.value } == ["100 PCMA/8000", "0 PCMU/8000", "101 opus/48000/2"])
    }

    @Test(arguments: [
        ("m=audio 5000 RTP/AVP 96", "96 without a mapping"),
        ("m=audio 5000 RTP/AVP 0 8\na=rtpmap:0 G729/8000\na=rtpmap:8 GSM/8000", "mapped to others"),
        ("m=audio 5000 RTP/AVP 96\na=rtpmap:96 PCMU/16000", "another clock"),
        ("m=audio 5000 RTP/AVP 96\na=rtpmap:96 PCMU/8000/2", "another number of channels"),
        ("m=audio 5000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000", "events alone"),
        ("m=audio 5000 RTP/AVP x 300 -1", "no payload types"),
        ("m=audio 5000 RTP/AVP 97\na=rtpmap:96 PCMU/8000", "a mapping of another number"),
    ])
    func noCommonCodec(media: String, why: String) throws {
        var machine = ourMachine()
        try machine.receiveOffer(theirs(media))
        do {
            _ = try machine.makeAnswer(ours)
            Issue.record("accepted: \(why)")
        } catch {
            #expect(error.refused.map(\.reason) == [.noCommonCodec])
        }
    }

    @Test(arguments: [
        ("224.2.1.1/127", RefusalReason.unsupportedAddress), ("2001:db8::1", .incompatibleFamily),
    ])
    func addressesThatCannotBeUsed(host: String, reason: RefusalReason) throws {
        var machine = ourMachine()
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", host: host))
        do {
            _ = try machine.makeAnswer(ours)
            Issue.record("accepted")
        } catch {
            #expect(error.refused.map(\.reason) == [reason])
        }
    }

    @Test("RFC 8445: where checks find the way an address of the other version of IP is no hindrance")
    func addressOfTheOtherFamily() throws {
        var stream = ourStream()
        stream.takesAnyFamily = true
        let offer = try theirs("m=audio 5000 RTP/AVP 0", host: "2001:db8::1")
        let (machine, _) = try answer(offer, capabilities(stream))
        #expect(machine.streams[0].remoteAddress.description == "2001:db8::1")
    }

    @Test func otherNetworkAndMissingAddress() throws {
        var machine = ourMachine()
        try machine.receiveOffer(
            parse(
                "v=0\no=- 1 1 IN IP4 192.0.2.2\ns=-\nt=0 0\nm=audio 5000 RTP/AVP 0\nm=audio 5000 RTP/AVP 0\nc=TN RFC2543 +1-201"
            ))
        do {
            _ = try machine.makeAnswer(ours)
            Issue.record("accepted")
        } catch {
            #expect(error.refused.map(\.reason) == [.missingConnection, .unsupportedAddress])
        }
    }

    @Test func addressOfTheMediaLevel() throws {
        let offer = try theirs("m=audio 5000 RTP/AVP 0\nc=IN IP4 192.0.2.77")
        #expect(try answer(offer, ours).machine.streams[0].remoteAddress == .ip4(0xC000_024D))
        var stream = ourStream()
        stream.address = .ip6(1)
        let six = try theirs("m=audio 5000 RTP/AVP 0\nc=IN IP6 2001:db8::5")
        let (machine, answer) = try answer(six, capabilities(stream))
        #expect(machine.streams[0].remoteAddress.description == "2001:db8::5")
        #expect(answer.connection?.value == "IN IP6 ::1")
    }

    /// RFC 6157 §4.1: an answer names the family of the offer, also beside host names.
    @Test(arguments: [("IP4", "IN IP4 near.example.com"), ("IP6", "IN IP6 near.example.com")])
    func familyOfNames(family: String, answered: String) throws {
        let offer = try theirs("m=audio 5000 RTP/AVP 0\nc=IN \(family) far.example.com")
        var stream = ourStream()
        stream.address = .name("near.example.com")
        #expect(try answer(offer, capabilities(stream)).answer.connection?.value.string == answered)
        stream.address = family == "IP4" ? .ip6(1) : nearAddress
        var machine = ourMachine()
        try machine.receiveOffer(offer)
        #expect(code { _ = try machine.makeAnswer(capabilities(stream)) } == .noAcceptableMedia)
    }

    /// RFC 3264 §8.4 and RFC 6157 §4.1: nothing, not even RTCP, is sent to an address that is none.
    @Test(arguments: ["0.0.0.0", "hold.invalid"])
    func oldHold(host: String) throws {
        let (machine, answer) = try answer(theirs("m=audio 5000 RTP/AVP 0", host: host), ours)
        #expect(answer.direction(of: answer.media[0]) == .sendrecv)
        #expect(machine.streams[0].direction == .recvonly)
        #expect(machine.streams[0].isHeld)
        #expect(machine.streams[0].rtcp == .none)
    }

    /// §5.1: a bandwidth of zero means that nothing is to be sent, RTCP included.
    @Test func noBandwidth() throws {
        let (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0\nb=AS:0"), ours)
        #expect(machine.streams[0].direction == .recvonly)
        #expect(machine.streams[0].rtcp == .none)
    }

    /// RFC 3605 and RFC 5761.
    @Test(arguments: [
        ("", false, RTCPDestination.separate(.ip4(0xC000_0202), 5001)),
        ("a=rtcp:5100", false, .separate(.ip4(0xC000_0202), 5100)),
        ("a=rtcp:5100 IN IP4 192.0.2.77", false, .separate(.ip4(0xC000_024D), 5100)),
        ("a=rtcp:0", false, .none), ("a=rtcp:9 IN IP4 0.0.0.0", false, .none),
        ("a=rtcp:5100\na=rtcp-mux", false, .separate(.ip4(0xC000_0202), 5100)),
        ("a=rtcp:5100\na=rtcp-mux", true, .multiplexed), ("", true, .separate(.ip4(0xC000_0202), 5001)),
    ])
    func rtcp(attributes: String, multiplexes: Bool, expected: RTCPDestination) throws {
        var stream = ourStream()
        stream.multiplexesRTCP = multiplexes
        let (machine, answer) = try answer(
            theirs("m=audio 5000 RTP/AVP 0\n\(attributes.isEmpty ? "a=x" : attributes)"), capabilities(stream))
        #expect(machine.streams[0].rtcp == expected)
        #expect(answer.media[0].isRTCPMultiplexed == (expected == .multiplexed))
    }

    /// RFC 5761 §4: types 64 to 95 look like RTCP on a shared port.
    @Test func multiplexingNeedsFitNumbers() throws {
        var stream = ourStream()
        stream.multiplexesRTCP = true
        let offer = try theirs("m=audio 5000 RTP/AVP 72\na=rtpmap:72 PCMU/8000\na=rtcp-mux")
        let (machine, answer) = try answer(offer, capabilities(stream))
        #expect(!answer.media[0].isRTCPMultiplexed)
        #expect(machine.streams[0].rtcp == .separate(.ip4(0xC000_0202), 5001))
    }

    @Test func noPortBehindTheLast() throws {
        #expect(try answer(theirs("m=audio 65535 RTP/AVP 0"), ours).machine.streams[0].rtcp == .none)
    }

    /// §6.1: what the peer would like, within its `maxptime` and what is sensible.
    @Test(arguments: [
        ("", Duration.milliseconds(30)), ("a=ptime:40", .milliseconds(40)),
        ("a=ptime:40\na=maxptime:20", .milliseconds(20)),
        ("a=maxptime:10", .milliseconds(10)), ("a=ptime:1", .milliseconds(5)), ("a=ptime:5000", .milliseconds(200)),
        ("a=ptime:0", .milliseconds(30)), ("a=maxptime:1", .milliseconds(5)),
    ])
    func packetTime(attributes: String, expected: Duration) throws {
        var stream = ourStream()
        stream.packetTime = .milliseconds(30)
        let offer = try theirs("m=audio 5000 RTP/AVP 0\n\(attributes.isEmpty ? "a=x" : attributes)")
        #expect(try answer(offer, capabilities(stream)).machine.streams[0].packetTime == expected)
        if attributes.isEmpty {
            stream.packetTime = nil
            let (machine, answer) = try answer(offer, capabilities(stream))
            #expect(machine.streams[0].packetTime == NegotiatedStream.defaultPacketTime)
            #expect(answer.media[0].packetTime == nil)
        }
    }

    /// §6.1: parameters that define a format must be the same on both sides, and are repeated.
    @Test func definingParameters() throws {
        var amr = FormatCapability(Codec(name: "AMR", clockRate: 8_000)!, parameters: "mode-set=7")  // a token
        amr.definingParameters = [.init(name: "octet-align", defaultValue: "0")]
        let both = try theirs(
            "m=audio 5000 RTP/AVP 96 97\na=rtpmap:96 AMR/8000\na=fmtp:96 octet-align=1\na=rtpmap:97 AMR/8000\na=fmtp:97 octet-align=0;crc=0"
        )
        let (machine, first) = try answer(both, capabilities(ourStream([amr])))
        #expect(first.media[0].field.formats == ["97"])
        #expect(first.media[0].formatParameters(for: "97")?.parameters == "mode-set=7;octet-align=0")
        #expect(machine.streams[0].sendFormat?.parameters == "octet-align=0;crc=0")
        #expect(machine.streams[0].receiveFormats[0].parameters == "mode-set=7;octet-align=0")

        let unsaid = try theirs("m=audio 5000 RTP/AVP 96\na=rtpmap:96 AMR/8000")
        #expect(
            try answer(unsaid, capabilities(ourStream([amr]))).answer.media[0].formatParameters(for: "96")?.parameters
                == "mode-set=7")

        amr.parameters = "octet-align=1"
        let aligned = try answer(both, capabilities(ourStream([amr]))).answer
        #expect(aligned.media[0].field.formats == ["96"])
        #expect(aligned.media[0].formatParameters(for: "96")?.parameters == "octet-align=1")
    }

    @Test(arguments: PeerSample.all)
    func peers(sample: PeerSample) throws {
        let offer = try parse(sample.text)
        var stream = ourStream([.pcmu, .pcma, FormatCapability(.g722), .telephoneEvent])
        if offer.media.contains(where: { offer.connection(of: $0)?.address.family == .ip6 }) {
            stream.address = .ip6(1)
        }
        var machine = ourMachine()
        try machine.receiveOffer(offer)
        guard let accepted = sample.accepted else {
            #expect(code { _ = try machine.makeAnswer(capabilities(stream)) } == .noAcceptableMedia)
            return
        }
        let answer = try machine.makeAnswer(capabilities(stream))
        #expect(answer.media.count == offer.media.count)
        #expect(machine.streams.map(\.index) == [accepted.index])
        let formats = answer.media[accepted.index].rtpFormats.map { "\($0.payloadType) \($0.codec)" }
        #expect(formats == accepted.formats)
        #expect(machine.streams[0].direction == .sendrecv)
    }
}
