import SDP
import Testing

@Suite struct ByteStringTests {
    @Test(arguments: ["a\rb", "a\nb", "a\0b", "\r\nm=audio 0 RTP/AVP 0"])
    func lineEndsAndNulAreNotText(text: String) {
        #expect(ByteString(text) == nil)
    }

    @Test func bytesThatAreNotUTF8AreKept() throws {
        let value = try #require(ByteString([0xE9, 0x74, 0xE9] as [UInt8]))
        #expect(Array(value.bytes) == [0xE9, 0x74, 0xE9])
        #expect(value.string == nil)
        #expect(value.description == "\u{FFFD}t\u{FFFD}")
    }

    @Test func stringsAreViews() {
        let value: ByteString = "会議"
        #expect(value.string == "会議")
        #expect(value.count == 6)
        #expect(!value.isEmpty)
        #expect(ByteString("") == "")
    }

    @Test func equalityIsOfBytesAndCaseIsFoldedOnRequest() {
        let upper: ByteString = "PCMU"
        #expect(upper != "pcmu")
        #expect(upper.equalsIgnoringCase("pcmu"))
        #expect(!upper.equalsIgnoringCase("pcma"))
        #expect(!upper.equalsIgnoringCase("pcmu "))
        // Only letters fold: '@' and '`' differ by the same bit.
        let at: ByteString = "@"
        #expect(!at.equalsIgnoringCase("`"))
    }

    @Test func numbersAreDecimal() {
        #expect(ByteString(UInt64.max) == "18446744073709551615")
    }
}
