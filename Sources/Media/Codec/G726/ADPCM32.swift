/// The machine of G.726 at 32 kbit/s that encoder and decoder share. Names in capitals are those of the blocks of the
/// recommendation's section 4.2, whose words of 11 to 19 bits are held in 32.
struct ADPCM32: Sendable {
    private var predictor = ADPCMPredictor()
    private var scale = ADPCMScale()

    /// The code, 4 bits, of a sample of 14 bits.
    mutating func encode(_ sample: Int32) -> UInt8 {
        let code = quantized(sample &- predictor.estimate, by: scale.value)
        _ = decode(code)
        return code
    }

    /// The sample of a code; 16 bits, of which a good signal needs 14.
    mutating func decode(_ code: UInt8) -> Int32 {
        let isNegative = code & 8 != 0
        let step = Int(isNegative ? ~code & 7 : code & 7)
        // RECONST, ADDA and ANTILOG.
        let magnitude = Self.antilogarithm(Self.levels[step] &+ scale.value >> 2)
        let isTransition = predictor.isTone && magnitude > scale.transitionThreshold
        let sample = predictor.update(magnitude, isNegative: isNegative, isTransition: isTransition)
        scale.update(step, isTone: predictor.seemsTone, isTransition: isTransition)
        return sample
    }

    /// LOG, SUBTB and QUAN.
    private func quantized(_ difference: Int32, by scale: Int32) -> UInt8 {
        let magnitude = Int32(truncatingIfNeeded: difference.magnitude) & 0x7FFF
        let exponent = max(0, 31 &- Int32(truncatingIfNeeded: magnitude.leadingZeroBitCount))
        let mantissa = ((magnitude << 7) >> exponent) & 127
        let level = (exponent << 7) &+ mantissa &- (scale >> 2)
        var step: UInt8 = 0
        for decision in 0..<7 where level >= Self.decisions[decision] { step &+= 1 }
        // The smallest interval has no sign, and its code is the negative zero; no bit pattern is without a one.
        return difference < 0 || step == 0 ? ~step & 0xF : step
    }

    private static func antilogarithm(_ value: Int32) -> Int32 {
        guard value >= 0 else { return 0 }
        let mantissa = 128 &+ (value & 127)
        return (mantissa << 7) >> (14 &- ((value >> 7) & 15))
    }

    /// Table 7: where the intervals of the quantiser begin, base 2 logarithms in 128ths.
    private static let decisions: InlineArray<7, Int32> = [-124, 80, 178, 246, 300, 349, 400]

    /// Table 11: their outputs.
    private static let levels: InlineArray<8, Int32> = [-2048, 4, 135, 213, 273, 323, 373, 425]
}

/// How large the quantiser's steps are: a mix of a quick and a slow measure of the signal's size, all of them logarithms.
struct ADPCMScale: Sendable {
    /// The mixture (`Y`), from 544 to 5120: base 2 logarithm in 512ths.
    private(set) var value: Int32 = 544

    /// The quick one (`YU`).
    private var quick: Int32 = 544
    /// The slow one (`YL`), in 32768ths.
    private var slow: Int32 = 34816
    /// Short and long term average of how large the codes are (`DMS`, `DML`).
    private var shortAverage: Int32 = 0
    private var longAverage: Int32 = 0
    /// Control of the mixture (`AP`): 256 and more for the quick measure alone.
    private var control: Int32 = 0

    /// TRANS: a difference above this, in a tone, is taken for a new signal.
    var transitionThreshold: Int32 {
        let whole = slow >> 15
        let fraction = (slow >> 10) & 31
        let threshold = whole > 9 ? 31 << 10 : (32 &+ fraction) << whole
        return (threshold &+ (threshold >> 1)) >> 1
    }

    /// Takes a code's magnitude.
    mutating func update(_ step: Int, isTone: Bool, isTransition: Bool) {
        // FUNCTF, FILTA and FILTB.
        let size = Self.sizes[step]
        shortAverage &+= ((size << 9) &- shortAverage) >> 5
        longAverage &+= ((size << 11) &- longAverage) >> 7
        // SUBTC, FILTC and TRIGA.
        let difference = ((shortAverage << 2) &- longAverage).magnitude
        let isChanging = value < 1536 || difference >= (longAverage >> 3).magnitude || isTone
        control = isTransition ? 256 : control &+ (((isChanging ? 512 : 0) &- control) >> 4)
        // FUNCTW, FILTD and LIMB.
        quick = min(max(value &+ (((Self.weights[step] << 5) &- value) >> 5), 544), 5120)
        // FILTE
        slow &+= quick &+ (-slow >> 6)
        // LIMA and MIX: the product's magnitude is cut, not the product.
        let factor = min(control >> 2, 64)
        let gap = quick &- (slow >> 6)
        let part = (Int32(truncatingIfNeeded: gap.magnitude) &* factor) >> 6
        value = (slow >> 6) &+ (gap < 0 ? -part : part)
    }

    /// Table 13 (`WI`), 16ths.
    private static let weights: InlineArray<8, Int32> = [-12, 18, 41, 64, 112, 198, 355, 1122]

    /// Table 14 (`FI`).
    private static let sizes: InlineArray<8, Int32> = [0, 0, 0, 1, 1, 1, 3, 7]
}
