/// Looks for the period of a voice: the lag at which a stretch of sound is most like itself.
enum PitchSearch {
    /// A lag and how alike the sound is at it.
    struct Match {
        let lag: Int
        /// Normalised correlation, −1 to 1; 1 also for silence, which any lag fits.
        let likeness: Float
    }

    /// Mean magnitude under which sound counts as silence, in units of a sample.
    private static let quiet: Float = 8

    /// The best lag between `count` samples from `start` on and the same number `lag` samples before (for a negative
    /// lag: behind). The caller sees to it that all of them exist.
    static func best(
        in line: [Int16], at start: Int, count: Int, lags: ClosedRange<Int>, behind: Bool = false
    ) -> Match {
        line.withUnsafeBufferPointer { line in
            var energy: Float = 0
            for index in start..<start + count { energy += Float(line[index]) * Float(line[index]) }
            guard energy > quiet * quiet * Float(count) else { return Match(lag: lags.upperBound, likeness: 1) }
            var best = Match(lag: lags.lowerBound, likeness: -1)
            for lag in lags {
                let shift = behind ? lag : -lag
                var product: Float = 0
                var other: Float = 0
                for index in start..<start + count {
                    let value = Float(line[index + shift])
                    product += Float(line[index]) * value
                    other += value * value
                }
                let likeness = other > 0 ? product / (energy * other).squareRoot() : 0
                if likeness > best.likeness { best = Match(lag: lag, likeness: likeness) }
            }
            return best
        }
    }
}
