import SDP
import Testing

/// The typed values of single lines.
@Suite struct FieldTests {
    /// RFC 8866 §5.7.
    @Test func connectionWithScopes() throws {
        let single = try #require(Connection("IN IP4 233.252.0.1/127"))
        #expect(single.address == .ip4(0xE9FC_0001))
        #expect(single.timeToLive == 127)
        #expect(single.addressCount == nil)
        let three = try #require(Connection("IN IP4 233.252.0.1/127/3"))
        #expect(three.timeToLive == 127)
        #expect(three.addressCount == 3)
        let six = try #require(Connection("IN IP6 ff00::db8:0:101/3"))
        #expect(six.timeToLive == nil)
        #expect(six.addressCount == 3)
        #expect(
            [single, three, six].map(\.value) == [
                "IN IP4 233.252.0.1/127", "IN IP4 233.252.0.1/127/3", "IN IP6 ff00::db8:0:101/3",
            ])
    }

    @Test func connectionOfAnotherNetworkIsKeptAsWritten() throws {
        let connection = try #require(Connection("TN RFC2543 +1-201-406-4090"))
        #expect(connection.address == .other("+1-201-406-4090"))
        #expect(connection.value == "TN RFC2543 +1-201-406-4090")
    }

    @Test func connectionBelievesTheDigitsRatherThanTheType() throws {
        #expect(Connection("IN IP4 2001:db8::1")?.address.family == .ip6)
    }

    @Test(arguments: [
        "", "IN IP4", "IN IP4 ", "IN IP4 192.0.2.1 x", "IN IP4 192.0.2.300", "IN IP4 233.252.0.1/256",
        "IN IP4 233.252.0.1/127/0", "IN IP4 233.252.0.1/127/3/4", "IN IP6 ff00::1/3/4", "IN IP6 ff00::1/x",
        "(IN) IP4 1.2.3.4",
    ])
    func connectionOutOfGrammar(text: String) throws {
        #expect(try Connection(text.octets) == nil)
    }

    /// RFC 8866 §5.2.
    @Test func origin() throws {
        let origin = try #require(Origin("jdoe 3724394400 3724394405 IN IP4 198.51.100.1"))
        #expect(origin.username == "jdoe")
        #expect(origin.sessionID == "3724394400")
        #expect(origin.versionNumber == 3_724_394_405)
        #expect(origin.networkType == "IN")
        #expect(origin.addressType == "IP4")
        #expect(origin.address == "198.51.100.1")
        #expect(origin.isSameSession(as: origin.withVersion(7)))
        #expect(origin.withVersion(7).value == "jdoe 3724394400 7 IN IP4 198.51.100.1")
        #expect(!origin.isSameSession(as: try #require(Origin("jdoe 3724394401 3724394405 IN IP4 198.51.100.1"))))
    }

    @Test func originBeyond64Bits() throws {
        let origin = try #require(Origin("- 99999999999999999999999 18446744073709551616 IN IP4 192.0.2.1"))
        #expect(origin.versionNumber == nil)
        #expect(origin.sessionID == "99999999999999999999999")
    }

    @Test func originOfOurs() {
        let origin = Origin(username: "al ice", sessionID: 1, sessionVersion: 2, address: .ip6(1))
        #expect(origin.value == "- 1 2 IN IP6 ::1")
    }

    @Test(arguments: ["", "- 1 2 IN IP4", "- 1 2 IN IP4 192.0.2.1 x", "- 1 2 I(N IP4 192.0.2.1"])
    func originOutOfGrammar(text: String) throws {
        #expect(try Origin(text.octets) == nil)
    }

    /// RFC 8866 §5.14.
    @Test func mediaField() throws {
        let field = try #require(MediaField("video 49170/2 RTP/AVP 31 32"))
        #expect(field.media == "video")
        #expect(field.port == 49170)
        #expect(field.portCount == 2)
        #expect(field.transport == "RTP/AVP")
        #expect(field.formats == ["31", "32"])
        #expect(field.value == "video 49170/2 RTP/AVP 31 32")
        #expect(field.withPort(0).value == "video 0 RTP/AVP 31 32")
        #expect(MediaField("message 7394 TCP/MSRP *")?.formats == ["*"])
        #expect(MediaField("video 0 RTP/AVP")?.formats.isEmpty == true)
    }

    @Test(arguments: [
        "", "audio", "audio 1", "audio 65536 RTP/AVP 0", "audio -1 RTP/AVP 0", "audio x RTP/AVP 0",
        "audio 1/0 RTP/AVP 0",
        "audio 1/ RTP/AVP 0", "audio 1 RTP//AVP 0", "audio 1 /AVP 0", "au(dio 1 RTP/AVP 0",
        "audio 99999999999999999999 RTP/AVP 0",
    ])
    func mediaFieldOutOfGrammar(text: String) throws {
        #expect(try MediaField(text.octets) == nil)
    }

    @Test func mediaFieldOfParts() {
        #expect(MediaField(media: "audio", port: 4, transport: "RTP/AVP", formats: ["0"])?.value == "audio 4 RTP/AVP 0")
        #expect(MediaField(media: "au dio", port: 4, transport: "RTP/AVP", formats: ["0"]) == nil)
        #expect(MediaField(media: "audio", port: 4, transport: "RTP AVP", formats: ["0"]) == nil)
        #expect(MediaField(media: "audio", port: 4, transport: "RTP/AVP", formats: ["0 8"]) == nil)
    }

    /// RFC 8866 §5.8, RFC 3890.
    @Test func bandwidth() throws {
        let bandwidth = try #require(Bandwidth("X-YZ:128"))
        #expect(bandwidth.type == "X-YZ")
        #expect(bandwidth.amount == 128)
        #expect(bandwidth.value == "X-YZ:128")
        #expect(Bandwidth("AS:") == nil)
        #expect(Bandwidth("AS") == nil)
        #expect(Bandwidth(":64") == nil)
        #expect(Bandwidth("AS:-1") == nil)
        #expect(Bandwidth("AS:18446744073709551616") == nil)
        #expect(Bandwidth(type: "T I", amount: 1) == nil)
    }

    /// RFC 8866 §5.10: both forms of the example mean the same.
    @Test(arguments: ["604800 3600 0 90000", "7d 1h 0 25h"])
    func repeatTimes(text: String) throws {
        let repetition = try #require(try RepeatTimes(text.octets))
        #expect(repetition.interval == .seconds(604_800))
        #expect(repetition.activeDuration == .seconds(3600))
        #expect(repetition.offsets == [.zero, .seconds(90_000)])
        #expect(repetition.value == "604800 3600 0 90000")
    }

    @Test(arguments: [
        "", "7d", "7d 1h", "0 1 2", "7x 1h 0", "7d -1h 0", "99999999999999999999 1 0", "9999999999999d 1 0",
    ])
    func repeatTimesOutOfGrammar(text: String) throws {
        #expect(try RepeatTimes(text.octets) == nil)
    }

    /// RFC 8866 §5.11.
    @Test func zones() throws {
        #expect(
            ZoneAdjustment.list("3730928400 -1h 3749680800 0") == [
                ZoneAdjustment(time: 3_730_928_400, offset: .seconds(-3600)),
                ZoneAdjustment(time: 3_749_680_800, offset: .zero),
            ])
        #expect(ZoneAdjustment.list("3730928400") == nil)
        #expect(ZoneAdjustment.list("3730928400 -") == nil)
        #expect(ZoneAdjustment.list("") == nil)
    }
}
