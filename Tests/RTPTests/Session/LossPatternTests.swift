import RTP
import Testing

/// RFC 3611 §4.7.2.
@Suite struct LossPatternTests {
    private func pattern(_ text: String) -> LossPattern {
        var pattern = LossPattern()
        for letter in text { if letter == "1" { pattern.received() } else { pattern.lost() } }
        return pattern
    }

    /// The example of the RFC: 64 packets, of which 63 are printed, and the burst has twelve. It gives the sum of the two gaps as their duration; here it is
    /// the mean, as the text says.
    @Test func example() {
        let pattern = pattern("11110111111111111111111X111X1011110111111111111111111X111111111")
        #expect(pattern.packets == 63)
        #expect(pattern.missing == 6)
        #expect(pattern.bursts == 1)
        #expect(pattern.burstLength == 12)
        #expect(pattern.burstDensity == 4.0 / 12)
        #expect(pattern.gapDensity == 2.0 / 51)
        #expect(pattern.gapLength == 25.5)
        #expect(pattern.runs == 6)
        #expect(pattern.burstRatio == 1)
    }

    @Test func edges() {
        #expect(LossPattern().burstRatio == 1 && LossPattern().gapLength == 0 && LossPattern().loss == 0)
        let good = String(repeating: "1", count: 16)
        // Exactly Gmin packets between make two losses of a gap; one less makes a burst.
        #expect(pattern("0" + good + "0").bursts == 0)
        #expect(pattern("0" + good.dropLast() + "0").bursts == 1)
        #expect(pattern("0" + good.dropLast() + "0").burstLength == 17)
        #expect(pattern("000").burstDensity == 1)
        #expect(pattern(good + "00" + good + good + "0000" + good).bursts == 2)
        #expect(pattern(good + "00" + good + good + "0000" + good).burstLength == 3)
        // Three in a row are three times as many as chance has, nearly.
        let runs = String(repeating: "000" + good + good, count: 20)
        #expect(abs(pattern(runs).burstRatio - 3 * 32 / 35.0) < 0.01)
        var counted = LossPattern()
        counted.lost(0)
        counted.lost(-1)
        counted.lost(5)
        #expect(counted.packets == 5 && counted.runs == 1)
    }
}
