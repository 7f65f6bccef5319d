/// The predictor of one sub-band (block 4 of G.722): two poles and six zeros that follow the signal by the signs of what
/// was quantised.
struct SubBandPredictor: Sendable {
    /// What the next sample is expected to be (`S`), 16 bits.
    private(set) var prediction: Int32 = 0

    /// What the zeros give to it (`SZ`).
    private var zeroPart: Int32 = 0
    /// Reconstructed samples (`RLT1`, `RLT2`).
    private var reconstructed: (Int32, Int32) = (0, 0)
    /// Partially reconstructed samples, of which only the sign matters (`PLT1`, `PLT2`).
    private var partial: (Int32, Int32) = (0, 0)
    /// Coefficients of the poles (`AL1`, `AL2`).
    private var poles: (Int32, Int32) = (0, 0)
    /// Coefficients of the zeros (`BL1` … `BL6`).
    private var zeros = InlineArray<6, Int32>(repeating: 0)
    /// Quantised differences (`DLT1` … `DLT6`).
    private var differences = InlineArray<6, Int32>(repeating: 0)

    /// Takes the quantised difference between a sample and its prediction, and predicts the next sample.
    mutating func update(_ difference: Int32) {
        // PARREC, RECONS
        let newPartial = saturated(difference &+ zeroPart)
        let newSample = saturated(difference &+ prediction)
        adaptPoles(newPartial)
        adaptZeros(difference)
        // DELAYA
        partial = (newPartial, partial.0)
        reconstructed = (newSample, reconstructed.0)
        predict()
    }

    /// UPPOL2 and UPPOL1.
    private mutating func adaptPoles(_ newest: Int32) {
        let agreesWithFirst = (newest ^ partial.0) >= 0
        let agreesWithSecond = (newest ^ partial.1) >= 0
        let quadruple = saturated(poles.0 << 2)
        let lead = agreesWithFirst ? min(-quadruple, 32767) : quadruple
        var second = (lead >> 7) &+ (agreesWithSecond ? 128 : -128) &+ ((poles.1 &* 32512) >> 15)
        second = min(max(second, -12288), 12288)
        let first = saturated((agreesWithFirst ? 192 : -192) &+ ((poles.0 &* 32640) >> 15))
        let limit = saturated(15360 &- second)
        poles = (min(max(first, -limit), limit), second)
    }

    /// UPZERO, and the delay of the differences.
    private mutating func adaptZeros(_ newest: Int32) {
        let step: Int32 = newest == 0 ? 0 : 128
        for index in 0..<6 {
            let signed = (newest ^ differences[index]) >= 0 ? step : -step
            zeros[index] = saturated(signed &+ ((zeros[index] &* 32640) >> 15))
        }
        for index in stride(from: 5, to: 0, by: -1) { differences[index] = differences[index &- 1] }
        differences[0] = newest
    }

    /// FILTEP, FILTEZ and PREDIC.
    private mutating func predict() {
        let first = (poles.0 &* saturated(reconstructed.0 << 1)) >> 15
        let second = (poles.1 &* saturated(reconstructed.1 << 1)) >> 15
        var sum: Int32 = 0
        for index in 0..<6 { sum &+= (zeros[index] &* saturated(differences[index] << 1)) >> 15 }
        zeroPart = saturated(sum)
        prediction = saturated(saturated(first &+ second) &+ zeroPart)
    }
}

/// The size of a band's quantiser steps, which follows the loudness (block 3 of G.722).
struct StepSize: Sendable {
    /// The size (`DET`).
    private(set) var value: Int32
    /// Its logarithm (`NB`).
    private var logarithm: Int32 = 0

    init(_ value: Int32) {
        self.value = value
    }

    /// LOGSCL and SCALEL of the lower band, LOGSCH and SCALEH of the upper one.
    ///
    /// - Parameters:
    ///   - weight: by which the last code moves the logarithm.
    ///   - limit: the greatest logarithm.
    ///   - exponent: of the table's first value.
    mutating func update(weight: Int32, limit: Int32, exponent: Int32) {
        logarithm = min(max(((logarithm &* 127) >> 7) &+ weight, 0), limit)
        // `<<` and `>>` of Swift shift the other way for a negative amount.
        let mantissa = Self.mantissas[Int((logarithm >> 6) & 31)]
        value = (mantissa >> (exponent &- (logarithm >> 11))) << 2
    }

    /// Table 16 (`ILB`): 2048 times the powers of the 32nd root of two.
    private static let mantissas: InlineArray<32, Int32> = [
        2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960,
        3025,
        3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
    ]
}

/// The lower band, 0 to 4 kHz: 6 bits a sample, of which the upper 4 drive the adaptation.
struct LowerBand: Sendable {
    private var predictor = SubBandPredictor()
    private var step = StepSize(32)

    /// The code of a sample (`XL` to `IL`).
    mutating func encode(_ sample: Int32) -> Int32 {
        // SUBTRA, QUANTL
        let error = saturated(sample &- predictor.prediction)
        let magnitude = error < 0 ? ~error : error
        let interval = interval(of: magnitude)
        let code = error < 0 ? Self.negativeCodes[interval] : 62 &- Int32(truncatingIfNeeded: interval)
        adapt(Int(code) >> 2)
        return code
    }

    /// The first interval, from 1 on, that ends above a magnitude; by halves, since they end one above the other.
    private func interval(of magnitude: Int32) -> Int {
        var low = 1
        var high = 30
        while low < high {
            let middle = (low &+ high) >> 1
            if magnitude < (Self.decisions[middle] &* step.value) >> 12 { high = middle } else { low = middle &+ 1 }
        }
        return low
    }

    /// The sample of a code (`IL` to `RL`), 15 bits.
    mutating func decode(_ code: Int) -> Int32 {
        // INVQBL, LIMIT
        let sample = predictor.prediction &+ ((step.value &* Self.values[code]) >> 15)
        adapt(code >> 2)
        return min(max(sample, -16384), 16383)
    }

    /// INVQAL, then blocks 3 and 4.
    private mutating func adapt(_ code: Int) {
        let difference = (step.value &* Self.coarseValues[code]) >> 15
        step.update(weight: Self.weights[code], limit: 18432, exponent: 8)
        predictor.update(difference)
    }

    /// Table 14 (`Q6`): where the intervals of the magnitude end.
    private static let decisions: InlineArray<30, Int32> = [
        0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
        1339,
        1458, 1612, 1765, 1980, 2195, 2557, 2919,
    ]

    /// Codes of the intervals of negative errors; the first two are where the codes of positive ones end.
    private static let negativeCodes: InlineArray<31, Int32> = [
        0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6,
        5, 4,
    ]

    /// Table 17 (`QQ6`): values of the 6-bit codes. The first four are never sent; they count as the fifth, which they
    /// are nearest to.
    private static let values: InlineArray<64, Int32> = [
        -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
        -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
        -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
        4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
    ]

    /// Table 17 (`QQ4`): values of the upper 4 bits.
    private static let coarseValues: InlineArray<16, Int32> = [
        0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
    ]

    /// Tables 15 and 17 (`WL` by `RIL`): how the upper 4 bits move the size of the steps.
    private static let weights: InlineArray<16, Int32> = [
        -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
    ]
}

/// The upper band, 4 to 8 kHz: 2 bits a sample.
struct UpperBand: Sendable {
    private var predictor = SubBandPredictor()
    private var step = StepSize(8)

    /// The code of a sample (`XH` to `IH`).
    mutating func encode(_ sample: Int32) -> Int32 {
        // SUBTRA, QUANTH
        let error = saturated(sample &- predictor.prediction)
        let magnitude = error < 0 ? ~error : error
        let isLarge = magnitude >= (564 &* step.value) >> 12
        let code: Int32 = error < 0 ? (isLarge ? 0 : 1) : (isLarge ? 2 : 3)
        adapt(Int(code))
        return code
    }

    /// The sample of a code (`IH` to `RH`), 15 bits.
    mutating func decode(_ code: Int) -> Int32 {
        let expected = predictor.prediction
        let difference = adapt(code)
        return min(max(saturated(expected &+ difference), -16384), 16383)
    }

    /// INVQAH, then blocks 3 and 4.
    @discardableResult
    private mutating func adapt(_ code: Int) -> Int32 {
        let difference = (step.value &* Self.values[code]) >> 15
        step.update(weight: code & 1 == 0 ? 798 : -214, limit: 22528, exponent: 10)
        predictor.update(difference)
        return difference
    }

    /// Table 17 (`QQ2`).
    private static let values: InlineArray<4, Int32> = [-7408, -1616, 7408, 1616]
}
