import ICE
import Testing

/// RFC 8445 §5.1.2, §6.1.2.3, RFC 8421 §4.
@Suite struct CandidateTests {
    @Test(
        "§5.1.2.1: priorities of candidates",
        arguments: [
            // 2^24 · 126 + 2^8 · 65535 + 255, and its like.
            (.host, .max, 1, 2_130_706_431), (.host, .max, 2, 2_130_706_430),
            (.peerReflexive, .max, 1, 1_862_270_975), (.serverReflexive, .max, 1, 1_694_498_815),
            (.relayed, .max, 1, 16_777_215), (.relayed, 0, 256, 0), (.host, 0, 1, 2_113_929_471),
        ] as [(Candidate.Kind, UInt16, Int, UInt32)])
    func priorities(kind: Candidate.Kind, preference: UInt16, component: Int, expected: UInt32) {
        #expect(CandidatePriority.of(kind, localPreference: preference, component: component) == expected)
    }

    @Test("§6.1.2.3: the priority of a pair is the same on both sides, and that of the controlling one breaks ties")
    func pairs() {
        #expect(CandidatePriority.ofPair(controlling: 2, controlled: 1) == (1 << 32) + 4 + 1)
        #expect(CandidatePriority.ofPair(controlling: 1, controlled: 2) == (1 << 32) + 4)
        #expect(CandidatePriority.ofPair(controlling: 7, controlled: 7) == (7 << 32) + 14)
        let most = UInt32(Int32.max)
        #expect(
            CandidatePriority.ofPair(controlling: most, controlled: most) == (UInt64(most) << 32) + 2 * UInt64(most))
    }

    private let four = (1...4 as ClosedRange<UInt32>).map { STUNAddress(ip4: $0, port: 1) }
    private let six = (1...8 as ClosedRange<UInt128>).map { STUNAddress(ip6: $0, port: 1) }

    /// The families in the order of their preferences.
    private func order(_ addresses: [STUNAddress]) -> String {
        let preferences = CandidatePriority.localPreferences(addresses)
        #expect(Set(preferences).count == addresses.count)
        let sorted = addresses.indices.sorted { preferences[$0] > preferences[$1] }
        return sorted.map { addresses[$0].isIPv6 ? "6" : "4" }.joined()
    }

    @Test("RFC 8421 §4: two of IPv4 and six of IPv6: four of IPv6 go ahead")
    func dualStack() {
        #expect(order(Array(four.prefix(2)) + six.prefix(6)) == "66664646")
        #expect(order([six[0], four[0]]) == "64")
        #expect(order([four[0], six[0]]) == "64")
        #expect(order([four[0], four[1], four[2], six[0]]) == "6444")
        #expect(order(four) == "4444")
        #expect(order(six) == "66666666")
        #expect(order([]) == "")
    }

    @Test("The order of a family is kept")
    func orderIsKept() {
        let preferences = CandidatePriority.localPreferences(four)
        #expect(preferences == [65_535, 65_534, 65_533, 65_532])
    }
}
