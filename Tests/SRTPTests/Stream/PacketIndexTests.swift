import Testing

@testable import SRTP

@Suite struct PacketIndexTests {
    /// RFC 3711 §3.3.1 and appendix A.
    @Test(arguments: [
        (UInt16(5), UInt64(4), UInt64(5)), (4, 4, 4), (3, 4, 3), (0xFFFF, 4, nil), (0x8004, 4, 0x8004),
        (0x8005, 4, nil),
        (0, 0xFFFF, 0x1_0000), (0xFFFF, 0x1_0000, 0xFFFF), (0xFFFE, 0x1_0001, 0xFFFE), (0x7FFF, 0xFFFF, 0x7FFF),
        (0x7FFE, 0xFFFF, 0x1_7FFE), (0x1234, 0xABCD_1233, 0xABCD_1234), (0xFF00, 0x2_0010, 0x1_FF00),
        (0, 0xFFFF_FFFF_FFFF, 0x1_0000_0000_0000),
    ])
    func estimate(sequence: UInt16, highest: UInt64, expected: UInt64?) {
        #expect(PacketIndex.estimate(sequence, highest: highest) == expected)
    }

    /// The pseudocode of appendix A, word for word, at each edge.
    @Test func agreesWithThePseudocode() {
        func guess(_ seq: Int, _ s_l: Int, _ roc: Int) -> Int {
            let v: Int
            if s_l < 32_768 {
                v = seq - s_l > 32_768 ? roc - 1 : roc
            } else {
                v = s_l - 32_768 > seq ? roc + 1 : roc
            }
            return seq + v * 65_536
        }
        let edges = [0, 1, 2, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0x8002, 0xFFFE, 0xFFFF]
        for roc in [0, 1, 77, 0xFFFF_FFFE] {
            for last in edges {
                for sequence in edges {
                    let expected = guess(sequence, last, roc)
                    #expect(
                        PacketIndex.estimate(UInt16(sequence), highest: UInt64(roc << 16 | last))
                            == (expected < 0 ? nil : UInt64(expected)))
                }
            }
        }
    }
}
