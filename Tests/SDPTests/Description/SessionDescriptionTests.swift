import SDP
import Testing

/// The examples of RFC 8866 §5 and §6.
@Suite struct SessionDescriptionTests {
    static let overview = """
        v=0
        o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
        s=Call to John Smith
        i=SDP Offer #1
        u=http://www.jdoe.example.com/home.html
        e=Jane Doe <jane@jdoe.example.com>
        p=+1 617 555-6011
        c=IN IP4 198.51.100.1
        t=0 0
        m=audio 49170 RTP/AVP 0
        m=audio 49180 RTP/AVP 0
        m=video 51372 RTP/AVP 99
        c=IN IP6 2001:db8::2
        a=rtpmap:99 h263-1998/90000
        """

    static let directions = """
        v=0
        o=jdoe 3724395000 3724395001 IN IP6 2001:db8::1
        s=-
        c=IN IP6 2001:db8::1
        t=0 0
        a=inactive
        m=audio 49170 RTP/AVP 0
        a=sendrecv
        m=audio 49180 RTP/AVP 0
        m=video 51372 RTP/AVP 99
        a=rtpmap:99 h263-1998/90000
        """

    static let schedule = """
        v=0
        o=- 1 1 IN IP4 198.51.100.1
        s= \u{20}
        e=j.doe@example.com (Jane Doe)
        c=IN IP4 233.252.0.1/127
        b=X-YZ:128
        b=CT:1000
        t=3724394400 3754123200
        r=604800 3600 0 90000
        r=7d 1h 0 25h
        z=3730928400 -1h 3749680800 0
        t=3724484400 3724488000
        k=prompt
        a=tool:foobar V3.2
        a=type:moderated
        a=charset:ISO-8859-1
        m=audio 49230 RTP/AVP 96 97 98
        i=English commentary
        c=IN IP4 233.252.0.1/127
        c=IN IP4 233.252.0.2/127
        b=AS:64
        k=clear:secret
        a=rtpmap:96 L8/8000
        a=rtpmap:97 L16/8000
        a=rtpmap:98 L16/11025/2
        a=lang:de
        a=quality:10
        """

    @Test func overview() throws {
        let description = try parse(Self.overview)
        #expect(description.origin.username == "jdoe")
        #expect(description.name == "Call to John Smith")
        #expect(description.information == "SDP Offer #1")
        #expect(description.uri == "http://www.jdoe.example.com/home.html")
        #expect(description.emails == ["Jane Doe <jane@jdoe.example.com>"])
        #expect(description.phones == ["+1 617 555-6011"])
        #expect(description.connection?.address == .ip4(0xC633_6401))
        #expect(description.times == [TimeDescription(start: 0, stop: 0)])
        #expect(description.media.map(\.media) == ["audio", "audio", "video"])
        #expect(description.media.map(\.port) == [49170, 49180, 51372])
        let addresses = description.media.map { description.connection(of: $0)?.address.description }
        #expect(addresses == ["198.51.100.1", "198.51.100.1", "2001:db8::2"])
        #expect(description.media[2].rtpFormats.map(\.codec.description) == ["h263-1998/90000"])
        #expect(description.media[0].rtpFormats.map(\.codec) == [.pcmu])
    }

    @Test func mediaDirections() throws {
        let description = try parse(Self.directions)
        #expect(description.media.map(description.direction(of:)) == [.sendrecv, .inactive, .inactive])
    }

    @Test func schedule() throws {
        let description = try parse(Self.schedule)
        let times = description.times
        #expect(times.map(\.start) == [3_724_394_400, 3_724_484_400])
        #expect(times.map(\.stop) == [3_754_123_200, 3_724_488_000])
        #expect(times.map(\.repeats.count) == [2, 0])
        #expect(times[0].repeats[0] == times[0].repeats[1])
        #expect(times[0].zones.map(\.offset) == [.seconds(-3600), .zero])
        #expect(description.bandwidths.map(\.type) == ["X-YZ", "CT"])
        #expect(description.attribute(named: "tool")?.value == "foobar V3.2")
        let media = description.media[0]
        #expect(media.information == "English commentary")
        #expect(media.connections.map(\.address) == [.ip4(0xE9FC_0001), .ip4(0xE9FC_0002)])
        #expect(media.bandwidths.map(\.amount) == [64])
        #expect(media.rtpFormats.map(\.codec.description) == ["L8/8000", "L16/8000", "L16/11025/2"])
    }

    @Test(arguments: [overview, directions, schedule])
    func examplesFollowTheWholeGrammar(text: String) throws {
        _ = try SessionDescription(parsing: crlf(text), strictness: .strict)
    }

    @Test func allInputsAreReadAlike() throws {
        let bytes = crlf(Self.overview)
        let fromArray = try SessionDescription(parsing: bytes)
        let fromBuffer = try bytes.withUnsafeBytes { try SessionDescription(parsing: $0) }
        let fromSpan = try SessionDescription(parsing: bytes.span.bytes)
        #expect(fromBuffer == fromArray)
        #expect(fromSpan == fromArray)
    }

    @Test func newDescriptionHasTheLinesThatMustBe() throws {
        let origin = Origin(username: "alice", sessionID: 5, sessionVersion: 6, address: .ip4(0xC000_0201))
        let description = SessionDescription(origin: origin, name: "")
        #expect(lines(description) == ["v=0", "o=alice 5 6 IN IP4 192.0.2.1", "s=-", "t=0 0"])
        _ = try SessionDescription(parsing: description.serialised(), strictness: .strict)
    }
}
