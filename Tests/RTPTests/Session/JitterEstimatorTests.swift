import RTP
import Testing

@Suite struct JitterEstimatorTests {
    /// RFC 3550 A.8 worked by hand: spacing 160, third packet 20 units late. The estimate times 16 goes
    /// 0, 0, 20, 20 + 20 − 1 = 39, 39 − 2 = 37, 37 + 160 − 2 = 195.
    @Test func followsTheRoutine() {
        var estimator = JitterEstimator()
        var seen: [UInt32] = []
        for (timestamp, arrival) in [(0, 1000), (160, 1160), (320, 1340), (480, 1480), (640, 1640), (800, 1960)] {
            estimator.update(timestamp: UInt32(timestamp), arrival: UInt32(arrival))
            seen.append(estimator.jitter)
        }
        #expect(seen == [0, 0, 1, 2, 2, 12])
    }

    @Test func staysNearTheRealFormula() {
        var generator = SeededGenerator(1)
        var estimator = JitterEstimator()
        var real = 0.0
        var transit: Double?
        for number in 0..<2000 {
            let late = UInt32.random(in: 0...480, using: &generator)
            estimator.update(timestamp: UInt32(number) * 160, arrival: UInt32(number) * 160 + late)
            if let transit { real += (abs(Double(late) - transit) - real) / 16 }
            transit = Double(late)
            #expect(abs(Double(estimator.jitter) - real) < 1.6)
        }
    }

    @Test func isBlindToOriginsAndWraps() {
        var estimator = JitterEstimator()
        for number: UInt32 in 0..<100 {
            estimator.update(timestamp: .max - 5000 &+ number &* 160, arrival: .max - 100 &+ number &* 160)
        }
        #expect(estimator.jitter == 0)
    }

    @Test func skippingLeavesTheEstimate() {
        var estimator = JitterEstimator()
        estimator.update(timestamp: 0, arrival: 0)
        estimator.update(timestamp: 160, arrival: 320)
        #expect(estimator.jitter == 10)
        estimator.skip()
        estimator.update(timestamp: 4_000_000, arrival: 480)
        #expect(estimator.jitter == 10)
    }

    @Test func extremesDoNotOverflow() {
        var estimator = JitterEstimator()
        for number in 0..<1000 {
            estimator.update(timestamp: number % 2 == 0 ? 0 : 0x8000_0000, arrival: 0)
        }
        #expect(estimator.jitter > 0x7000_0000)
    }
}
