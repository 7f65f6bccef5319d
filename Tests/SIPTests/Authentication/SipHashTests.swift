import SIP
import Testing

@Suite struct SipHashTests {
    @Test(
        "SipHash-2-4-128 of 00 01 02 … under the key 00 … 0f, against the vectors of the paper's implementation",
        arguments: [
            (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
            (7, "a1f1ebbed8dbc153c0b84aa61ff08239"), (8, "3b62a9ba6258f5610f83e264f31497b4"),
            (15, "5493e99933b0a8117e08ec0f97cfc3d9"), (16, "6ee2a4ca67b054bbfd3315bf85230577"),
            (63, "5150d1772f50834a503e069a973fbd7c"),
        ])
    func vectors(length: Int, expected: String) {
        let hash = SipHash(key: 0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
        let input = (0..<length).map { UInt8($0) }
        let (low, high) = input.withUnsafeBytes { hash($0) }
        let bytes = [low, high].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
        #expect(hex(bytes) == expected)
    }

    @Test("Random keys differ")
    func random() {
        #expect(SipHash.random() != SipHash.random())
    }
}
