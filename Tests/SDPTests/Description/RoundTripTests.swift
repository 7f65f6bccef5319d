import SDP
import Testing

/// What comes in goes out, byte for byte, where it was not touched.
@Suite struct RoundTripTests {
    static let texts: [String] = RFC8866.all + PeerSample.all.map(\.text)

    @Test(arguments: texts)
    func withCRLF(text: String) throws {
        let bytes = crlf(text)
        #expect(try SessionDescription(parsing: bytes).serialised() == bytes)
    }

    @Test(arguments: texts)
    func withLF(text: String) throws {
        let bytes = Array((text + "\n").utf8)
        #expect(try SessionDescription(parsing: bytes).serialised() == bytes)
    }

    @Test(arguments: texts)
    func withoutEndOfTheLastLine(text: String) throws {
        let bytes = Array(crlf(text).dropLast(2))
        #expect(try SessionDescription(parsing: bytes).serialised() == bytes)
    }

    @Test func oddOrderUnknownLettersAndBytesAreKept() throws {
        var bytes = crlf(
            """
            v=0
            o=- 1 1 IN IP4 192.0.2.1
            x=unknown: a=b
            t=0 0
            a=first
            s=late
            B=upper
            m=audio 4000  RTP/AVP 0\u{9}8\u{20}
            a=unknown:\u{1}\u{7F} \u{e9}
            c=IN IP4  192.0.2.1
            y=
            """)
        bytes += [0x61, 0x3D, 0x66, 0x3A, 0xFF, 0xFE, 0x80, 0x0A] + [0x0D, 0x0A, 0x0A]
        let description = try SessionDescription(parsing: bytes)
        #expect(description.serialised() == bytes)
        #expect(description.name == "late")
        #expect(description.media[0].field.formats == ["0", "8"])
        #expect(description.media[0].attribute(named: "f")?.value?.bytes.elementsEqual([0xFF, 0xFE, 0x80]) == true)
        #expect(description.section.lines.map(\.type.rawValue) == Array("xtasB".utf8))
    }

    @Test func serialisingAppends() throws {
        var bytes: [UInt8] = [1, 2, 3]
        let sample = crlf(PeerSample.sipp.text)
        try SessionDescription(parsing: sample).serialise(into: &bytes)
        #expect(bytes == [1, 2, 3] + sample)
    }
}
