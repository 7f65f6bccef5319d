public import RTP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Makes comfort noise of what a payload says (RFC 3389 §5): white noise through an all-pole lattice, brought to the level.
///
/// A new description is led over to within 100 ms. Reflection coefficients between those of two stable filters are those of a
/// stable filter.
public struct NoiseGenerator: Sendable {
    private var state: UInt64
    private var reflection = InlineArray<12, Float>(repeating: 0)
    private var backward = InlineArray<13, Float>(repeating: 0)
    private var amplitude: Float = 0
    private var target = ComfortNoise(level: 127)
    private var isNew = true

    /// Samples in which nearly all of a change is made.
    private let slope: Float

    /// A generator that is silent until it is told otherwise.
    ///
    /// - Parameter seed: the same one makes the same noise.
    public init(sampleRate: SampleRate, seed: UInt64 = 1) {
        state = seed
        slope = Float(max(1, sampleRate.samples(in: .milliseconds(30))))
    }

    /// Takes a description; the first one holds at once.
    public mutating func describe(_ noise: ComfortNoise) {
        target = noise
        guard isNew else { return }
        isNew = false
        approach(1)
    }

    /// Forgets descriptions and sound.
    public mutating func reset() {
        isNew = true
        amplitude = 0
        backward = InlineArray(repeating: 0)
    }

    /// Makes samples from `start` on.
    public mutating func fill(_ samples: inout MutableSpan<Int16>, from start: Int, count: Int) {
        // In steps of an eighth of the slope, so that the coefficients are not computed for each sample.
        let step = max(1, Int(slope) / 8)
        var index = start
        while index < start + count {
            let end = min(index + step, start + count)
            approach(Float(end - index) / slope)
            let gain = gain
            while index < end {
                samples[index] = Int16(scaled: next() * gain)
                index += 1
            }
        }
    }

    /// Goes a part of the way to what was described last.
    private mutating func approach(_ part: Float) {
        let goal = 32768 * powf(10, -Float(target.level) / 20)
        amplitude += ((target.level == 127 ? 0 : goal) - amplitude) * part
        for index in 0..<ComfortNoise.maximumOrder {
            reflection[index] += (target.reflection(at: index) - reflection[index]) * part
        }
    }

    /// What brings the lattice's output to the level: each stage makes it 1/(1-k²) times as strong.
    private var gain: Float {
        var power: Float = 1
        for index in 0..<ComfortNoise.maximumOrder { power *= 1 - reflection[index] * reflection[index] }
        return amplitude * power.squareRoot()
    }

    /// The next sample of coloured noise, of which the white one has a root mean square of one.
    private mutating func next() -> Float {
        var forward = white()
        for stage in stride(from: ComfortNoise.maximumOrder - 1, through: 0, by: -1) {
            forward -= reflection[stage] * backward[stage]
            backward[stage + 1] = backward[stage] + reflection[stage] * forward
        }
        backward[0] = forward
        return forward
    }

    /// The sum of four even numbers of 16 bits is nearly normal.
    private mutating func white() -> Float {
        // SplitMix64
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        var sum: Int32 = 0
        for _ in 0..<4 {
            sum &+= Int32(Int16(truncatingIfNeeded: mixed))
            mixed >>= 16
        }
        // The variance of each is 2^32 / 12.
        return Float(sum) * (1 / 37837.2)
    }
}
