/// Expects the next sample by two poles and six zeros, which follow the signal by signs.
struct ADPCMPredictor: Sendable {
    /// What the next sample is expected to be (`SE`).
    private(set) var estimate: Int32 = 0

    /// Whether the signal is a tone, or only part of a band (`TD`).
    private(set) var isTone = false

    /// The same as the last update found it, whether or not there was a transition (`TDP`).
    private(set) var seemsTone = false

    /// What the zeros give to the estimate (`SEZ`).
    private var zeroEstimate: Int32 = 0
    /// Coefficients (`A1`, `A2`; `B1` … `B6`), 2^14 for one.
    private var poles: (Int32, Int32) = (0, 0)
    private var zeros = InlineArray<6, Int32>(repeating: 0)
    /// The last samples (`SR1`, `SR2`) and differences (`DQ1` … `DQ6`).
    private var samples = (ShortFloat(), ShortFloat())
    private var differences = InlineArray<6, ShortFloat>(repeating: ShortFloat())
    /// Whether what the zeros reconstructed was negative (`PK1`, `PK2`).
    private var signs = (false, false)

    /// Takes the quantised difference between a sample and its estimate, and estimates the next sample.
    ///
    /// - Returns: the sample (`SR`).
    mutating func update(_ magnitude: Int32, isNegative: Bool, isTransition: Bool) -> Int32 {
        // ADDB and ADDC
        let difference = isNegative ? -magnitude : magnitude
        let sample = Int32(Int16(truncatingIfNeeded: difference &+ estimate))
        let partial = Int32(Int16(truncatingIfNeeded: difference &+ zeroEstimate))
        adaptPoles(partial)
        adaptZeros(magnitude, isNegative: isNegative)
        // TONE and TRIGB
        seemsTone = poles.1 < -11776
        isTone = seemsTone && !isTransition
        if isTransition {
            poles = (0, 0)
            zeros = InlineArray(repeating: 0)
        }
        // FLOATA, FLOATB and the delays
        for index in stride(from: 5, to: 0, by: -1) { differences[index] = differences[index &- 1] }
        differences[0] = ShortFloat(magnitude, isNegative: isNegative)
        samples = (ShortFloat(Int32(truncatingIfNeeded: sample.magnitude) & 0x7FFF, isNegative: sample < 0), samples.0)
        estimateNext()
        return sample
    }

    /// UPA2, LIMC, UPA1 and LIMD, and the delays of the signs.
    private mutating func adaptPoles(_ partial: Int32) {
        let isNegative = partial < 0
        var gains: (Int32, Int32) = (0, 0)
        if partial != 0 {
            let differsFromFirst = isNegative != signs.0
            let lead = min(max(poles.0, -8191), 8191) << 2
            let ahead: Int32 = isNegative != signs.1 ? -16384 : 16384
            gains = (differsFromFirst ? -192 : 192, (ahead &+ (differsFromFirst ? lead : -lead)) >> 7)
        }
        let second = min(max(poles.1 &+ gains.1 &- (poles.1 >> 7), -12288), 12288)
        let limit = 15360 &- second
        poles = (min(max(poles.0 &+ gains.0 &- (poles.0 >> 8), -limit), limit), second)
        signs = (isNegative, signs.0)
    }

    /// XOR and UPB.
    private mutating func adaptZeros(_ magnitude: Int32, isNegative: Bool) {
        let step: Int32 = magnitude == 0 ? 0 : 128
        for index in 0..<6 {
            let signed = isNegative == differences[index].isNegative ? step : -step
            zeros[index] &+= signed &- (zeros[index] >> 8)
        }
    }

    /// FMULT of all terms, and ACCUM.
    private mutating func estimateNext() {
        var sum: Int32 = 0
        for index in 0..<6 { sum &+= differences[index].product(zeros[index]) }
        zeroEstimate = Int32(Int16(truncatingIfNeeded: sum)) >> 1
        sum &+= samples.1.product(poles.1) &+ samples.0.product(poles.0)
        estimate = Int32(Int16(truncatingIfNeeded: sum)) >> 1
    }
}

/// A number of 11 bits: sign, exponent of 4 and mantissa of 6, as the predictor of G.726 keeps what it multiplies.
struct ShortFloat: Sendable {
    let isNegative: Bool
    private let exponent: Int32
    private let mantissa: Int32

    /// Zero.
    init() { self.init(0, isNegative: false) }

    /// FLOATA, FLOATB: the number of a magnitude of up to 15 bits.
    init(_ magnitude: Int32, isNegative: Bool) {
        self.isNegative = isNegative
        exponent = 32 &- Int32(truncatingIfNeeded: magnitude.leadingZeroBitCount)
        mantissa = magnitude == 0 ? 32 : (magnitude << 6) >> exponent
    }

    /// FMULT: the product with a coefficient.
    func product(_ coefficient: Int32) -> Int32 {
        let factor = coefficient >> 2
        let isFactorNegative = factor < 0
        let other = ShortFloat(Int32(truncatingIfNeeded: factor.magnitude) & 0x1FFF, isNegative: isFactorNegative)
        let power = exponent &+ other.exponent
        let product = (mantissa &* other.mantissa &+ 48) >> 4
        let magnitude = power <= 26 ? (product << 7) >> (26 &- power) : ((product << 7) << (power &- 26)) & 0x7FFF
        return isNegative != isFactorNegative ? -magnitude : magnitude
    }
}
