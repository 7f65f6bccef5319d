import ICE
import Testing

/// The messages of RFC 5769 and of RFC 8489 Appendix B, typed as they stand there.
@Suite struct VectorTests {
    private static let password = [UInt8]("VOkJxbRl1RmTxUk/WvJxBt".utf8)
    private let key = STUNKey.shortTerm(password)

    /// RFC 5769 §2.1.
    static let request = octets(
        """
        00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
        80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74
        00 24 00 04 6e 00 01 ff
        80 29 00 08 93 2f f9 b1 51 26 3b 36
        00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20
        00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2
        80 28 00 04 e5 7a 3b cf
        """)

    /// RFC 5769 §2.2.
    static let response4 = octets(
        """
        01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
        80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
        00 20 00 08 00 01 a1 47 e1 12 a6 43
        00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7
        80 28 00 04 c0 7d 4c 96
        """)

    /// RFC 5769 §2.3.
    static let response6 = octets(
        """
        01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
        80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
        00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9
        00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41
        80 28 00 04 c8 fb 0b 4c
        """)

    /// RFC 5769 §2.4.
    static let longTerm = octets(
        """
        00 01 00 60 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e
        00 06 00 12 e3 83 9e e3 83 88 e3 83 aa e3 83 83 e3 82 af e3 82 b9 00 00
        00 15 00 1c 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79 36 34 73 41
        00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00
        00 08 00 14 f6 70 24 65 6d d6 4a 3e 02 b8 e0 71 2e 85 c9 a2 8c a8 96 66
        """)

    /// RFC 8489 §B.1, with the length that is printed there.
    static let longTermSHA256 = octets(
        """
        00 01 00 9c 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e
        00 1e 00 20 4a 3c f3 8f ef 69 92 bd a9 52 c6 78 04 17 da 0f 24 81 94 15 56 9e 60 b2 05 c4 6e 41 40 7f 17 04
        00 15 00 29 6f 62 4d 61 74 4a 6f 73 32 41 41 41 43 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39
                    46 53 54 76 79 36 34 73 41 00 00 00
        00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00
        00 1c 00 20 e4 68 6c 8f 0e de b5 90 13 e0 70 90 01 0a 93 ef cc bc cc 54 4c 0a 45 d9 f8 30 aa 6d 6f 73 5a 01
        """)

    @Test("RFC 5769 §2.1: a request of ICE is read, and its proofs are right")
    func aRequest() throws {
        let bytes = Self.request
        let message = try STUNMessage(parsing: bytes.span.bytes)
        #expect(message.kind == .request)
        #expect(message.method == .binding)
        #expect(message.transaction == STUNTransactionID(upper: 0xB7E7_A701, lower: 0xBC34_D686_FA87_DFAE))
        #expect(message.octets(.software, bytes) == [UInt8]("STUN test client".utf8))
        #expect(message.octets(.username, bytes) == [UInt8]("evtj:h6vY".utf8))
        #expect(message.word32(.priority, bytes) == 0x6E00_01FF)
        #expect(message.word64(.iceControlled, bytes) == 0x932F_F9B1_5126_3B36)
        #expect(message.unknown(besides: STUNAttribute.ofICE, bytes).isEmpty)
        #expect(message.unknown(besides: STUNAttribute.basic, bytes) == [.priority])
        #expect(message.isProven(by: key, bytes))
        #expect(!message.isProven(by: .shortTerm([1]), bytes))
        #expect(!message.isProvenBySHA256(key, bytes))
        #expect(message.isFingerprintRight(bytes))
    }

    @Test(
        "RFC 5769 §2.2, §2.3: responses are read, and written as they stand there",
        arguments: [
            (response4, STUNAddress(ip4: 0xC000_0201, port: 32_853)),
            (response6, STUNAddress(ip6: 0x2001_0DB8_1234_5678_0011_2233_4455_6677, port: 32_853)),
        ])
    func responses(octets: [UInt8], address: STUNAddress) throws {
        let bytes = octets
        let message = try STUNMessage(parsing: bytes.span.bytes)
        #expect(message.kind == .success)
        #expect(message.address(.xorMappedAddress, bytes) == address)
        #expect(message.isProven(by: key, bytes))
        #expect(message.isFingerprintRight(bytes))
        // The vectors pad SOFTWARE by a space, we by a zero; without it all else is the same but for the proofs.
        var written = [UInt8](repeating: 0xFF, count: 128)
        var span = written.mutableSpan
        var memory = span.mutableBytes
        var writer = try STUNWriter(.success, .binding, message.transaction, into: &memory)
        try writer.add(.software, [UInt8]("test vector".utf8), into: &memory)
        try writer.add(.xorMappedAddress, address, into: &memory)
        let attributes = octets[36..<octets.count - 32]
        #expect(written[36..<36 + attributes.count].elementsEqual(attributes))
        #expect(written[20..<35].elementsEqual(octets[20..<35]))
        #expect(written[35] == 0)
    }

    @Test("RFC 5769 §2.4: a request with long-term credentials is proven, and written octet by octet")
    func longTermCredentials() throws {
        let bytes = Self.longTerm
        let message = try STUNMessage(parsing: bytes.span.bytes)
        let username = try #require(message.octets(.username, bytes))
        #expect(String(decoding: username, as: UTF8.self) == "マトリックス")
        let realm = [UInt8]("example.org".utf8)
        #expect(message.octets(.realm, bytes) == realm)
        let key = STUNKey.longTerm(
            username: username, realm: realm, password: [UInt8]("TheMatrIX".utf8), .md5, .test)
        #expect(message.isProven(by: key, bytes))
        #expect(!message.isFingerprintRight(bytes))
        var written = [UInt8](repeating: 0xFF, count: Self.longTerm.count)
        var span = written.mutableSpan
        var memory = span.mutableBytes
        var writer = try STUNWriter(.request, .binding, message.transaction, into: &memory)
        try writer.add(.username, username, into: &memory)
        try writer.add(.nonce, [UInt8]("f//499k954d6OL34oL9FSTvy64sA".utf8), into: &memory)
        try writer.add(.realm, realm, into: &memory)
        try writer.addIntegrity(key, .test, into: &memory)
        #expect(writer.length == Self.longTerm.count)
        #expect(written == Self.longTerm)
    }

    @Test("RFC 8489 §9.2.2: the key of its example")
    func theKeyOfTheExample() {
        let key = STUNKey.longTerm(
            username: [UInt8]("user".utf8), realm: [UInt8]("realm".utf8), password: [UInt8]("pass".utf8), .md5, .test)
        #expect(key.octets == octets("8493fbc53ba582fb4c044c456bdc40eb"))
    }

    @Test("RFC 8489 §B.1: USERHASH, the key of SHA-256, and the octets of MESSAGE-INTEGRITY-SHA256")
    func longTermWithSHA256() throws {
        let bytes = Self.longTermSHA256
        let (username, realm) = ([UInt8]("マトリックス".utf8), [UInt8]("example.org".utf8))
        let key = STUNKey.longTerm(
            username: username, realm: realm, password: [UInt8]("TheMatrIX".utf8), .sha256, .test)
        let userhash = STUNKey.userhash(username: username, realm: realm, .test)
        #expect(bytes[24..<56].elementsEqual(userhash))
        // The value is that of the octets as they are printed.
        var code = [UInt8](repeating: 0, count: 32)
        let proven = [UInt8](bytes[20..<120])
        code.withUnsafeMutableBytes { output in
            key.octets.withUnsafeBytes { key in
                bytes.withUnsafeBytes { all in
                    let head = UnsafeRawBufferPointer(rebasing: all[..<20])
                    proven.withUnsafeBytes { STUNHash.test.hmacSHA256(key, head, $0, output) }
                }
            }
        }
        #expect(bytes[124...].elementsEqual(code))
        // But 136 octets follow the header, which says 156 as if it were counted itself: no such message can be sent.
        #expect(throws: STUNDefect.length) { _ = try STUNMessage(parsing: bytes.span.bytes) }
        // The same request with its own length.
        let transaction = STUNTransactionID(upper: 0x78AD_3433, lower: 0xC6AD_72C0_29DA_412E)
        let nonce = [UInt8]("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA".utf8)
        let written = stun(.request, .binding, transaction) { writer, memory in
            try writer.add(.userhash, userhash, into: &memory)
            try writer.add(.nonce, nonce, into: &memory)
            try writer.add(.realm, realm, into: &memory)
            try writer.addIntegritySHA256(key, .test, into: &memory)
        }
        #expect(written.prefix(4) == [0, 1, 0, 136])
        #expect(written[4..<124].elementsEqual(bytes[4..<124]))
        let message = read(written)
        #expect(message.isProvenBySHA256(key, written))
        #expect(!message.isProven(by: key, written))
        let cookie = try #require(NonceCookie(nonce: nonce))
        #expect(!cookie.hasPasswordAlgorithms)
        #expect(!cookie.hasUsernameAnonymity)
    }

    @Test("§14.5, §14.7: a changed octet anywhere is noticed")
    func everyOctetIsProven() throws {
        for index in 20..<Self.request.count {
            var changed = Self.request
            changed[index] ^= 0x40
            let bytes = changed
            guard let message = try? STUNMessage(parsing: bytes.span.bytes) else { continue }
            let isWhole = message.isProven(by: key, bytes) && message.isFingerprintRight(bytes)
            #expect(!isWhole, "octet \(index)")
        }
    }
}
