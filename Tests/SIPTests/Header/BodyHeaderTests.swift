import SIP
import Testing

/// Content-Type, Content-Disposition, Accept and what goes with them (RFC 3261 §20.1 to §20.3, §20.11 to §20.15).
@Suite struct BodyHeaderTests {
    @Test(arguments: [
        ("application/sdp", MediaType.sdp),
        ("text/html; charset=ISO-8859-4", MediaType("text", "html", parameters: [.init("charset", "ISO-8859-4")])),
        ("TEXT / Plain", .plainText),
        (
            "multipart/mixed;boundary=\"a; \\\"b\\\"\" ; Type=x",
            MediaType("multipart", "mixed", parameters: [.init("boundary", "a; \"b\""), .init("type", "x")])
        ),
        ("*/*", MediaType("*", "*")),
    ])
    func mediaTypes(_ text: String, _ expected: MediaType) throws {
        #expect(try MediaType(text) == expected)
        #expect(try sample("c: \(text)").contentType == expected)
        #expect(try MediaType(expected.description) == expected)
    }

    @Test(arguments: ["", "application", "application/", "/sdp", "a/b;", "a/b;x=\"y", "a/b c", "a b/c", "a/b,c/d"])
    func malformedMediaTypes(_ text: String) {
        #expect(throws: malformedValue) { try MediaType(text) }
    }

    @Test func withoutContentTypeThereIsNone() throws {
        #expect(try sample("Subject: x").contentType == nil)
    }

    @Test func mediaTypeParametersAreFound() throws {
        let type = try MediaType("multipart/signed;Boundary=x;protocol=\"application/pkcs7\"")
        #expect(type["boundary"] == "x")
        #expect(type["PROTOCOL"] == "application/pkcs7")
        #expect(type["micalg"] == nil)
        #expect(type.description == "multipart/signed;boundary=x;protocol=\"application/pkcs7\"")
        #expect(type.isSameKind(as: MediaType("Multipart", "SIGNED")))
    }

    /// What is accepted of application/sdp, application/x-private, text/html and text/plain.
    @Test(
        arguments: [
            (["Accept: application/sdp;level=1, application/x-private, text/html"], [true, true, true, false]),
            (["Accept: application/*"], [true, true, false, false]),
            (["Accept: */*;q=0.1, text/*;q=0, text/plain"], [true, true, false, true]),
            (["Accept: text/plain", "Accept: application/sdp;q=0"], [false, false, false, true]),
            (["Accept:"], [false, false, false, false]),
            (["Accept: nonsense, TEXT/HTML;Q=0.001"], [false, false, true, false]),
            ([], [true, false, false, false]),
        ] as [([String], [Bool])])
    func accept(_ lines: [String], _ expected: [Bool]) throws {
        try sample(lines).withView { view in
            #expect(view.accepts("application", "sdp") == expected[0])
            #expect(view.accepts("application", "x-private") == expected[1])
            #expect(view.accepts("text", "html") == expected[2])
            #expect(view.accepts("text", "plain") == expected[3])
        }
    }

    /// What is accepted of gzip and identity.
    @Test(
        arguments: [
            (["Accept-Encoding: gzip"], true, true), (["Accept-Encoding:"], false, true), ([], false, true),
            (["Accept-Encoding: gzip;q=0, *"], false, true),
            (["Accept-Encoding: identity;q=0, GZIP;q=0.5"], true, false),
            (["Accept-Encoding: *;q=0"], false, false), (["Accept-Encoding: compress, *;q=0.1"], true, true),
        ] as [([String], Bool, Bool)])
    func acceptEncoding(_ lines: [String], _ gzip: Bool, _ identity: Bool) throws {
        try sample(lines).withView { view in
            #expect(view.accepts(encoding: "gzip") == gzip)
            #expect(view.accepts(encoding: "identity") == identity)
        }
    }

    @Test func acceptLanguage() throws {
        try sample("Accept-Language: da, en-gb;q=0.8, en;q=0.7").withView { view in
            let choices = try view.values(of: .acceptLanguage).map { try view.preference($0) }
            #expect(choices.map { view.text($0.name) } == ["da", "en-gb", "en"])
            #expect(choices.map(\.quality) == [1_000, 800, 700])
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("0.5", 500), ("0.333", 333), ("1", 1_000), ("1.000", 1_000), ("0.", 0), ("1.", 1_000),
            (".5", 500),
            ("0.12345", 123), ("1.001", nil), ("2", nil), ("", nil), ("-1", nil), ("0.5x", nil), ("0,5", nil), (".", 0),
        ] as [(String, Int?)])
    func weights(_ text: String, _ thousandths: Int?) throws {
        try sample("Contact: <sip:a@b>;q=\(text.isEmpty ? "\"\"" : text)").withView { view in
            let contact = try? view.contact(#require(view.value(of: .contact)))
            #expect(contact?.quality == thousandths)
        }
    }

    @Test(
        arguments: [
            (["Content-Disposition: session"], DispositionIndex.Kind.session, true),
            (["Content-Disposition: Early-Session;HANDLING=Optional"], .earlySession, false),
            (["Content-Disposition: by-reference;handling=required"], .other, true),
            (["Content-Type: application/sdp"], .session, true), (["Content-Type: text/plain"], .render, true),
            ([], .render, true), (["Content-Disposition: icon;x=y;handling=other"], .icon, true),
        ] as [([String], DispositionIndex.Kind, Bool)])
    func disposition(_ lines: [String], _ kind: DispositionIndex.Kind, _ isRequired: Bool) throws {
        try sample(lines).withView { view in
            let disposition = try view.contentDisposition
            #expect(disposition.kind == kind)
            #expect(disposition.isRequired == isRequired)
        }
    }

    @Test func malformedDisposition() throws {
        try sample("Content-Disposition: ;handling=optional").withView { view in
            #expect(throws: malformedValue) { try view.contentDisposition }
        }
    }

    @Test func contentEncodingAndLanguageAreLists() throws {
        let message = try sample("e: gzip, tar", "Content-Language: fr")
        #expect(message.values(of: .contentEncoding) == ["gzip", "tar"])
        #expect(message.values(of: .contentLanguage) == ["fr"])
    }
}
