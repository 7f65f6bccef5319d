import Media
import Testing

@Suite struct LevelMeterTests {
    @Test func readsWhatItHeard() {
        var meter = LevelMeter()
        #expect(meter.reading.level == .silence && meter.reading.peak == .silence)
        let square = (0..<160).map { $0 % 2 == 0 ? Int16(16384) : -16384 }
        meter.update(square.span)
        // A square wave of half scale: its mean square is 3.01 dB above that of a sine of the same peak.
        #expect(abs(meter.reading.level.decibels - (-6.0206 + 3.0103)) < 1e-3)
        #expect(abs(meter.reading.peak.decibels + 6.0206) < 1e-3)
        let reading = meter.take()
        #expect(reading.samples == 160)
        #expect(meter.reading.samples == 0)
    }

    @Test func fullScaleOfEitherSignIsTaken() {
        var meter = LevelMeter()
        let lowest = [Int16](repeating: .min, count: 8)
        meter.update(lowest.span)
        #expect(meter.reading.peak == .dBFS(0))
    }
}

/// Expected values computed by hand from ITU-T G.107 (formulas) and G.113 appendix I (Ie, Bpl).
@Suite struct CallQualityTests {
    @Test(arguments: [
        (0, 0.0, CodecImpairment.g711, 93.2, 4.409),
        (150, 0, .g711, 89.6, 4.335),
        (177, 0, .g711, 88.952, 4.320),
        (277, 0, .g711, 75.585, 3.848),  // 93.2 − 6.648 − 0.11 × 99.7
        (20, 0.01, .g711, 74.795, 3.815),  // 95 / (1 + 4.3) = 17.925 and 0.48
        (20, 0.05, .g711, 41.645, 2.145),  // 475 / 9.3 = 51.075
        (20, 0.05, .g711Concealed, 76.940, 3.903),  // 475 / 30.1 = 15.781
        (0, 1, .g711, 2.115, 1.0),  // 9500 / 104.3 = 91.083
    ])
    func followsTheModel(
        _ milliseconds: Int, _ loss: Double, _ codec: CodecImpairment, _ rating: Double, _ score: Double
    ) {
        let quality = CallQuality(delay: .milliseconds(milliseconds), loss: loss, codec: codec)
        #expect(abs(quality.rating - rating) < 0.01, "\(quality.rating)")
        #expect(abs(quality.meanOpinionScore - score) < 0.01, "\(quality.meanOpinionScore)")
    }

    @Test func burstsAreWorse() {
        let random = CallQuality(delay: .zero, loss: 0.05, codec: .g711Concealed)
        let bursts = CallQuality(delay: .zero, loss: 0.05, codec: .g711Concealed, burstRatio: 2)
        #expect(bursts.rating < random.rating)
    }

    @Test func staysWithinItsScale() {
        let worst = CallQuality(delay: .seconds(3600), loss: 7, codec: .g711)
        #expect(worst.rating == 0)
        #expect(worst.meanOpinionScore == 1)
        let best = CallQuality(delay: .seconds(-1), loss: -1, codec: .g711)
        #expect(best.rating == CallQuality.bestRating)
        let odd = CallQuality(
            delay: .zero, loss: 0.5, codec: CodecImpairment(impairment: 0, lossRobustness: -50), burstRatio: -1)
        #expect((0...93.2).contains(odd.rating))
    }
}
