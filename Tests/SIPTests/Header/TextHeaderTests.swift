import SIP
import Testing

/// Subject, User-Agent, Server, Organization: text for people (RFC 3261 §20.25, §20.35, §20.36, §20.41).
@Suite struct TextHeaderTests {
    @Test(arguments: [
        ("Subject: Need more boxes", HeaderName.subject, "Need more boxes"),
        ("s: Tech Support", .subject, "Tech Support"),
        ("Server: HomeServer v2", .server, "HomeServer v2"),
        ("User-Agent: Softphone Beta1.5 (Linux; x86_64)", .userAgent, "Softphone Beta1.5 (Linux; x86_64)"),
        ("Organization: Boxes by Bob", .organization, "Boxes by Bob"), ("Subject:", .subject, ""),
        ("Subject: 糸電話 ☎", .subject, "糸電話 ☎"),
        (
            "Subject: I know you're there,\r\n         pick up the phone \r\n\tand talk to me!", .subject,
            "I know you're there, pick up the phone and talk to me!"
        ),
        ("Subject:\r\n folded", .subject, "folded"),
    ])
    func texts(_ line: String, _ name: HeaderName, _ expected: String) throws {
        #expect(try sample(line).text(of: name) == expected)
    }

    @Test func whatIsNoUTF8Survives() throws {
        let latin1: [UInt8] = [0x47, 0x72, 0xFC, 0xDF, 0x65]
        let bytes = Array("OPTIONS sip:a@b SIP/2.0\r\nSubject: ".utf8) + latin1 + Array("\r\n x\r\n\r\n".utf8)
        let message = try Message(bytes)
        message.withView { view in
            #expect(view.unfolded(view.field(0)) == latin1 + [0x20, 0x78])
            #expect(view.text(of: .subject) == "Gr\u{FFFD}\u{FFFD}e x")
            var writer = ByteWriter()
            MessageEditor().write(view, into: &writer)
            let written = writer.array
            #expect(written == bytes)
        }
    }

    @Test func absentIsNil() throws {
        #expect(try sample("Subject: x").text(of: .server) == nil)
    }
}
