import SDP
import Testing

/// RFC 4733.
@Suite struct TelephoneEventTests {
    /// §2.4.1.
    @Test func list() throws {
        let events = try #require(TelephoneEvents("0-15,66,70"))
        #expect((0...255).filter { events.contains(UInt8($0)) } == Array(0...15) + [66, 70])
        #expect(events.list == "0-15,66,70")
        #expect(TelephoneEvents("255, 0 ,127-128")?.list == "0,127-128,255")
        #expect(TelephoneEvents("0-255")?.list == "0-255")
        #expect(TelephoneEvents().isEmpty)
        #expect(TelephoneEvents().list == "")
        #expect(TelephoneEvents("0-15") == .dtmf)
    }

    @Test(arguments: ["", ",", "0-", "-5", "15-0", "256", "0-256", "a", "0;15", "1,,2"])
    func listOutOfGrammar(text: String) throws {
        #expect(try TelephoneEvents(text.octets) == nil)
    }

    /// §2.5.1.1: without a list, and where it makes no sense, DTMF is assumed.
    @Test(arguments: ["a=x", "a=fmtp:101 nonsense", "a=fmtp:101"])
    func assumedEvents(attribute: String) throws {
        let offer = try theirs("m=audio 5000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n\(attribute)")
        #expect(try answer(offer, capabilities(ourStream())).machine.streams[0].sendEvents.map(\.events) == [.dtmf])
    }

    /// Events run on the clock of the codec beside them; another clock is better than none.
    @Test(arguments: [
        ("0 110 126", ["0", "126"], 126), ("111 110 126", ["111", "110"], 110),
        ("111 0 110 126", ["111", "0", "110", "126"], 110),
        ("111 126", ["111", "126"], 126), ("0 110", ["0", "110"], 110),
    ])
    func clocks(formats: String, answered: [ByteString], sent: Int) throws {
        let offer = try theirs(
            """
            m=audio 5000 RTP/AVP \(formats)
            a=rtpmap:111 opus/48000/2
            a=rtpmap:110 telephone-event/48000
            a=rtpmap:126 telephone-event/8000
            """)
        let ours = ourStream([
            FormatCapability(.opus), .pcmu, FormatCapability(.telephoneEvent(clockRate: 48_000)), .telephoneEvent,
        ])
        let (machine, answer) = try answer(offer, capabilities(ours))
        #expect(answer.media[0].field.formats == answered)
        let stream = machine.streams[0]
        #expect(stream.sendEvents(beside: stream.sendFormat)?.payloadType == UInt8(sent))
    }

    @Test func comfortNoiseFollowsItsClock() throws {
        let ours = ourStream([FormatCapability(.opus), .pcmu, FormatCapability(.comfortNoise)])
        let opusOnly = try theirs("m=audio 5000 RTP/AVP 111 13\na=rtpmap:111 opus/48000/2")
        #expect(try answer(opusOnly, capabilities(ours)).answer.media[0].field.formats == ["111"])
        let both = try theirs("m=audio 5000 RTP/AVP 13 0")
        let (machine, answer) = try answer(both, capabilities(ours))
        #expect(answer.media[0].field.formats == ["0", "13"])
        #expect(machine.streams[0].sendFormat?.payloadType == 0)
        #expect(machine.streams[0].receiveFormat(13)?.codec == .comfortNoise)
    }

    @Test func codecs() {
        #expect(Codec(name: "TELEPHONE-EVENT", clockRate: 8_000) == .telephoneEvent)
        #expect(Codec(name: "Telephone-Event", clockRate: 8_000)?.isTelephoneEvent == true)
        #expect(Codec.telephoneEvent(clockRate: 0) == .telephoneEvent)
        #expect(Codec(name: "x y", clockRate: 8_000) == nil)
        #expect(Codec(name: "", clockRate: 8_000) == nil)
        #expect(Codec(name: "x", clockRate: 0) == nil)
        #expect(Codec(name: "x", clockRate: 8_000, channels: 256) == nil)
        #expect(Codec.opus.description == "opus/48000/2")
        #expect(Set([Codec.pcmu, Codec(name: "pcmu", clockRate: 8_000)]).count == 1)
    }

    /// RFC 3551 §6.
    @Test(
        arguments: [
            (0, "PCMU/8000"), (3, "GSM/8000"), (4, "G723/8000"), (5, "DVI4/8000"), (6, "DVI4/16000"), (8, "PCMA/8000"),
            (9, "G722/8000"), (10, "L16/44100/2"), (11, "L16/44100"), (13, "CN/8000"), (15, "G728/8000"),
            (18, "G729/8000"),
            (31, "H261/90000"), (32, "MPV/90000"), (34, "H263/90000"), (1, nil), (2, nil), (19, nil), (72, nil),
            (96, nil),
            (127, nil), (255, nil),
        ] as [(Int, String?)])
    func staticTypes(number: Int, codec: String?) {
        #expect(StaticPayloadType.codec(UInt8(number))?.description == codec)
        if let known = StaticPayloadType.codec(UInt8(number)) {
            #expect(StaticPayloadType.number(of: known) == UInt8(number))
        }
    }
}
