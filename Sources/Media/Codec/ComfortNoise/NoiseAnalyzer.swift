public import RTP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Decides which frames are worth sending, and describes those that are not as comfort noise (RFC 3389 §5).
///
/// A frame is silence when it is little louder than the noise below the speech, which is followed down at once and up slowly.
/// What follows on speech within the hang-over counts as speech.
public struct NoiseAnalyzer: Sendable {
    /// How it decides.
    public struct Configuration: Hashable, Sendable {
        /// How much louder than the noise speech is, in dB.
        public var margin: Float = 9

        /// What is softer than this is silence, in dB below overload.
        public var threshold: Float = 66

        /// What is louder than this is speech, in dB below overload.
        public var loudest: Float = 30

        /// How long after speech frames still count as speech.
        public var hangOver = Duration.milliseconds(200)

        /// How fast the estimate of the noise rises while frames are louder, in dB per second.
        public var rise: Float = 3

        /// Longest time between two descriptions.
        public var interval = Duration.milliseconds(500)

        /// A change of the level, in dB, that is described at once.
        public var change = 3

        /// Reflection coefficients, 0 to ``RTP/ComfortNoise/maximumOrder``.
        public var order = 8

        /// The defaults.
        public init() {}
    }

    /// What shall become of a frame.
    @frozen
    public enum Verdict: Hashable, Sendable {
        /// It is speech: encode it.
        case speech
        /// Send this in its place.
        case noise(ComfortNoise)
        /// Send nothing: what was described last goes on.
        case nothing
    }

    private let configuration: Configuration
    private let order: Int
    private let hangOver: Int
    private let interval: Int
    private let riseOfFrame: Float

    /// Level of the noise below the speech; nil before the first frame.
    private var floor: Float?
    /// Frames that still count as speech.
    private var hanging: Int
    /// Frames since the last description; nil in speech.
    private var age: Int?
    private var described = ComfortNoise(level: 127)
    /// Autocorrelation of the silence, smoothed over some frames, and its level.
    private var correlation = InlineArray<13, Float>(repeating: 0)
    private var level: Float = 127

    /// An analyzer for frames of a duration.
    public init(frame: Duration, configuration: Configuration = Configuration()) {
        self.configuration = configuration
        order = min(max(configuration.order, 0), ComfortNoise.maximumOrder)
        let frame = max(frame, .milliseconds(1))
        hangOver = Int(max(0, configuration.hangOver / frame).rounded(.up))
        interval = max(1, Int((configuration.interval / frame).rounded()))
        riseOfFrame = configuration.rise * Float(frame / .seconds(1))
        hanging = hangOver
    }

    /// Takes the next frame.
    public mutating func next(_ frame: Span<Int16>) -> Verdict {
        let loudness = Self.level(of: frame)
        guard isSilence(loudness) else {
            hanging = hangOver
            age = nil
            return .speech
        }
        let isFirst = age == nil
        correlate(frame, loudness, isFirst: isFirst && hanging == hangOver)
        guard hanging == 0 else {
            hanging -= 1
            return .speech
        }
        let now = Int(level.rounded())
        let isDue = (age ?? interval) >= interval || abs(now - Int(described.level)) >= configuration.change
        guard isFirst || isDue else {
            age? += 1
            return .nothing
        }
        age = 1
        described = description(UInt8(min(max(now, 0), 127)))
        return .noise(described)
    }

    /// Describes a stretch of sound as noise of its level and colour.
    ///
    /// - Parameter order: reflection coefficients, 0 to ``RTP/ComfortNoise/maximumOrder``.
    static func description(of sound: Span<Int16>, order: Int) -> ComfortNoise {
        var configuration = Configuration()
        configuration.order = order
        var analyzer = NoiseAnalyzer(frame: .milliseconds(20), configuration: configuration)
        let loudness = level(of: sound)
        analyzer.correlate(sound, loudness, isFirst: true)
        return analyzer.description(UInt8(min(max(loudness.rounded(), 0), 127)))
    }

    /// Level of a frame in dB below overload, 0 to 127: that of a square wave of full scale is 0 (§3.1).
    public static func level(of frame: Span<Int16>) -> Float {
        var squares: Int64 = 0
        frame.withUnsafeBufferPointer { frame in
            for sample in frame { squares &+= Int64(Int32(sample) &* Int32(sample)) }
        }
        guard squares > 0 else { return 127 }
        let mean = Float(squares) / Float(frame.count)
        return min(max(-10 * log10f(mean / (32768 * 32768)), 0), 127)
    }

    private mutating func isSilence(_ loudness: Float) -> Bool {
        // Below the threshold there is nothing to be followed.
        let before = min(floor ?? loudness, configuration.threshold)
        // Levels are below overload: a greater number is softer.
        let now = loudness > before ? loudness : max(loudness, before - riseOfFrame)
        floor = now
        if loudness >= configuration.threshold { return true }
        return loudness > configuration.loudest && loudness > now - configuration.margin
    }

    private mutating func correlate(_ frame: Span<Int16>, _ loudness: Float, isFirst: Bool) {
        let weight: Float = isFirst ? 1 : 0.25
        level += (loudness - level) * weight
        guard frame.count > order else { return }
        frame.withUnsafeBufferPointer { frame in
            for lag in 0...order {
                var sum: Float = 0
                for index in lag..<frame.count { sum += Float(frame[index]) * Float(frame[index &- lag]) }
                correlation[lag] += (sum / Float(frame.count) - correlation[lag]) * weight
            }
        }
    }

    /// The reflection coefficients by the recursion of Levinson and Durbin.
    private func description(_ level: UInt8) -> ComfortNoise {
        var reflection = InlineArray<12, Float>(repeating: 0)
        var filter = InlineArray<13, Float>(repeating: 0)
        // A little white noise below, so that a pure tone has a stable filter too.
        var error = correlation[0] * 1.001 + 1e-3
        for step in 0..<order {
            var sum = correlation[step + 1]
            for index in 0..<step { sum += filter[index] * correlation[step - index] }
            let coefficient = min(max(-sum / error, -0.98), 0.98)
            let before = filter
            for index in 0..<step { filter[index] = before[index] + coefficient * before[step - 1 - index] }
            filter[step] = coefficient
            reflection[step] = coefficient
            error *= 1 - coefficient * coefficient
        }
        return ComfortNoise(level: level, reflection: reflection.span.extracting(0..<order))
    }
}
