#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif
public import RTP
import Synchronization

/// Finds the keys that are pressed in sound: DTMF (ITU-T Q.23) by the rules of ITU-T Q.24.
///
/// ```
///  samples ─► every 4 ms, under a window of 20 ms: level and frequency of the strongest row and column
///                │ one key, nearly all of the sound, both tones steady
///                ▼
///  silent ──── 7 times ───► key began ──── 8 times not ───► key ended
/// ```
///
/// The window's share that a tone fills is also the tone's share of the level, so that runs of seven begin between 23 and 40 ms
/// of tone, and runs of eight between 10 and 40 ms of pause. Frequencies come from the turn of the phase from one window to the
/// next, which tells hertz where a filter as short as this tells 50.
///
/// Sans-IO: fed with frames of any length, it allocates nothing for them. Dial tone beside the keys is not filtered out.
public struct DTMFDetector: Sendable {
    /// What was found.
    @frozen
    public enum Report: Hashable, Sendable {
        /// A key sounds, for some 30 ms already.
        case began(TelephoneEvent.Code)
        /// It has ended; the duration is right to some milliseconds.
        case ended(TelephoneEvent.Code, duration: Duration)
    }

    /// How far off a frequency may be: Q.24 wants 1.5 % accepted and 3.5 % rejected.
    public static let frequencyTolerance = 0.025

    /// How much louder the row may be than the column, in dB: 8 are accepted, and what a noisy line adds.
    public static let normalTwist = 10.0

    /// How much louder the column may be than the row, in dB: 4 are accepted, and what a noisy line adds.
    public static let reverseTwist = 6.0

    /// The least level of each tone: −25 dBm0 are accepted, and what a noisy line takes.
    public static let leastLevel = AudioLevel.dBm0(-29)

    /// The least part of the sound that the two tones are: speech is less pure.
    public static let leastShare = 0.8

    /// Windows in a row in which a key must be found, and not be found any more.
    static let windowsToBegin = 7
    static let windowsToEnd = 8

    /// Rate of the samples. At less than 6,000 Hz nothing is found.
    public let sampleRate: SampleRate

    private let bank: DTMFBank
    /// The window's samples at the rate of the bank, oldest first.
    private var line: [Float]
    private var filled: Int
    /// What the sample of the bank that comes next and the one after it have of the samples so far.
    private var falling: Float = 0
    private var rising: Float = 0
    private var before: Float = 0
    private var position = 0
    /// The eight tones in the window before; nil where it was too soft.
    private var last: DTMFBank.Tones?
    /// A key that was found in the last windows, and in how many.
    private var candidate: Int?
    private var run = 0
    /// The key that sounds, for how many windows, and in how many of the last it was not found.
    private var current: Int?
    private var length = 0
    private var misses = 0

    /// A detector that has heard silence.
    public init(sampleRate: SampleRate = .narrowband) {
        self.sampleRate = sampleRate
        bank = DTMFBank.bank(for: sampleRate)
        line = [Float](repeating: 0, count: bank.window)
        filled = bank.window - bank.hop
    }

    /// The key that sounds now.
    public var key: TelephoneEvent.Code? { current.map { DTMFBank.codes[$0] } }

    /// Listens to the next samples.
    ///
    /// - Parameter report: told what is found, in order.
    public mutating func process(_ frame: Span<Int16>, _ report: (Report) -> Void) {
        guard bank.isAble else { return }
        for index in 0..<frame.count {
            // Each sample of the bank is a mean of two blocks' samples under a triangle.
            let sample = Float(frame[index])
            position += 1
            rising += Float(position) * sample
            falling += Float(bank.factor - position) * sample
            guard position == bank.factor else { continue }
            line[filled] = (before + falling) * bank.scale
            before = rising
            rising = 0
            falling = 0
            position = 0
            filled += 1
            guard filled == line.count else { continue }
            note(look(), report)
            slide()
        }
    }

    /// Makes room for the samples of the next window.
    private mutating func slide() {
        let hop = bank.hop
        filled = line.count - hop
        for index in 0..<filled { line[index] = line[index + hop] }
    }

    /// The key in the window; nil where there is none.
    private mutating func look() -> Int? {
        let power = bank.power(of: line)
        guard power >= bank.leastPower else {
            last = nil
            return nil
        }
        let tones = bank.tones(in: line)
        defer { last = tones }
        guard let earlier = last else { return nil }
        return bank.key(tones, after: earlier, power: power)
    }

    private mutating func note(_ key: Int?, _ report: (Report) -> Void) {
        run = key != nil && key == candidate ? run + 1 : 1
        candidate = key
        if current != nil {
            length += 1
            misses = key == current ? 0 : misses + 1
            if misses == Self.windowsToEnd { end(report) }
        }
        guard let key, key != current, run == Self.windowsToBegin else { return }
        end(report)
        current = key
        length = run
        misses = 0
        report(.began(DTMFBank.codes[key]))
    }

    private mutating func end(_ report: (Report) -> Void) {
        guard let current else { return }
        self.current = nil
        // A tone is found in all of its time but a third of a window.
        let samples = (length - misses) * bank.hop + bank.window / 3
        report(.ended(DTMFBank.codes[current], duration: bank.sampleRate.duration(of: samples)))
    }
}

/// What a detector knows of its rate: the window, and the eight tones under it.
final class DTMFBank: Sendable {
    /// The eight tones of one window: rows, then columns.
    struct Tones {
        var real = SIMD8<Float>()
        var imaginary = SIMD8<Float>()
    }

    /// The keys, row by row.
    static let codes = "123A456B789C*0#D".compactMap { TelephoneEvent.Code($0) }

    /// Samples of which one is made; it is at 8,000 Hz and more then.
    let factor: Int
    let sampleRate: SampleRate
    let isAble: Bool
    /// What the triangle's sum is multiplied by.
    let scale: Float
    /// Samples in a window, and from one to the next: a fifth of it.
    let window: Int
    let hop: Int
    /// The least power under the window that two tones of the least level can have.
    let leastPower: Float

    private let weights: [Float]
    private let cosines: [SIMD8<Float>]
    private let sines: [SIMD8<Float>]
    /// Squares of amplitude from those of sums.
    private let perSquare: Float
    /// What makes good for the triangle, which is softer at higher frequencies.
    private let gains: SIMD8<Float>
    /// How far a tone of the nominal frequency turns from window to window, and how far one may turn beyond that.
    private let turns: [(cosine: Float, sine: Float)]
    private let mostTurn: [Float]
    private let leastSquare: Float

    private static let shared = Mutex<[SampleRate: DTMFBank]>([:])

    /// The bank of a rate; made once and kept.
    static func bank(for rate: SampleRate) -> DTMFBank {
        shared.withLock { banks in
            if let bank = banks[rate] { return bank }
            let bank = DTMFBank(rate)
            banks[rate] = bank
            return bank
        }
    }

    private init(_ rate: SampleRate) {
        isAble = rate.hertz >= 6000
        factor = max(1, rate.hertz / 8000)
        let hertz = Double(rate.hertz) / Double(factor)
        sampleRate = SampleRate(Int(hertz.rounded()))
        scale = 1 / Float(factor * factor)
        hop = max(1, Int((hertz * 0.004).rounded()))
        window = 5 * hop
        let (size, step) = (window, hop)
        let frequencies = Tone.rows + Tone.columns
        let hann = (0..<size).map { 0.5 - 0.5 * cos(2 * Double.pi * (Double($0) + 0.5) / Double(size)) }
        weights = hann.map { Float($0) }
        cosines = Self.table(hann, frequencies) { cos(2 * Double.pi * $0 / hertz) }
        sines = Self.table(hann, frequencies) { sin(2 * Double.pi * $0 / hertz) }
        let sum = Double(size) / 2
        perSquare = Float(4 / (sum * sum))
        let peak = DTMFDetector.leastLevel.amplitude * 32767
        leastSquare = Float(peak * peak)
        leastPower = Float(peak * peak * sum * 0.5)
        var gains = SIMD8<Float>(repeating: 1)
        for (index, frequency) in frequencies.enumerated() where factor > 1 {
            let angle = Double.pi * frequency / Double(rate.hertz)
            let response = sin(angle * Double(factor)) / (Double(factor) * sin(angle))
            gains[index] = Float(1 / (response * response * response * response))
        }
        self.gains = gains
        let angles = frequencies.map { 2 * Double.pi * $0 * Double(step) / hertz }
        turns = angles.map { (cosine: Float(cos($0)), sine: Float(sin($0))) }
        mostTurn = angles.map { Float($0 * DTMFDetector.frequencyTolerance) }
    }

    private static func table(
        _ window: [Double], _ frequencies: [Double], _ value: (Double) -> Double
    ) -> [SIMD8<Float>] {
        window.indices.map { sample in
            var row = SIMD8<Float>()
            for (index, frequency) in frequencies.enumerated() {
                row[index] = Float(window[sample] * value(frequency * Double(sample)))
            }
            return row
        }
    }

    /// Sum of the squares under the window.
    func power(of line: [Float]) -> Float {
        var power: Float = 0
        for index in 0..<window { power += weights[index] * line[index] * line[index] }
        return power
    }

    func tones(in line: [Float]) -> Tones {
        var tones = Tones()
        for index in 0..<window {
            tones.real += cosines[index] * line[index]
            tones.imaginary -= sines[index] * line[index]
        }
        return tones
    }

    /// The key of a window; nil where it has none, or other sound beside it.
    func key(_ tones: Tones, after last: Tones, power: Float) -> Int? {
        let squares = (tones.real * tones.real + tones.imaginary * tones.imaginary) * perSquare
        var (row, column) = (0, 4)
        for index in 1..<4 {
            if squares[index] > squares[row] { row = index }
            if squares[4 + index] > squares[column] { column = 4 + index }
        }
        guard let rowLoss = loss(of: row, tones, last), let columnLoss = loss(of: column, tones, last) else {
            return nil
        }
        let (rowSquare, columnSquare) = (squares[row] / rowLoss, squares[column] / columnLoss)
        // A sine has half the square of its amplitude, and the window half of its length, as power.
        let share = (rowSquare + columnSquare) * Float(window) / 4
        guard share >= Float(DTMFDetector.leastShare) * power else { return nil }
        let (high, low) = (columnSquare * gains[column], rowSquare * gains[row])
        guard min(high, low) >= leastSquare, low <= high * Self.normalTwist, high <= low * Self.reverseTwist else {
            return nil
        }
        return row * 4 + column - 4
    }

    private static let normalTwist = Float(pow(10, DTMFDetector.normalTwist / 10))
    private static let reverseTwist = Float(pow(10, DTMFDetector.reverseTwist / 10))

    /// The part of a tone's power that the window passes at the frequency that it really has; nil where that is too far off.
    private func loss(of index: Int, _ tones: Tones, _ last: Tones) -> Float? {
        let (x, y) = (tones.real[index], tones.imaginary[index])
        let (u, v) = (last.real[index], last.imaginary[index])
        let (real, imaginary) = (x * u + y * v, y * u - x * v)
        let (cosine, sine) = turns[index]
        let turn = abs(atan2(imaginary * cosine - real * sine, real * cosine + imaginary * sine))
        guard turn <= mostTurn[index] else { return nil }
        // The response of a Hann window, in units of the reciprocal of its length.
        let offset = Float(window) / Float(hop) * turn / (2 * Float.pi)
        guard offset > 0.001 else { return 1 }
        let response = sin(Float.pi * offset) / (Float.pi * offset * (1 - offset * offset))
        return response * response
    }
}
