/// Fills the place of lost sound by repeating the last periods of the voice, softer and softer, after the method of
/// ITU-T G.711 appendix I, but without its delay: where the appendix smooths the sound before the gap, which is here already
/// played, the first quarter period of the repetition is led over from it instead.
///
/// 10 ms repeat one period, the next 10 ms two, then three, so that no buzz arises; after 10 ms the level falls by a fifth
/// of full every 10 ms.
///
/// Where the appendix has nothing after 60 ms the level falls more slowly from a fifth of full on, to nothing after 160 ms: behind a stall of the
/// network that is heard as less of a hole.
///
/// Beyond the appendix, what has no period, such as the hiss of an s, is not repeated, which would give it one: the less the sound
/// before the gap is like itself a period earlier, the more noise of its colour and level takes the place of the repetition.
///
/// Two channels are repeated from the same places, those that their mean asks for. Samples are counted of each channel.
struct Concealer: Sendable {
    private let channels: Int
    /// Samples in 1 ms.
    private let millisecond: Int
    private let lags: ClosedRange<Int>
    private let window: Int

    /// The sound before the gap, three and a quarter of the longest period, as it lies in the line; and where that has two channels
    /// their mean.
    private var memory: [Int16]
    private var mean: [Int16]
    private var period = 0
    private var cycles = 1
    private var position = 0
    private var step = InlineArray<2, Float>(repeating: 0)
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

    /// A concealer for sound of a rate, of one channel or two.
    init(sampleRate: SampleRate, channels: Int = 1) {
        self.channels = channels
        millisecond = max(1, sampleRate.hertz / 1000)
        // Voices from 66 to 200 Hz; longer multiples of higher ones are found too.
        lags = 5 * millisecond...15 * millisecond
        window = 20 * millisecond
        historyLength = 3 * lags.upperBound + lags.upperBound / 4
        memory = [Int16](repeating: 0, count: historyLength * channels)
        mean = [Int16](repeating: 0, count: channels > 1 ? historyLength : 0)
        noise = [Int16](repeating: 0, count: 70 * millisecond)
        generator = NoiseGenerator(sampleRate: sampleRate)
    }

    /// Whether what it makes can still be heard.
    var isAudible: Bool { made < (Self.hold + Self.tail) * millisecond && quick > 0 }

    /// Begins a gap behind the samples of `line` that end at `end`.
    mutating func begin(after end: Int, in line: [Int16]) {
        let first = (end - historyLength) * channels
        for index in 0..<historyLength * channels { memory[index] = line[first + index] }
        let match: PitchSearch.Match
        if channels > 1 {
            for index in 0..<historyLength { mean[index] = Channels.mean(memory[2 * index], memory[2 * index + 1]) }
            match = PitchSearch.best(in: mean, at: historyLength - window, count: window, lags: lags)
        } else {
            match = PitchSearch.best(in: memory, at: historyLength - window, count: window, lags: lags)
        }
        period = match.lag
        cycles = 1
        position = 0
        made = 0
        quick = 1
        isActive = true
        for channel in 0..<channels {
            step[channel] =
                Float(memory[(historyLength - 1) * channels + channel])
                - Float(memory[(historyLength - period - 1) * channels + channel])
        }
        let range = Self.likeness
        voiced = min(max((match.likeness - range.lowerBound) / (range.upperBound - range.lowerBound), 0), 1)
        unvoiced = (1 - voiced * voiced).squareRoot()
        if unvoiced > 0 { makeNoise() }
    }

    /// Makes noise as loud and of the same colour as the last of the sound.
    private mutating func makeNoise() {
        let last = historyLength - window..<historyLength
        let colour =
            channels > 1
            ? NoiseAnalyzer.description(of: mean.span.extracting(last), order: Self.order)
            : NoiseAnalyzer.description(of: memory.span.extracting(last), order: Self.order)
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
            let next = next(silently: silently)
            for channel in 0..<channels { line[index * channels + channel] = Int16(scaled: value(next, channel)) }
        }
    }

    /// Leads over to good sound: blends its first samples, `available` at most, with the continued repetition.
    mutating func merge(into line: inout [Int16], at start: Int, available: Int) {
        // 4 ms, and 4 ms more for every 10 ms of gap after the first, up to 10 ms.
        let extra = made / (10 * millisecond)
        let length = min(min((4 + 4 * max(0, extra - 1)), 10) * millisecond, available)
        for index in 0..<length {
            let weight = Float(index + 1) / Float(length + 1)
            let next = next(silently: false)
            for channel in 0..<channels {
                let place = (start + index) * channels + channel
                line[place] = Int16(scaled: Float(line[place]) * weight + value(next, channel) * (1 - weight))
            }
        }
    }

    /// How a sample is made, the same for all channels.
    private struct Recipe {
        /// Where in the memory it is, and what that is led over to at the end of a cycle.
        var place = 0
        var next = 0
        var nextWeight: Float = 0
        /// The part of the step between the sound before the gap and the repetition.
        var stepWeight: Float = 0
        /// What is kept of all this beside noise, and the noise.
        var kept: Float = 1
        var noise: Float = 0
        /// Zero where nothing can be heard any more.
        var gain: Float = 0
    }

    private func value(_ recipe: Recipe, _ channel: Int) -> Float {
        guard recipe.gain > 0 else { return 0 }
        var value = Float(memory[recipe.place * channels + channel])
        if recipe.nextWeight > 0 {
            let next = Float(memory[recipe.next * channels + channel])
            value = value * (1 - recipe.nextWeight) + next * recipe.nextWeight
        }
        return ((value + step[channel] * recipe.stepWeight) * recipe.kept + recipe.noise) * recipe.gain
    }

    private mutating func next(silently: Bool) -> Recipe {
        var recipe = Recipe()
        guard isAudible else { return recipe }
        let wanted = min(3, 1 + made / (10 * millisecond))
        while cycles < wanted {
            // The same place of the memory, seen from a cycle that begins one period earlier.
            cycles += 1
            position += period
        }
        let quarter = max(1, period / 4)
        let start = historyLength - cycles * period
        recipe.place = start + position
        let tail = position - (cycles * period - quarter)
        if tail >= 0 {
            // The end of the cycle is led over to what comes before its beginning.
            recipe.nextWeight = Float(tail + 1) / Float(quarter + 1)
            recipe.next = start - quarter + tail
        }
        if made < quarter { recipe.stepWeight = 1 - Float(made + 1) / Float(quarter + 1) }
        if unvoiced > 0 {
            // The noise comes in while the step goes.
            let part = min(1, Float(made + 1) / Float(quarter + 1))
            recipe.kept = 1 - part * (1 - voiced)
            recipe.noise = Float(noise[made % noise.count]) * part * unvoiced
        }
        if silently { quick = max(0, quick - 1 / Float(5 * millisecond)) }
        recipe.gain = gain * quick
        position = (position + 1) % (cycles * period)
        made += 1
        return recipe
    }

    /// Milliseconds at full level, those in which it would fall to nothing, and those in which a softer one does, which is heard once
    /// it is the louder of the two.
    private static let hold = 10
    private static let fall = 50
    private static let tail = 150
    private static let tailLevel: Float = 0.3

    private var gain: Float {
        let hold = Self.hold * millisecond
        guard made >= hold else { return 1 }
        let gone = Float(made - hold) / Float(millisecond)
        return max(0, 1 - gone / Float(Self.fall), Self.tailLevel * (1 - gone / Float(Self.tail)))
    }
}
