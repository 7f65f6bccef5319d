import Testing

@testable import SRTP

@Suite struct PrimitiveTests {
    struct Keystream: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let key: String
        /// The first three blocks and the last three.
        let blocks: [String]
    }

    static let keystreams = [
        Keystream(
            testDescription: "RFC 3711 B.2", key: "2B7E151628AED2A6ABF7158809CF4F3C",
            blocks: [
                "E03EAD0935C95E80E166B16DD92B4EB4", "D23513162B02D0F72A43A2FE4A5F97AB",
                "41E95B3BB0A2E8DD477901E4FCA894C0", "EC8CDF7398607CB0F2D21675EA9EA1E4",
                "362B7C3C6773516318A077D7FC5073AE", "6A2CC3787889374FBEB4C81B17BA6C44",
            ]),
        Keystream(
            testDescription: "RFC 6188 7.1", key: "57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98",
            blocks: [
                "92bdd28a93c3f52511c677d08b5515a4", "9da71b2378a854f67050756ded165bac",
                "63c4868b7096d88421b563b8c94c9a31", "cea518c90fd91ced9cbb18c078a54711",
                "3dbc4814f4da5f00a08772b63c6a046d", "6eb246913062a16891433e97dd01a57f",
            ]),
        Keystream(
            testDescription: "RFC 6188 7.3", key: "eab234764e517b2d3d160d587d8c8621 9740f65f99b6bcf7",
            blocks: [
                "35096cba4610028dc1b57503804ce37c", "5de986291dcce161d5165ec4568f5c9a",
                "474a40c77894bc17180202272a4c264d", "d108d1a31a00bad6367ec23eb044b415",
                "c8f57129fdeb970b59f917b257662d4c", "a5dab625811034e8cebdfeb6dc158dd3",
            ]),
    ]

    /// The whole segment of 65,282 blocks, of which the RFCs show both ends.
    @Test(arguments: keystreams)
    func keystream(_ vector: Keystream) throws {
        var segment = [UInt8](repeating: 0, count: 1_044_512)
        let cipher = try CounterMode(key: SecretBytes(octets(vector.key)))
        defer { cipher.close() }
        let done = segment.withUnsafeMutableBytes {
            cipher.apply(ivHigh: 0xF0F1_F2F3_F4F5_F6F7, ivLow: 0xF8F9_FAFB_FCFD_0000, to: $0)
        }
        #expect(done)
        let places = [0, 1, 2, 0xFEFF, 0xFF00, 0xFF01]
        for (place, block) in zip(places, vector.blocks) {
            #expect(Array(segment[16 * place..<16 * place + 16]) == octets(block))
        }
    }

    @Test func countersAndKeysHaveTheirLengths() throws {
        for count in [0, 8, 15, 17, 33] {
            #expect(throws: SRTPError.invalidKey) {
                _ = try CounterMode(key: SecretBytes([UInt8](repeating: 0, count: count)))
            }
        }
        #expect(throws: SRTPError.invalidKey) {
            _ = try GaloisCounterMode(key: SecretBytes([UInt8](repeating: 0, count: 24)))
        }
    }

    /// RFC 2202 §3, cases 1 to 5.
    @Test(arguments: [
        (String(repeating: "0b", count: 20), "4869205468657265", "b617318655057264e28bc0b6fb378c8ef146be00"),
        (
            "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        ),
        (
            String(repeating: "aa", count: 20), String(repeating: "dd", count: 50),
            "125d7342b9ac11cd91a39af48aa17b4f63f175d3"
        ),
        (
            "0102030405060708090a0b0c0d0e0f10111213141516171819", String(repeating: "cd", count: 50),
            "4c9007f4026250c6bc8414f9bf50c86c2d7235da"
        ),
    ])
    func hmac(key: String, message: String, expected: String) {
        let hmac = HMACSHA1(key: SecretBytes(octets(key)))
        defer { hmac.close() }
        let message = octets(message)
        // The same however it is parted between message and trailer, and each time.
        for cut in [0, 1, message.count / 2, message.count] {
            let tag = message[..<cut].withUnsafeBytes { head in
                message[cut...].withUnsafeBytes { tail in hmac.tag(of: head, trailer: tail) }
            }
            #expect((0..<20).map { tag[$0] } == octets(expected))
        }
    }

    /// RFC 7714 §16.1.3, §16.2.4: an RTP packet that is tagged as a whole, which is not done in SRTP.
    @Test(arguments: [
        (AEADVectorTests.shortKey, "22493f82 d2bce397 e9d79e3b 19aa4216"),
        (AEADVectorTests.longKey, "a866d591 0f887463 067ceefe c45215d4"),
    ])
    func galoisTagOnly(key: String, expected: String) throws {
        let cipher = try GaloisCounterMode(key: SecretBytes(octets(key)))
        defer { cipher.close() }
        var tag = [UInt8](repeating: 0, count: 16)
        let sealed = octets(AEADVectorTests.packet).withUnsafeBytes { associated in
            tag.withUnsafeMutableBytes { tag in
                cipher.seal(
                    GaloisCounterMode.Input(
                        ivHigh: 0x5175_3c65_80c2_726f, ivLow: 0x2071_8414_0000_0000, associated: associated,
                        trailer: UnsafeRawBufferPointer(start: nil, count: 0),
                        text: UnsafeMutableRawBufferPointer(start: nil, count: 0)),
                    tag: tag.baseAddress!)  // 16 octets
            }
        }
        #expect(sealed)
        #expect(tag == octets(expected))
    }
}
