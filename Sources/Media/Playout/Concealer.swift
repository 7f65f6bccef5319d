/// Fills the place of lost sound by repeating the last periods of the voice, softer and softer, after the method of
/// ITU-T G.711 appendix I, but without its delay: where the appendix smooths the sound before the gap, which is here already
/// played, the first quarter period of the repetition is led over from it instead.
///
/// 10 ms repeat one period, the next 10 ms two, then three, so that no buzz arises; after 10 ms the level falls by a fifth
/// of full every 10 ms, to nothing after 60 ms.
///
/// Beyond the appendix, what has no period, such as the hiss of an s, is not repeated, which would give it one: the less the sound
/// before the gap is like itself a period earlier, the more noise of its colour and level takes the place of the repetition.
struct Concealer: Sendable {
    /// Samples in 1 ms.
    private let millisecond: Int
    private let lags: ClosedRange<Int>
    private let window: Int

    /// The sound before the gap: three and a quarter of the longest period.
    private var memory: [Int16]
    private var period = 0
    private var cycles = 1
    private var position = 0
    private var step: Float = 0
    private var quick: Float = 1
    /// Parts of the repetition and of the noise, whose squares add up to one.
    private var voiced: Float = 1
    private var unvoiced: Float = 0
    private var noise: [Int16]
    private var generator: NoiseGenerator

    /// Likeness of the sound to itself a period earlier, from which on all of it is repeated, and up to which none is.
    private static let likeness: ClosedRange<Float> = 0.3...0.8

    /// Coefficients of the noise's colour.
    private static let order = 10

    /// Whether a gap is being filled.
    private(set) var isActive = false

    /// Samples made for this gap so far.
    private(set) var made = 0

    /// Samples before the gap that `begin(after:in:)` needs: 48.75 ms.
    let historyLength: Int

    /// A concealer for sound of a rate.
    init(sampleRate: SampleRate) {
        millisecond = max(1, sampleRate.hertz / 1000)
        // Voices from 66 to 200 Hz; longer multiples of higher ones are found too.
        lags = 5 * millisecond...15 * millisecond
        window = 20 * millisecond
        historyLength = 3 * lags.upperBound + lags.upperBound / 4
        memory = [Int16](repeating: 0, count: historyLength)
        noise = [Int16](repeating: 0, count: 70 * millisecond)
        generator = NoiseGenerator(sampleRate: sampleRate)
    }

    /// Whether what it makes can still be heard.
    var isAudible: Bool { made < 60 * millisecond && quick > 0 }

    /// Begins a gap behind the samples of `line` that end at `end`.
    mutating func begin(after end: Int, in line: [Int16]) {
        for index in 0..<historyLength { memory[index] = line[end - historyLength + index] }
        let match = PitchSearch.best(in: memory, at: historyLength - window, count: window, lags: lags)
        period = match.lag
        cycles = 1
        position = 0
        made = 0
        quick = 1
        isActive = true
        step = Float(memory[historyLength - 1]) - Float(memory[historyLength - period - 1])
        let range = Self.likeness
        voiced = min(max((match.likeness - range.lowerBound) / (range.upperBound - range.lowerBound), 0), 1)
        unvoiced = (1 - voiced * voiced).squareRoot()
        if unvoiced > 0 { makeNoise() }
    }

    /// Makes noise as loud and of the same colour as the last of the sound.
    private mutating func makeNoise() {
        let colour = NoiseAnalyzer.description(
            of: memory.span.extracting(historyLength - window..<historyLength), order: Self.order)
        generator.reset()
        generator.describe(colour)
        // A span of one property may not stand beside a change of another: the array steps out for the call.
        var samples: [Int16] = []
        swap(&samples, &noise)
        var span = samples.mutableSpan
        generator.fill(&span, from: 0, count: span.count)
        swap(&samples, &noise)
    }

    /// Ends the gap.
    mutating func end() {
        isActive = false
    }

    /// Makes `count` samples in `line` from `start` on.
    ///
    /// - Parameter silently: the sender is silent, nothing is lost: go to silence within 5 ms.
    mutating func fill(_ line: inout [Int16], at start: Int, count: Int, silently: Bool = false) {
        for index in start..<start + count {
            line[index] = Int16(scaled: next(silently: silently))
        }
    }

    /// Leads over to good sound: blends its first samples, `available` at most, with the continued repetition.
    mutating func merge(into line: inout [Int16], at start: Int, available: Int) {
        // 4 ms, and 4 ms more for every 10 ms of gap after the first, up to 10 ms.
        let extra = made / (10 * millisecond)
        let length = min(min((4 + 4 * max(0, extra - 1)), 10) * millisecond, available)
        for index in 0..<length {
            let weight = Float(index + 1) / Float(length + 1)
            let made = next(silently: false)
            line[start + index] = Int16(scaled: Float(line[start + index]) * weight + made * (1 - weight))
        }
    }

    private mutating func next(silently: Bool) -> Float {
        guard isAudible else { return 0 }
        let wanted = min(3, 1 + made / (10 * millisecond))
        while cycles < wanted {
            // The same place of the memory, seen from a cycle that begins one period earlier.
            cycles += 1
            position += period
        }
        let quarter = max(1, period / 4)
        let start = historyLength - cycles * period
        var value = Float(memory[start + position])
        let tail = position - (cycles * period - quarter)
        if tail >= 0 {
            // The end of the cycle is led over to what comes before its beginning.
            let weight = Float(tail + 1) / Float(quarter + 1)
            value = value * (1 - weight) + Float(memory[start - quarter + tail]) * weight
        }
        if made < quarter { value += step * (1 - Float(made + 1) / Float(quarter + 1)) }
        if unvoiced > 0 {
            // The noise comes in while the step goes.
            let part = min(1, Float(made + 1) / Float(quarter + 1))
            value = value * (1 - part * (1 - voiced)) + Float(noise[made % noise.count]) * part * unvoiced
        }
        if silently { quick = max(0, quick - 1 / Float(5 * millisecond)) }
        value *= gain * quick
        position = (position + 1) % (cycles * period)
        made += 1
        return value
    }

    private var gain: Float {
        let hold = 10 * millisecond
        return made < hold ? 1 : max(0, 1 - Float(made - hold) / Float(50 * millisecond))
    }
}
