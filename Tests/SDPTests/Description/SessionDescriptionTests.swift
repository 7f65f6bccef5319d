import SDP
import Testing

/// The examples of RFC 8866 §5 and §6.
@Suite struct SessionDescriptionTests {
    @Test func overview() throws {
        let description = try parse(RFC8866.overview)
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
        let description = try parse(RFC8866.directions)
        #expect(description.media.map(description.direction(of:)) == [.sendrecv, .inactive, .inactive])
    }

    @Test func schedule() throws {
        let description = try parse(RFC8866.schedule)
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

    @Test(arguments: RFC8866.all)
    func examplesFollowTheWholeGrammar(text: String) throws {
        _ = try SessionDescription(parsing: crlf(text), strictness: .strict)
    }

    @Test func allInputsAreReadAlike() throws {
        let bytes = crlf(RFC8866.overview)
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
