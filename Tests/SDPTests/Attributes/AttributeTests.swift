import SDP
import Testing

@Suite struct AttributeTests {
    private func media(_ attributes: String) throws -> MediaDescription {
        try parse(
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0 96 97\n" + attributes
        )
        .media[0]
    }

    @Test func propertiesAndValues() throws {
        let media = try media("a=recvonly\na=orient:landscape\na=x:a:b\na=y:")
        #expect(media.attributes.map(\.name) == ["recvonly", "orient", "x", "y"])
        #expect(media.attributes.map(\.value) == [nil, "landscape", "a:b", ""])
        #expect(media.attribute(named: "orient")?.value == "landscape")
        #expect(media.attribute(named: "Orient") == nil)
        #expect(Attribute("a b", "c") == nil)
        #expect(Attribute("ptime", "20")?.value == "20")
    }

    /// RFC 8866 §6.6.
    @Test(arguments: [
        ("98 L16/16000/2", 98, "L16", 16_000, 2), ("0 PCMU/8000", 0, "PCMU", 8_000, 1),
        ("127  telephone-event/8000", 127, "telephone-event", 8_000, 1),
    ])
    func rtpmap(text: String, payloadType: Int, encoding: String, clockRate: Int, channels: Int) throws {
        let map = try #require(try RTPMap(text.octets))
        #expect(map.payloadType == UInt8(payloadType))
        #expect(map.encoding.string == encoding)
        #expect(map.clockRate == UInt32(clockRate))
        #expect(map.channels == channels)
    }

    @Test(arguments: [
        "", "98", "98 L16", "128 L16/8000", "-1 L16/8000", "x L16/8000", "98 /8000", "98 L16/", "98 L16/0", "98 L16/x",
        "98 L16/8000/", "98 L16/4294967296", "98 L16/8000/2/3", "98 L(16/8000",
    ])
    func rtpmapOutOfGrammar(text: String) throws {
        #expect(try RTPMap(text.octets) == nil)
    }

    @Test func rtpmapIsWritten() throws {
        #expect(
            RTPMap(payloadType: 96, encoding: "opus", clockRate: 48_000, encodingParameters: "2")?.attribute.value
                == "96 opus/48000/2")
        #expect(RTPMap(payloadType: 128, encoding: "opus", clockRate: 48_000) == nil)
    }

    /// RFC 8866 §6.15.
    @Test func fmtp() throws {
        let media = try media(
            "a=fmtp:96 profile-level-id=42e016;max-mbps=108000; Max-FS = 3600;flag\na=fmtp:97\na=fmtp:101 0-15,66")
        let parameters = try #require(media.formatParameters(for: "96"))
        #expect(parameters["profile-level-id"] == "42e016")
        #expect(parameters["max-mbps"] == "108000")
        #expect(parameters["max-fs"] == "3600")
        #expect(parameters["flag"] == "")
        #expect(parameters["absent"] == nil)
        #expect(media.formatParameters(for: "97")?.parameters == "")
        #expect(media.formatParameters(for: "101")?.parameters == "0-15,66")
        #expect(media.formatParameters(for: "98") == nil)
    }

    /// RFC 8866 §6.4, §6.5, RFC 3264 §5.1: greater than zero.
    @Test(arguments: [
        ("20", Duration.milliseconds(20)), ("2.5", .microseconds(2500)), ("0.125", .microseconds(125)),
        (" 30 ", .milliseconds(30)), ("20.0", .milliseconds(20)), ("60000", .seconds(60)), ("0", nil), ("0.0", nil),
        ("-20", nil), ("x", nil), ("", nil), ("20.", nil), (".5", nil), ("60001", nil), ("60000.5", nil),
        ("99999999999999999999", nil),
    ])
    func packetTime(text: String, expected: Duration?) throws {
        let media = try media("a=ptime:\(text)\na=maxptime:\(text)")
        #expect(media.packetTime == expected)
        #expect(media.maximumPacketTime == expected)
    }

    /// RFC 8866 §6.7: media level before session level before the default.
    @Test(arguments: [
        ("", "", Direction.sendrecv), ("a=inactive\n", "", .inactive), ("a=inactive\n", "\na=sendrecv", .sendrecv),
        ("", "\na=recvonly", .recvonly), ("a=sendonly\n", "\na=sendonly:x", .sendonly), ("", "\na=SENDONLY", .sendrecv),
    ])
    func direction(session: String, media: String, expected: Direction) throws {
        let text =
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n\(session)m=audio 4000 RTP/AVP 0\(media)"
        let description = try parse(text)
        #expect(description.direction(of: description.media[0]) == expected)
    }

    @Test func directionAlgebra() {
        #expect(Direction.allCases.map(\.reversed) == [.sendrecv, .recvonly, .sendonly, .inactive])
        for direction in Direction.allCases {
            #expect(direction.reversed.reversed == direction)
            #expect(direction.intersection(.sendrecv) == direction)
            #expect(direction.intersection(.inactive) == .inactive)
            #expect(Direction(sends: direction.sends, receives: direction.receives) == direction)
        }
        #expect(Direction.sendonly.intersection(.recvonly) == .inactive)
    }

    /// The examples of RFC 3605 §2.1.
    @Test func rtcp() throws {
        #expect(try media("a=rtcp:53020").rtcp == RTCPAttribute(port: 53020))
        let four = try #require(try media("a=rtcp:53020 IN IP4 126.16.64.4").rtcp)
        #expect(four.connection?.address == .ip4(0x7E10_4004))
        let six = try #require(try media("a=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD").rtcp)
        #expect(six.connection?.address == .ip6(0x2001_2345_6789_ABCD_EF01_2345_6789_ABCD))
        #expect(six.attribute.value == "53020 IN IP6 2001:2345:6789:abcd:ef01:2345:6789:abcd")
        #expect(try media("a=rtcp:65536").rtcp == nil)
        #expect(try media("a=rtcp:53020 IN IP4").rtcp == nil)
        #expect(try media("a=rtcp").rtcp == nil)
    }

    @Test func groupsAndIdentification() throws {
        let description = try parse(PeerSample.chromium.text)
        #expect(description.groups.map(\.semantics) == ["BUNDLE"])
        #expect(description.groups.first?.members == ["0", "1"])
        #expect(description.media.map(\.identification) == ["0", "1"])
        #expect(description.media.map(\.isRTCPMultiplexed) == [true, false])
        #expect(description.media[0].attributes(named: "candidate").count == 2)
        #expect(description.media[0].attribute(named: "setup")?.value == "actpass")
    }
}
