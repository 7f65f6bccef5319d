#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif
import Synchronization

/// The polyphase filter that converts one sample rate to another: a low-pass sinc under a Kaiser window, cut into one
/// row of coefficients for each position that an output sample can have between two input samples.
///
/// Ripple and stop band are 90 dB by design; the pass band reaches to 90 % of half the lower rate and the stop band begins
/// at that half. Every row has a gain of exactly one at 0 Hz.
final class FilterBank: Sendable {
    /// Output samples per `step` input samples, in lowest terms: also the number of rows.
    let phases: Int

    /// Input samples per `phases` output samples.
    let step: Int

    /// Coefficients of each row; even. The middle lies between taps/2 − 1 and taps/2.
    let taps: Int

    /// Row by row.
    let coefficients: [Float]

    /// Attenuation of the stop band in dB.
    static let attenuation = 90.0

    /// Where pass and stop band end and begin, as parts of half the lower rate.
    static let passBand = 0.9
    static let stopBand = 1.0

    private init(from: SampleRate, to: SampleRate) {
        let divisor = Self.greatestCommonDivisor(from.hertz, to.hertz)
        phases = to.hertz / divisor
        step = from.hertz / divisor
        // Kaiser's formulas; frequencies in radians per input sample.
        let lower = min(1, Double(phases) / Double(step))
        let transition = (Self.stopBand - Self.passBand) * Double.pi * lower
        let length = (Self.attenuation - 7.95) / (2.285 * transition)
        let half = Int((length / 2).rounded(.up)) + 1
        taps = 2 * half
        let beta = 0.1102 * (Self.attenuation - 8.7)
        let cutoff = (Self.passBand + Self.stopBand) / 2 * lower
        var rows = [Float](repeating: 0, count: phases * taps)
        var row = [Double](repeating: 0, count: taps)
        for phase in 0..<phases {
            var sum = 0.0
            for tap in 0..<taps {
                let distance = Double(half - 1 - tap) + Double(phase) / Double(phases)
                row[tap] =
                    cutoff * Self.sinc(cutoff * distance) * Self.kaiser(distance / Double(half), beta)
                sum += row[tap]
            }
            for tap in 0..<taps { rows[phase * taps + tap] = Float(row[tap] / sum) }
        }
        coefficients = rows
    }

    private struct Key: Hashable {
        let from: SampleRate
        let to: SampleRate
    }

    private static let shared = Mutex<[Key: FilterBank]>([:])

    /// The filter for two rates; made once (it takes milliseconds) and kept.
    static func bank(from: SampleRate, to: SampleRate) -> FilterBank {
        shared.withLock { banks in
            let key = Key(from: from, to: to)
            if let bank = banks[key] { return bank }
            let bank = FilterBank(from: from, to: to)
            banks[key] = bank
            return bank
        }
    }

    private static func sinc(_ x: Double) -> Double {
        abs(x) < 1e-12 ? 1 : sin(Double.pi * x) / (Double.pi * x)
    }

    /// The Kaiser window at `x` from −1 to 1.
    private static func kaiser(_ x: Double, _ beta: Double) -> Double {
        abs(x) >= 1 ? 0 : bessel(beta * (1 - x * x).squareRoot()) / bessel(beta)
    }

    /// The modified Bessel function of the first kind and order zero, by its power series.
    private static func bessel(_ x: Double) -> Double {
        var term = 1.0
        var sum = 1.0
        var index = 1.0
        while term > sum * 1e-16 {
            term *= (x / (2 * index)) * (x / (2 * index))
            sum += term
            index += 1
        }
        return sum
    }

    private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
        b == 0 ? a : greatestCommonDivisor(b, a % b)
    }
}
