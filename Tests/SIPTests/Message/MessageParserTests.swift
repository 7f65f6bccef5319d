import SIP
import Testing

/// A message with the line ends SIP wants.
func wire(_ text: String) -> [UInt8] {
    Array(text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n").utf8)
}

let invite = """
    INVITE sip:bob@biloxi.example.com SIP/2.0
    Via: SIP/2.0/UDP pc33.atlanta.example.com:5066;branch=z9hG4bK776asdhds;rport
    Max-Forwards: 70
    To: Bob <sip:bob@biloxi.example.com>
    f: "Alice \\"A\\"" <sip:alice@atlanta.example.com>;tag=1928301774
    Call-ID: a84b4c76e66710@pc33.atlanta.example.com
    CSeq: 314159 INVITE
    CONTACT : <sip:alice@pc33.atlanta.example.com;transport=tcp>;q=0.5
    Route: <sip:p1.example.com;lr>, "x, y" <sip:p2.example.com;lr>
    Subject: I know
     you are there
    X-Other: a, b
    Content-Type: text/plain
    Content-Length: 4

    abcdEXTRA
    """

@Suite struct MessageParserTests {
    @Test func indexesARequest() throws {
        let message = try Message(wire(invite))
        #expect(message.defect == nil)
        #expect(message.isRequest)
        #expect(message.method == .invite)
        #expect(message[.callID] == "a84b4c76e66710@pc33.atlanta.example.com")
        #expect(message["x-other"] == "a, b")
        #expect(message[.subject]?.split(whereSeparator: \.isWhitespace) == ["I", "know", "you", "are", "there"])
        #expect(message.body == Array("abcd".utf8))
        #expect(message.values(of: .route) == ["<sip:p1.example.com;lr>", "\"x, y\" <sip:p2.example.com;lr>"])
        message.withView { #expect($0.validate() == nil) }
    }

    @Test func typesTheRoutingHeaders() throws {
        let message = try Message(wire(invite))
        try message.withView { view in
            let via = try view.topVia
            #expect(via.transport == .udp)
            #expect(view.text(via.host) == "pc33.atlanta.example.com")
            #expect(via.port == 5066)
            #expect(view.text(via.branch) == "z9hG4bK776asdhds")
            #expect(via.hasRport && via.rport == 0)
            let from = try view.from
            #expect(view.text(from.tag) == "1928301774")
            #expect(view.text(from.uri) == "sip:alice@atlanta.example.com")
            #expect(NameAddress.unquote(view.text(from.displayName)) == "Alice \"A\"")
            #expect(try view.to.tag.isEmpty)
            #expect(try view.cSeq.number == 314159)
            #expect(try view.cSeq.method == .invite)
            #expect(try view.maxForwards == 70)
            let contact = try view.single(.contact)
            #expect(view.text(contact.uri) == "sip:alice@pc33.atlanta.example.com;transport=tcp")
            #expect(view.parameters(contact.parameters).first("q").map { view.text($0.value) } == "0.5")
            let uri = try view.requestURI
            #expect(view.text(uri.user) == "bob")
            #expect(view.text(uri.host) == "biloxi.example.com")
        }
    }

    @Test func indexesAResponse() throws {
        let message = try Message(
            wire(
                "SIP/2.0 180 Ringing\nVia: SIP/2.0/UDP a\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\n\n"
            ))
        #expect(!message.isRequest)
        #expect(message.statusCode == 180)
        #expect(message.reasonPhrase == "Ringing")
        #expect(message.defect == nil)
        message.withView { #expect($0.validate() == nil) }
    }

    @Test(arguments: [
        ("", MessageDefect.Code.notSIP), ("\r\n\r\n", .notSIP), ("hello\r\n\r\n", .notSIP),
        ("GET / HTTP/1.1\r\n\r\n", .notSIP), ("INVITE SIP/2.0\r\n\r\n", .notSIP),
    ])
    func refusesWhatIsNotSIP(_ text: String, _ code: MessageDefect.Code) {
        #expect(throws: MessageDefect(code, "")) { try Message(text) }
    }

    @Test(arguments: [
        ("OPTIONS  sip:a@b SIP/2.0\r\n\r\n", MessageDefect.Code.startLine),
        ("OPTIONS sip:a@b SIP/2.0 \r\n\r\n", .startLine),
        ("OPTIONS sip:a@b SIP/7.0\r\n\r\n", .version),
        ("SIP/2.0 99 Low\r\n\r\n", .startLine),
        ("SIP/2.0 4294967301 Big\r\n\r\n", .startLine),
        ("OPTIONS sip:a@b SIP/2.0\r\nVia SIP/2.0/UDP x\r\n\r\n", .headerLine),
        ("OPTIONS sip:a@b SIP/2.0\r\nb@d: x\r\n\r\n", .headerLine),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: -1\r\n\r\n", .headerValue),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 5\r\n\r\nabc", .truncatedBody),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 0\r", .incomplete),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\nVia", .headerLine),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 1\r\n", .truncatedBody),
    ])
    func notesDefects(_ text: String, _ code: MessageDefect.Code) throws {
        #expect(try Message(text).defect?.code == code)
    }

    @Test func everyRegisteredNameIsFoundInAnyCaseAndCompactForm() {
        for raw in 1...HeaderName.count {
            let name = HeaderName(rawValue: UInt8(raw))
            let text = String(describing: name.canonical)
            #expect(HeaderName(text) == name)
            #expect(HeaderName(text.uppercased()) == name)
            #expect(HeaderName(text.lowercased()) == name)
            #expect(HeaderName(text + "x") == .other || HeaderName(text + "x") != name)
            // The first letter of To is its compact form.
            #expect(name == .to || HeaderName(String(text.dropLast())) != name)
            if let compact = name.compact {
                let letter = String(decoding: [compact], as: UTF8.self)
                #expect(HeaderName(letter) == name)
                #expect(HeaderName(letter.uppercased()) == name)
            }
        }
        #expect(HeaderName("Call\u{0D}ID") == .other)
        #expect(HeaderName("X-Call-ID") == .other)
    }

    @Test func limitsAreKept() throws {
        let many = "OPTIONS sip:a@b SIP/2.0\r\n" + String(repeating: "X: y\r\n", count: 10_000) + "\r\n"
        let message = try Message([UInt8](many.utf8), limits: MessageLimits(messageSize: 100_000))
        #expect(message.defect?.code == .tooLarge)
        #expect(message.view.fieldCount == MessageLimits().headerFieldCount)
        let long = "OPTIONS sip:a@b SIP/2.0\r\nSubject: " + String(repeating: "x", count: 20_000) + "\r\n\r\n"
        #expect(try Message(long).defect?.code == .tooLarge)
        let line = "OPTIONS sip:" + String(repeating: "x", count: 9_000) + "@b SIP/2.0\r\n\r\n"
        #expect(try Message(line).defect?.status == 414)
        let big = "OPTIONS sip:a@b SIP/2.0\r\n\r\n" + String(repeating: "x", count: 66_000)
        #expect(try Message(big).defect?.status == 513)
    }

    @Test func cutAtEveryOffsetAndMutatedNothingTraps() {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func random() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        let bytes = wire(invite)
        for end in 0...bytes.count { exercise(Array(bytes[0..<end])) }
        for _ in 0..<3_000 {
            var mutated = bytes
            for _ in 0...(random() % 6) {
                let at = Int(random() % UInt64(mutated.count))
                switch random() % 3 {
                case 0: mutated[at] = UInt8(truncatingIfNeeded: random())
                case 1: mutated.remove(at: at)
                default: mutated.insert(Array("<>\";,:\r\n \t@?[]%".utf8)[Int(random() % 15)], at: at)
                }
            }
            exercise(mutated)
        }
    }

    /// Everything that a message can be asked for.
    private func exercise(_ bytes: [UInt8]) {
        guard let message = try? Message(bytes) else { return }
        message.withView { view in
            _ = view.validate()
            _ = try? view.topVia
            for raw in 1...HeaderName.count {
                for value in view.values(of: HeaderName(rawValue: UInt8(raw))) {
                    if let address = try? view.address(value) { _ = try? view.uri(address.uri) }
                    _ = try? view.via(value)
                    #expect(value.upperBound <= bytes.count)
                }
            }
            var writer = ByteWriter()
            view.beginResponse(.init(400, toTag: 1, copiesRecordRoute: true), into: &writer)
            MessageView.endResponse(into: &writer)
        }
        var framer = StreamFramer()
        framer.append(bytes)
        while let _ = (try? framer.next()).flatMap({ $0 }) {}
    }
}
