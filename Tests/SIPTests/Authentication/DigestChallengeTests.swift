import SIP
import Testing

@Suite struct DigestChallengeTests {
    static func parse(_ text: String) throws -> DigestChallenge? {
        try Array(text.utf8).withUnsafeBytes { try DigestChallenge.parse($0) }
    }

    @Test("RFC 3261 §22.2: the example is read in all its parts")
    func rfc3261Example() throws {
        let challenge = try Self.parse(
            """
            Digest
                   realm="biloxi.com",
                   qop="auth,auth-int",
                   nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
                   opaque="5ccc069c403ebaf9f0171e9517f40e41"
            """)
        #expect(
            challenge
                == DigestChallenge(
                    realm: Array("biloxi.com".utf8), nonce: Array("dcd98b7102dd2f0e8b11d0f600bfb0c093".utf8),
                    algorithm: .md5, qualities: [.auth, .authInt],
                    opaque: Array("5ccc069c403ebaf9f0171e9517f40e41".utf8)))
    }

    @Test(
        "RFC 7616 §3.3: qop, algorithm, stale, userhash",
        arguments: [
            ("qop=\"auth\"", [.auth], .md5, false, false), ("qop=auth-int", [.authInt], .md5, false, false),
            ("qop=\"AUTH , x,\tauth-int\"", [.auth, .authInt], .md5, false, false),
            ("qop=\"x\"", [], .md5, false, false), ("qop=\"\"", [], .md5, false, false),
            ("domain=\"sip:a sip:b\"", nil, .md5, false, false),
            ("algorithm=SHA-256", nil, .sha256, false, false), ("algorithm=\"SHA-256\"", nil, .sha256, false, false),
            ("algorithm=AKAv1-MD5", nil, nil, false, false), ("stale=TRUE", nil, .md5, true, false),
            ("stale=\"true\"", nil, .md5, true, false), ("stale=false", nil, .md5, false, false),
            ("stale=maybe", nil, .md5, false, false), ("userhash=true", nil, .md5, false, true),
        ] as [(String, Set<DigestQuality>?, DigestAlgorithm?, Bool, Bool)])
    func parameters(
        text: String, qualities: Set<DigestQuality>?, algorithm: DigestAlgorithm?, isStale: Bool, userhash: Bool
    ) throws {
        let challenge = try #require(try Self.parse("Digest realm=\"r\",nonce=\"n\",\(text)"))
        #expect(challenge.qualities == qualities)
        #expect(challenge.algorithm == algorithm)
        #expect(challenge.isStale == isStale)
        #expect(challenge.acceptsUserhash == userhash)
    }

    @Test("What cannot be answered is an error or nil")
    func refused() throws {
        #expect(try Self.parse("Basic realm=\"r\"") == nil)
        #expect(throws: DigestSyntaxError.self) { try Self.parse("Digest realm=\"r\"") }
        #expect(throws: DigestSyntaxError.self) { try Self.parse("Digest nonce=\"n\"") }
        #expect(throws: DigestSyntaxError.self) { try Self.parse("Digest nonce=\"n\",realm=\"r\",nonce=\"m\"") }
        #expect(throws: DigestSyntaxError.self) { try Self.parse("Digest nonce=\"n\" realm=\"r\"") }
    }

    @Test("What is written is read back, quoting and all")
    func roundTrip() throws {
        let challenges = [
            DigestChallenge(realm: Array("a \"b\" \\c".utf8), nonce: [0x22], algorithm: .sha256),
            DigestChallenge(
                realm: [], nonce: [], algorithm: DigestAlgorithm(.md5, isSession: true), qualities: [.auth, .authInt],
                opaque: Array("o".utf8), isStale: true, acceptsUserhash: true),
            DigestChallenge(realm: Array("ü".utf8), nonce: Array("n".utf8), algorithm: .sha512_256, qualities: nil),
        ]
        for challenge in challenges {
            var writer = ByteWriter()
            challenge.write(into: &writer)
            #expect(try DigestChallenge.parse(writer.bytes) == challenge)
        }
    }

    @Test("RFC 7616 §3.3: realm, nonce, opaque and qop are quoted, algorithm and stale are not")
    func quoting() {
        let challenge = DigestChallenge(
            realm: Array("r".utf8), nonce: Array("n".utf8), algorithm: .sha256, qualities: [.authInt, .auth],
            opaque: Array("o".utf8), isStale: true)
        var writer = ByteWriter()
        challenge.write(into: &writer)
        #expect(
            String(decoding: writer.array, as: UTF8.self)
                == "Digest realm=\"r\",qop=\"auth,auth-int\",algorithm=SHA-256,nonce=\"n\",opaque=\"o\",stale=true")
    }

    @Test("A line end in a value cannot end the header field")
    func injection() {
        let challenge = DigestChallenge(realm: Array("r\r\nX: y".utf8), nonce: [], algorithm: .md5)
        var writer = ByteWriter()
        challenge.write(into: &writer)
        #expect(!writer.array.contains(0x0D) && !writer.array.contains(0x0A))
    }
}
