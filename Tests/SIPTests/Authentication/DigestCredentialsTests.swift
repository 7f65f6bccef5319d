import SIP
import Testing

@Suite struct DigestCredentialsTests {
    static func parse(_ text: String) throws -> DigestCredentials? {
        try Array(text.utf8).withUnsafeBytes { try DigestCredentials.parse($0) }
    }

    /// The value of a parameter as text.
    static func text(_ value: AuthParameterValue, _ field: String) -> String {
        Array(field.utf8).withUnsafeBytes { String(decoding: value.unquoted(in: $0), as: UTF8.self) }
    }

    static let minimal = "Digest username=\"bob\",realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"\(digits)\""
    static let digits = String(repeating: "a", count: 32)

    @Test("RFC 3261 §22.2: the example is read in all its parts")
    func rfc3261Example() throws {
        let field = """
            Digest username="bob",
                    realm="biloxi.com",
                    nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
                    uri="sip:bob@biloxi.com",
                    qop=auth,
                    nc=00000001,
                    cnonce="0a4f113b",
                    response="6629fae49393a05397450978507c4ef1",
                    opaque="5ccc069c403ebaf9f0171e9517f40e41"
            """
        let credentials = try #require(try Self.parse(field))
        #expect(Self.text(credentials.username, field) == "bob")
        #expect(Self.text(credentials.realm, field) == "biloxi.com")
        #expect(Self.text(credentials.nonce, field) == "dcd98b7102dd2f0e8b11d0f600bfb0c093")
        #expect(Self.text(credentials.uri, field) == "sip:bob@biloxi.com")
        #expect(Self.text(credentials.cnonce, field) == "0a4f113b")
        #expect(Self.text(credentials.response, field) == "6629fae49393a05397450978507c4ef1")
        #expect(Self.text(credentials.opaque, field) == "5ccc069c403ebaf9f0171e9517f40e41")
        #expect(Self.text(credentials.nonceCountText, field) == "00000001")
        #expect(credentials.quality == .auth)
        #expect(credentials.nonceCount == 1)
        #expect(credentials.algorithm == .md5)
        #expect(!credentials.hashesUsername)
    }

    @Test(
        "What senders do differently is taken",
        arguments: [
            "digest USERNAME=\"bob\",Realm=\"r\",NONCE=\"n\",uri=\"sip:r\",response=\"\(digits)\"",
            "Digest\tusername = \"bob\" , realm\r\n = \"r\",nonce=\"n\",uri=\"sip:r\",response=\"\(digits)\" ",
            "Digest ,username=\"bob\",,realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"\(digits)\",",
            "Digest username=bob,realm=r,nonce=n,uri=sip:r,response=\(digits)",
            "\(minimal),qop=\"auth\",nc=\"0000000A\",cnonce=\"c\",algorithm=\"md5\"",
            "\(minimal),unknown=1,unknown=2,auts=\"=,=\",x-y=\"a\\\"b\"",
            "Digest username=\"bob\",realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"\(digits.uppercased())\"",
        ])
    func tolerated(field: String) throws {
        let credentials = try #require(try Self.parse(field))
        #expect(Self.text(credentials.username, field) == "bob")
        #expect(Self.text(credentials.realm, field) == "r")
        #expect(Self.text(credentials.uri, field) == "sip:r")
        #expect(credentials.algorithm == .md5)
    }

    @Test("Other schemes are passed over", arguments: ["Basic Ym9iOng=", "NTLM", "AWS4 a=b, c=d", "Digestive a=\"b\""])
    func otherSchemes(field: String) throws {
        #expect(try Self.parse(field) == nil)
    }

    @Test(
        "What is ambiguous or incomplete is refused, with its place",
        arguments: [
            ("", .noScheme, 0), (" ,", .noScheme, 1), ("\"Digest\" a=b", .noScheme, 0), ("Digest,a=b", .noScheme, 6),
            ("Digest =b", .badParameterName, 7), ("Digest \"a\"=b", .badParameterName, 7),
            ("Digest a", .noEqualSign, 8), ("Digest a b", .noEqualSign, 9), ("Digest a=", .noValue, 9),
            ("Digest a=,b=c", .noValue, 9), ("Digest a=\"b", .openQuote, 9), ("Digest a=\"b\\", .openQuote, 9),
            ("Digest a=\"b\\\"", .openQuote, 9), ("Digest a=b\"c\"", .badCharacter, 10),
            ("Digest a=\"\u{1}\"", .badCharacter, 10), ("Digest a=\"\u{7F}\"", .badCharacter, 10),
            ("Digest a=\u{7F}", .badCharacter, 9), ("Digest a=\"b\" c=\"d\"", .noComma, 13),
            ("Digest nc=1,NC=2", .duplicate, 12), ("Digest qop=auth,qop=auth", .duplicate, 16),
            ("Digest realm=\"\",realm=\"\"", .duplicate, 16), ("Digest algorithm=x,algorithm=y", .duplicate, 19),
            ("Digest userhash=false,userhash=false", .duplicate, 22), ("Digest qop=none", .unknownQop, 11),
            ("Digest", .missing, 6), ("Digest username=\"bob\"", .missing, 21),
            ("\(minimal),qop=auth", .missing, 106), ("\(minimal),qop=auth,nc=00000001", .missing, 118),
            ("\(minimal),qop=auth,cnonce=\"\",nc=1", .badNonceCount, 120),
            ("\(minimal),qop=auth,cnonce=\"\",nc=0000000g", .badNonceCount, 120),
            ("\(minimal),qop=auth,cnonce=\"\",nc=000000001", .badNonceCount, 120),
            ("\(minimal),qop=auth,cnonce=\"\",nc=00000000", .badNonceCount, 120),
            ("\(minimal),algorithm=SHA-256", .badResponse, 64),
            ("Digest username=\"b\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"xyz\"", .badResponse, 58),
            ("\(minimal),username*=UTF-8''bob", .twoUsernames, 108),
        ] as [(String, DigestSyntaxError.Code, Int)])
    func refused(field: String, code: DigestSyntaxError.Code, offset: Int) {
        let error = #expect(throws: DigestSyntaxError.self) { try Self.parse(field) }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
    }

    @Test("Limits: 8,192 bytes, 64 parameters")
    func limits() throws {
        let room = AuthenticationLimits.longestValue - Self.minimal.utf8.count - 5
        #expect(try Self.parse(Self.minimal + ",x=\"" + String(repeating: "y", count: room) + "\"") != nil)
        #expect(throws: DigestSyntaxError(.tooLong)) {
            try Self.parse(Self.minimal + ",x=\"" + String(repeating: "y", count: room + 1) + "\"")
        }
        let more = String(repeating: ",x=y", count: AuthenticationLimits.mostParameters - 5)
        #expect(try Self.parse(Self.minimal + more) != nil)
        let error = #expect(throws: DigestSyntaxError.self) { try Self.parse(Self.minimal + more + ",x=y") }
        #expect(error?.code == .tooManyParameters)
    }

    @Test("A value cut anywhere, or with any byte replaced, never traps")
    func mutilated() {
        let field = Array((Self.minimal + ",qop=auth,nc=0000000f,cnonce=\"a\\\"b\",algorithm=MD5").utf8)
        var read = 0
        for end in 0...field.count {
            let cut = Array(field[..<end])
            if (try? cut.withUnsafeBytes({ try DigestCredentials.parse($0) })) != nil { read += 1 }
            guard end < field.count else { continue }
            for byte in [0, 0x22, 0x2C, 0x3D, 0x5C, 0x80, 0xFF] as [UInt8] {
                var changed = field
                changed[end] = byte
                if (try? changed.withUnsafeBytes({ try DigestCredentials.parse($0) })) != nil { read += 1 }
            }
        }
        #expect(read > 0)
    }

    @Test("RFC 8760 §2.7: empty response and nonce before the first challenge are read")
    func beforeChallenge() throws {
        let field = "Digest username=\"bob\",realm=\"r\",nonce=\"\",uri=\"sip:r\",response=\"\""
        let credentials = try #require(try Self.parse(field))
        #expect(credentials.nonce.isPresent && credentials.nonce.isEmpty)
        #expect(credentials.response.isPresent && credentials.response.isEmpty)
    }

    @Test(
        "RFC 7616 §3.3: algorithm names",
        arguments: [
            ("MD5", DigestAlgorithm.md5), ("md5", .md5), ("MD5-sess", DigestAlgorithm(.md5, isSession: true)),
            ("SHA-256", .sha256), ("sha-256-SESS", DigestAlgorithm(.sha256, isSession: true)),
            ("SHA-512-256", .sha512_256), ("SHA-512-256-sess", DigestAlgorithm(.sha512_256, isSession: true)),
            ("AKAv1-MD5", nil), ("SHA256", nil),
        ])
    func algorithms(name: String, expected: DigestAlgorithm?) throws {
        let size = 2 * (expected?.function.digestSize ?? 7)
        let response = String(repeating: "0", count: size)
        let field =
            "Digest username=\"b\",realm=\"r\",nonce=\"n\",uri=\"u\",algorithm=\(name),response=\"\(response)\""
        #expect(try Self.parse(field)?.algorithm == expected)
    }

    @Test(
        "RFC 7616 §3.4: usernames without quotes, backslashes and percent escapes",
        arguments: [
            ("username=\"bob\"", "bob"), ("username=\"b\\\"o\\\\b\"", "b\"o\\b"),
            ("username=\"Jäsøn Doe\"", "Jäsøn Doe"),
            ("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe", "Jäsøn Doe"), ("username*=utf-8'en'bob", "bob"),
        ])
    func usernames(parameter: String, expected: String) throws {
        let field = "Digest \(parameter),realm=\"r\",nonce=\"n\",uri=\"u\",response=\"\""
        let credentials = try #require(try Self.parse(field))
        let username = try Array(field.utf8).withUnsafeBytes { try credentials.decodedUsername(in: $0) }
        #expect(String(decoding: username, as: UTF8.self) == expected)
    }

    @Test(
        "A username* that is not UTF-8 in extended notation is refused",
        arguments: [
            "bob", "UTF-8'bob", "ISO-8859-1''J%E4sn", "UTF-8''%C3", "UTF-8''%C", "UTF-8''%", "UTF-8''%zz", "''",
        ])
    func badUsernames(value: String) throws {
        let field = "Digest username*=\(value),realm=\"r\",nonce=\"n\",uri=\"u\",response=\"\""
        let credentials = try #require(try Self.parse(field))
        let error = #expect(throws: DigestSyntaxError.self) {
            try Array(field.utf8).withUnsafeBytes { try credentials.decodedUsername(in: $0) }
        }
        #expect(error?.code == .badUsername)
    }

    @Test("Every syntax error says what is wrong")
    func reasons() {
        let reasons = DigestSyntaxError.Code.allCases.map { DigestSyntaxError($0).reason }
        #expect(Set(reasons).count == reasons.count)
        #expect(reasons.allSatisfy { !$0.isEmpty })
    }
}
