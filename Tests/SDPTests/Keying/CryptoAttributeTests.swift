import SDP
import Testing

@Suite struct CryptoAttributeTests {
    /// The example of RFC 4568 §4.3, §6.1: 30 octets.
    static let key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
    static let otherKey = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"

    private func media(_ attributes: String) throws -> MediaDescription {
        try parse(
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/SAVP 0\n" + attributes
        ).media[0]
    }

    /// RFC 4568 §4.5, §6.1.
    @Test func example() throws {
        let crypto = try #require(
            CryptoAttribute(try "1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|2^20|1:32".octets))
        #expect(crypto.tag == 1)
        #expect(crypto.suite == .aesCM128HMACSHA1_80)
        #expect(crypto.keys.count == 1)
        #expect(String(decoding: crypto.keys[0].keyAndSalt, as: UTF8.self) == "wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#")
        #expect(crypto.keys[0].lifetime == 1 << 20)
        #expect(crypto.keys[0].identifier == [UInt8](repeating: 0, count: 31) + [1])
        #expect(crypto.isPlain)
        #expect(crypto.attribute.value == (try "1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|2^20|1:32".octets))
        #expect(crypto.attribute.name == "crypto")
    }

    static let fields: [(String, UInt64?, [UInt8])] = [
        ("", nil, []), ("|2^20", 1 << 20, []), ("|1048575", 1_048_575, []), ("|1", 1, []), ("|2^48", 1 << 48, []),
        ("|2^0", 1, []), ("|1066:4", nil, [0, 0, 4, 42]), ("|2^31|1:1", 1 << 31, [1]), ("|255:1", nil, [255]),
        ("|18446744073709551615:8", nil, [UInt8](repeating: 255, count: 8)),
        ("|1:128", nil, [UInt8](repeating: 0, count: 127) + [1]),
    ]

    /// The second field is a lifetime when it has no colon, else an identifier (§6.1).
    @Test(arguments: fields)
    func lifetimesAndIdentifiers(text: String, lifetime: UInt64?, identifier: [UInt8]) throws {
        let crypto = try #require(CryptoAttribute(try "1 AES_CM_128_HMAC_SHA1_32 inline:\(Self.key)\(text)".octets))
        #expect(crypto.keys[0].lifetime == lifetime)
        #expect(crypto.keys[0].identifier == identifier)
        let written = try #require(crypto.attribute.value)
        #expect(CryptoAttribute(written) == crypto)
    }

    @Test(arguments: [
        // Tag, suite and key.
        "", "1", "1 AES_CM_128_HMAC_SHA1_80", "x AES_CM_128_HMAC_SHA1_80 inline:KEY",
        "01 AES_CM_128_HMAC_SHA1_80 inline:KEY",
        "1000000000 AES_CM_128_HMAC_SHA1_80 inline:KEY", "-1 AES_CM_128_HMAC_SHA1_80 inline:KEY",
        "1 F8_128_HMAC_SHA1_80 inline:KEY", "1 NULL_HMAC_SHA1_80 inline:KEY", "1 AES_CM_128_HMAC_SHA1_80 KEY",
        "1 AES_CM_128_HMAC_SHA1_80 uri:KEY", "1 AES_CM_128_HMAC_SHA1_80 inline:",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEYA",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY=", "1 AES_CM_128_HMAC_SHA1_80 inline:KE*",
        "1 AES_256_CM_HMAC_SHA1_80 inline:KEY",
        "1 AEAD_AES_128_GCM inline:KEY",
        // Lifetime and identifier.
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|0", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|020",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^49", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|281474976710657",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:0",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:129", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|256:1",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|0:4", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|01:4",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:04", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:4|2^20", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4|x",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|20", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|18446744073709551616:9",
        // Several keys: each with an identifier, of one length, and each with another.
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY;inline:OTHER", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:1;inline:OTHER",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:1;inline:OTHER|2:2",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:1;inline:OTHER|1:1",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:1;",
        // Session parameters.
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTP",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTCP",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNAUTHENTICATED_SRTP",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY unencrypted_srtp",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY NOVELTY", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR=25",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR=01",
        "1 AES_CM_128_HMAC_SHA1_80 inline:KEY WSH=63", "1 AES_CM_128_HMAC_SHA1_80 inline:KEY WSH=064",
    ])
    func linesThatAreRefused(text: String) throws {
        let line = text.replacing("KEY", with: Self.key).replacing("OTHER", with: Self.otherKey)
        #expect(CryptoAttribute(try line.octets) == nil)
        #expect(try media("a=crypto:\(line)").cryptoAttributes.isEmpty)
    }

    /// §6.3: what is understood, and what may be ignored for its dash.
    @Test func sessionParameters() throws {
        let crypto = try #require(
            CryptoAttribute(
                try "7 aes_cm_128_hmac_sha1_80  INLINE:\(Self.key) KDR=5 WSH=128 -NOVELTY=x FEC_ORDER=FEC_SRTP".octets))
        #expect(crypto.suite == .aesCM128HMACSHA1_80)
        #expect(crypto.keyDerivationRate == 5)
        #expect(crypto.windowSizeHint == 128)
        #expect(crypto.usesForwardErrorCorrection)
        #expect(!crypto.isPlain)
        let plain = try #require(
            CryptoAttribute(try "7 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key) KDR=0 WSH=64".octets))
        #expect(plain.isPlain)
    }

    @Test func severalKeys() throws {
        let text = "2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|2^20|1:4;inline:\(Self.otherKey)|2^20|2:4"
        let crypto = try #require(CryptoAttribute(try text.octets))
        #expect(crypto.keys.map(\.identifier) == [[0, 0, 0, 1], [0, 0, 0, 2]])
        #expect(crypto.attribute.value == (try text.octets))
        let five = (1...5).map { "inline:\(Self.key)|\($0):1" }.joined(separator: ";")
        #expect(CryptoAttribute(try "2 AES_CM_128_HMAC_SHA1_80 \(five)".octets) == nil)
        let parameters = String(repeating: " -x", count: CryptoAttribute.maximumParameters)
        #expect(CryptoAttribute(try "2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)\(parameters)".octets) != nil)
        #expect(CryptoAttribute(try "2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)\(parameters) -x".octets) == nil)
    }

    /// Each suite with a key of its length is written and read back, with padding and without.
    @Test(arguments: CryptoSuite.allCases)
    func suites(suite: CryptoSuite) throws {
        let octets = (0..<suite.keyLength + suite.saltLength).map { UInt8(truncatingIfNeeded: $0 * 37 + 200) }
        let key = try #require(InlineKey(suite, keyAndSalt: octets))
        let crypto = try #require(CryptoAttribute(tag: 3, suite: suite, keys: [key]))
        let line = try #require(crypto.attribute.value)
        #expect(CryptoAttribute(line) == crypto)
        let unpadded = try line.description.replacing("=", with: "").octets
        #expect(CryptoAttribute(unpadded) == crypto)
        #expect(InlineKey(suite, keyAndSalt: octets.dropLast()) == nil)
        #expect(InlineKey(suite, keyAndSalt: octets, lifetime: 0) == nil)
        #expect(InlineKey(suite, keyAndSalt: octets, identifier: [0, 0]) == nil)
        #expect(InlineKey(suite, keyAndSalt: octets, identifier: [1] + [UInt8](repeating: 0, count: 8)) == nil)
        #expect(CryptoAttribute(tag: CryptoAttribute.maximumTag + 1, suite: suite, keys: [key]) == nil)
        #expect(CryptoAttribute(tag: 1, suite: suite, keys: []) == nil)
    }

    @Test func linesOfADescription() throws {
        let lines = [
            "a=crypto:1 AEAD_AES_256_GCM inline:\(Self.key)", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)",
            "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:\(Self.key)",
            "a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:\(Self.otherKey)",
        ]
        let offered = try media(lines.joined(separator: "\n")).cryptoAttributes
        #expect(offered.map(\.tag) == [2, 3])
        #expect(offered.map(\.suite) == [.aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32])
        let many = (0..<100).map { "a=crypto:\($0) AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)" }.joined(separator: "\n")
        #expect(try media(many).cryptoAttributes.count == CryptoAttribute.maximumLines)
        // What an answer takes: tag and suite (§5.1.3).
        let answer = try #require(CryptoAttribute(try "3 AES_CM_128_HMAC_SHA1_32 inline:\(Self.key)".octets))
        #expect(answer.accepted(among: offered) == offered[1])
        let mixed = try #require(CryptoAttribute(try "2 AES_CM_128_HMAC_SHA1_32 inline:\(Self.key)".octets))
        #expect(mixed.accepted(among: offered) == nil)
        let other = try #require(CryptoAttribute(try "4 AES_CM_128_HMAC_SHA1_32 inline:\(Self.key)".octets))
        #expect(other.accepted(among: offered) == nil)
    }

    /// No text of a key, nor its octets, in anything that is printed.
    @Test func keysAreNotShown() throws {
        let crypto = try #require(CryptoAttribute(try "1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)|2^20|1:4".octets))
        var dumped = ""
        dump(crypto, to: &dumped)
        dump(crypto.keys[0], to: &dumped)
        for text in ["\(crypto)", String(reflecting: crypto), "\(crypto.keys)", "\([crypto])", dumped] {
            #expect(!text.contains("d0Rm") && !text.contains("wDfv") && !text.contains("119"))
        }
    }
}
