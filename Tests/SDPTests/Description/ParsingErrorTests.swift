import SDP
import Testing

@Suite struct ParsingErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let code: SessionDescriptionError.Code
        let line: Int
        var testDescription: String { name }
    }

    private static let head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"

    static let malformed: [Case] = [
        Case(name: "no bytes", text: "", code: .empty, line: 0),
        Case(name: "only a line end", text: "\r\n", code: .malformedLine, line: 1),
        Case(name: "something else", text: "INVITE sip:a@b SIP/2.0\n", code: .malformedLine, line: 1),
        Case(name: "v= not first", text: "o=- 1 1 IN IP4 192.0.2.1\nv=0\n", code: .missingLine, line: 1),
        Case(name: "v= alone", text: "v=0\n", code: .missingLine, line: 2),
        Case(name: "another version", text: "v=1\no=- 1 1 IN IP4 192.0.2.1\n", code: .unsupportedVersion, line: 1),
        Case(name: "no version", text: "v=\no=- 1 1 IN IP4 192.0.2.1\n", code: .unsupportedVersion, line: 1),
        Case(name: "o= missing", text: "v=0\ns=-\n", code: .missingLine, line: 2),
        Case(name: "o= too short", text: "v=0\no=- 1 1 IN IP4\ns=-\n", code: .malformedField, line: 2),
        Case(name: "second o=", text: head + "o=- 1 1 IN IP4 192.0.2.1\n", code: .misplacedLine, line: 6),
        Case(
            name: "second description", text: head + "m=audio 1 RTP/AVP 0\n" + head, code: .misplacedLine, line: 7),
        Case(name: "no equals sign", text: head + "audio 1\n", code: .malformedLine, line: 6),
        Case(name: "space before the equals sign", text: head + "a =x\n", code: .malformedLine, line: 6),
        Case(name: "no letter", text: head + "=x\n", code: .malformedLine, line: 6),
        Case(name: "empty line inside", text: head + "\nm=audio 1 RTP/AVP 0\n", code: .malformedLine, line: 7),
        Case(name: "NUL", text: head + "a=x\0y\n", code: .malformedLine, line: 6),
        Case(name: "lone CR", text: head + "a=x\ry\n", code: .malformedLine, line: 6),
        Case(name: "two CRs", text: head + "a=x\r\r\n", code: .malformedLine, line: 6),
        Case(name: "bad m=", text: head + "m=audio\n", code: .malformedField, line: 6),
        Case(name: "bad port", text: head + "m=audio 70000 RTP/AVP 0\n", code: .malformedField, line: 6),
        Case(
            name: "bad c= of the session", text: "v=0\no=- 1 1 IN IP4 1.1.1.1\nc=IN IP4 1.1.1.1.1\n",
            code: .malformedField, line: 3),
        Case(name: "bad c= of media", text: head + "m=audio 1 RTP/AVP 0\nc=IN IP4\n", code: .malformedField, line: 7),
    ]

    @Test(arguments: malformed)
    func tolerantParsingStillRefuses(test: Case) {
        for text in [test.text, String(test.text.map { $0 == "\n" ? "\r\n" : $0 })] where !text.contains("\r\r\n") {
            let error = #expect(throws: SessionDescriptionError.self) {
                try SessionDescription(parsing: Array(text.utf8))
            }
            #expect(error?.code == test.code)
            #expect(error?.line == test.line)
            #expect(error?.reason.isEmpty == false)
        }
    }

    static let strictOnly: [Case] = [
        Case(name: "s= missing", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\nt=0 0\n", code: .missingLine, line: 0),
        Case(name: "t= missing", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n", code: .missingLine, line: 0),
        Case(name: "empty s=", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=\nt=0 0\n", code: .malformedField, line: 3),
        Case(
            name: "o= not numeric", text: "v=0\no=- a 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n", code: .malformedField, line: 2),
        Case(name: "two spaces", text: "v=0\no=-  1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n", code: .malformedField, line: 2),
        Case(
            name: "no c= at all", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 1 RTP/AVP 0\n",
            code: .missingLine, line: 5),
        Case(name: "unknown letter", text: head + "x=y\n", code: .unknownLine, line: 6),
        Case(name: "order", text: head + "b=AS:1\n", code: .misplacedLine, line: 6),
        Case(
            name: "order in media", text: head + "m=audio 1 RTP/AVP 0\na=x\nc=IN IP4 1.1.1.1\n", code: .misplacedLine,
            line: 8),
        Case(
            name: "second s=", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\ns=-\nt=0 0\n", code: .misplacedLine, line: 4),
        Case(
            name: "second c= of the session",
            text: "v=0\no=- 1 1 IN IP4 1.1.1.1\ns=-\nc=IN IP4 1.1.1.1\nc=IN IP4 1.1.1.1\nt=0 0\n", code: .misplacedLine,
            line: 5),
        Case(name: "t= in media", text: head + "m=audio 1 RTP/AVP 0\nt=0 0\n", code: .misplacedLine, line: 7),
        Case(name: "z= without r=", text: head + "z=3730928400 0\n", code: .misplacedLine, line: 6),
        Case(
            name: "r= without t=", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nr=1 1 0\nt=0 0\n", code: .misplacedLine,
            line: 4),
        Case(name: "bad t=", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=now\n", code: .malformedField, line: 4),
        Case(name: "bad r=", text: head + "r=x\n", code: .malformedField, line: 6),
        Case(name: "bad z=", text: head + "r=1 1 0\nz=1\n", code: .malformedField, line: 7),
        Case(name: "bad b=", text: "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nb=64\nt=0 0\n", code: .malformedField, line: 4),
        Case(name: "attribute name", text: head + "a=b c\n", code: .malformedField, line: 6),
        Case(name: "empty attribute", text: head + "a=\n", code: .malformedField, line: 6),
        Case(name: "empty attribute value", text: head + "a=x:\n", code: .malformedField, line: 6),
        Case(name: "m= without format", text: head + "m=audio 1 RTP/AVP\n", code: .malformedField, line: 6),
        Case(name: "last line open", text: head + "a=x", code: .malformedLine, line: 6),
        Case(name: "empty line at the end", text: head + "\n", code: .malformedLine, line: 6),
    ]

    @Test(arguments: strictOnly)
    func strictParsingRefusesMore(test: Case) throws {
        let bytes = Array(test.text.utf8)
        let error = #expect(throws: SessionDescriptionError.self) {
            try SessionDescription(parsing: bytes, strictness: .strict)
        }
        #expect(error?.code == test.code)
        #expect(error?.line == test.line)
        #expect(try SessionDescription(parsing: bytes).serialised() == bytes)
    }

    @Test func errorsNameTheLine() throws {
        let error = #expect(throws: SessionDescriptionError.self) { try parse("v=0\no=x") }
        #expect(error.map(String.init(describing:)) == "session description, line 2: o= has not its six subfields")
    }
}
