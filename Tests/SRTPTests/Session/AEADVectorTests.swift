import Testing

@testable import SRTP

/// The vectors of RFC 7714 §16 and §17, which begin with the keys of a session.
@Suite struct AEADVectorTests {
    static let packet = """
        8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573
        """
    static let report = """
        81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef
        """
    static let shortKey = "000102030405060708090a0b0c0d0e0f"
    static let longKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    /// Ciphers with the keys of the RFC for RTP and RTCP alike.
    private func keys(_ profile: ProtectionProfile) throws -> KeySet {
        let keys = SessionKeys(
            encryption: SecretBytes(octets(profile == .aeadAES128GCM ? Self.shortKey : Self.longKey)),
            authentication: SecretBytes([]), salt: SecretBytes(octets("51756964 2070726f 2071756f")))
        return KeySet(
            packets: try PacketCipher(profile, keys: keys), controlPackets: try PacketCipher(profile, keys: keys),
            identifier: [])
    }

    /// §16.1.1, §16.1.2, §16.2.1, §16.2.2.
    @Test(arguments: [
        (
            ProtectionProfile.aeadAES128GCM,
            """
            8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf
            8833899d 7f27beb1 6a9152cf 765ee439 0cce
            """
        ),
        (
            .aeadAES256GCM,
            """
            8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799
            b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13
            """
        ),
    ])
    func packets(profile: ProtectionProfile, expected: String) throws {
        var sender = SRTPSender(profile, try keys(profile))
        var receiver = SRTPReceiver(profile, try keys(profile))
        let secured = try sender.protecting(octets(Self.packet))
        #expect(secured == octets(expected))
        let opened = try receiver.unprotecting(octets(expected))
        #expect(opened == octets(Self.packet))
    }

    /// §17.1, §17.2.
    @Test(arguments: [
        (
            ProtectionProfile.aeadAES128GCM,
            """
            81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
            0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4
            """
        ),
        (
            .aeadAES256GCM,
            """
            81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047
            6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4
            """
        ),
    ])
    func controlPackets(profile: ProtectionProfile, expected: String) throws {
        var sender = SRTPSender(profile, try keys(profile))
        var receiver = SRTPReceiver(profile, try keys(profile))
        sender.setNextControlIndex(0x5D4, of: 0x4D61_7273)
        let secured = try sender.protectingControl(octets(Self.report))
        #expect(secured == octets(expected))
        let opened = try receiver.unprotectingControl(octets(expected))
        #expect(opened == octets(Self.report))
    }

    /// §17.3, §17.4: authenticated and not encrypted, which we take and never send.
    @Test(arguments: [
        (ProtectionProfile.aeadAES128GCM, "841dd968 3dd78ec9 2ae58790 125f62b3"),
        (.aeadAES256GCM, "91db4afb feee5a97 8fab4393 ed2615fe"),
    ])
    func controlPacketsInTheClear(profile: ProtectionProfile, tag: String) throws {
        var receiver = SRTPReceiver(profile, try keys(profile))
        let secured = octets(Self.report) + octets(tag) + octets("000005d4")
        var changed = secured
        changed[20] ^= 0x40
        let refusal = receiver.refusal(of: changed, control: true)
        #expect(refusal.error == .authenticationFailed)
        #expect(refusal.untouched)
        let opened = try receiver.unprotectingControl(secured)
        #expect(opened == octets(Self.report))
    }
}
