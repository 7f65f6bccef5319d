import Testing

@testable import SRTP

@Suite struct KeyDerivationTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let key: String
        let salt: String
        let encryption: String
        let sessionSalt: String
        let authentication: String
    }

    static let vectors = [
        Vector(
            testDescription: "RFC 3711 B.3", key: "E1F97A0D3E018BE0D64FA32C06DE4139",
            salt: "0EC675AD498AFEEBB6960B3AABE6",
            encryption: "C61E7A93744F39EE10734AFE3FF7A087", sessionSalt: "30CBBC08863D8C85D49DB34A9AE1",
            authentication: """
                CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
                6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2
                """),
        Vector(
            testDescription: "RFC 6188 7.2",
            key: "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6",
            salt: "3b04803de51ee7c96423ab5b78d2",
            encryption: "5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4",
            sessionSalt: "fa31791685ca444a9e07c6c64e93", authentication: "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
        Vector(
            testDescription: "RFC 6188 7.4", key: "73edc66c4fa15776fb57f9505c171365 50ffda71f3e8e5f1",
            salt: "c8522f3acd4ce86d5add78edbb11", encryption: "31874736a8f1143870c26e4857d8a5b2 c4a354407faadabb",
            sessionSalt: "2372b82d639b6d8503a47adc0a6c", authentication: "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb"),
    ]

    @Test(arguments: vectors)
    func vector(_ vector: Vector) throws {
        let derivation = try KeyDerivation(
            key: SecretBytes(octets(vector.key)), salt: SecretBytes(octets(vector.salt)))
        for (label, expected) in [
            (KeyLabel.encryption, octets(vector.encryption)), (.salt, octets(vector.sessionSalt)),
            (.authentication, octets(vector.authentication)),
        ] {
            let derived = try derivation.derive(label, count: expected.count).octets
            #expect(derived == expected)
        }
    }

    /// RFC 3711 §4.3.1: the index DIV rate goes into the octets before the block counter, right-aligned.
    @Test func theRateChangesTheKey() throws {
        let key = SecretBytes(octets(Self.vectors[0].key))
        let derivation = try KeyDerivation(key: key, salt: SecretBytes(octets(Self.vectors[0].salt)))
        let zero = try derivation.derive(.encryption, count: 16).octets
        let one = try derivation.derive(.encryption, division: 1, count: 16).octets
        let wide = try derivation.derive(.encryption, division: 1 << 47, count: 16).octets
        #expect(Set([zero, one, wide]).count == 3)
        // A salt with the lowest bit of its last octet turned has the effect of the index 1.
        var turned = octets(Self.vectors[0].salt)
        turned[13] ^= 1
        let byTheSalt = try KeyDerivation(key: key, salt: SecretBytes(turned)).derive(.encryption, count: 16).octets
        #expect(byTheSalt == one)
    }

    @Test func keysThatDoNotFitAreRefused() {
        for profile in ProtectionProfile.allCases {
            let short = MasterKey(
                key: [UInt8](repeating: 1, count: profile.keyLength - 1),
                salt: [UInt8](repeating: 2, count: profile.saltLength))
            let salted = MasterKey(
                key: [UInt8](repeating: 1, count: profile.keyLength),
                salt: [UInt8](repeating: 2, count: profile.saltLength + 1))
            let named = masterKey(
                profile, identifier: [UInt8](repeating: 1, count: SRTPLimits.maximumIdentifierLength + 1))
            for key in [short, salted, named] {
                #expect(throws: SRTPError.invalidKey) { _ = try SRTPSender(profile, key).overhead }
                #expect(throws: SRTPError.invalidKey) { _ = try SRTPReceiver(profile, key).overhead }
            }
            let whole = [UInt8](repeating: 1, count: profile.keyLength + profile.saltLength)
            #expect(MasterKey(profile, keyAndSalt: whole)?.keyAndSalt == whole)
            #expect(MasterKey(profile, keyAndSalt: whole.dropLast()) == nil)
        }
    }

    @Test func randomKeysDifferAndShowNothing() throws {
        let (first, second) = (
            try MasterKey.random(for: .aes128CounterModeSHA1_80), try MasterKey.random(for: .aes128CounterModeSHA1_80)
        )
        #expect(first.keyAndSalt.count == 30)
        #expect(first.keyAndSalt != second.keyAndSalt)
        let known = MasterKey(key: [UInt8](repeating: 0xAB, count: 16), salt: [UInt8](repeating: 0xCD, count: 14))
        var dumped = ""
        dump(known, to: &dumped)
        for text in ["\(known)", String(reflecting: known), dumped] {
            #expect(!text.contains("171") && !text.lowercased().contains("ab, ") && !text.contains("205"))
            #expect(text.contains("redacted") || text.contains("MasterKey"))
        }
    }
}
