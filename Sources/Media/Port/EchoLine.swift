/// A delay line: what is written comes out some time later. As sink and source of one stream it is an echo.
public final class EchoLine: AudioSource, AudioSink {
    public let sampleRate: SampleRate

    /// The delay of the line.
    public let delay: Duration

    private var ring: SampleRing

    /// Sound that may be written before it is read, beyond the delay.
    private static let slack = Duration.milliseconds(200)

    /// Longest delay.
    public static let maximumDelay = Duration.seconds(60)

    /// A line that holds silence.
    ///
    /// - Parameter delay: 0 to `maximumDelay`.
    public init(delay: Duration, sampleRate: SampleRate = .narrowband) {
        self.sampleRate = sampleRate
        self.delay = max(.zero, min(delay, Self.maximumDelay))
        let silence = sampleRate.samples(in: self.delay)
        ring = SampleRing(
            capacity: silence + max(1, sampleRate.samples(in: Self.slack)), filledWithSilence: silence)
    }

    /// Puts a frame into the line; when it is full, the oldest samples are lost.
    public func write(_ frame: Span<Int16>) {
        ring.write(frame)
    }

    public func read(into frame: inout MutableSpan<Int16>) -> Int {
        let count = ring.read(into: &frame)
        frame.silence(from: count)
        return frame.count
    }
}

/// Samples that wait in order; all memory is taken at the beginning.
struct SampleRing: Sendable {
    private var samples: [Int16]
    private var next = 0

    /// Samples that wait.
    private(set) var filled: Int

    /// A ring for `capacity` samples, at least 1, of which the first are silence.
    init(capacity: Int, filledWithSilence silence: Int) {
        samples = [Int16](repeating: 0, count: max(1, capacity))
        filled = min(max(0, silence), samples.count)
    }

    /// Puts samples in; where there is no room, the oldest are lost.
    mutating func write(_ frame: Span<Int16>) {
        let kept = min(frame.count, samples.count)
        let lost = max(0, filled + kept - samples.count)
        next = (next + lost) % samples.count
        filled -= lost
        var place = (next + filled) % samples.count
        for index in frame.count - kept..<frame.count {
            samples[place] = frame[index]
            place += 1
            if place == samples.count { place = 0 }
        }
        filled += kept
    }

    /// Takes samples out, as many as wait and `frame` holds.
    ///
    /// - Returns: samples taken.
    mutating func read(into frame: inout MutableSpan<Int16>) -> Int {
        let count = min(filled, frame.count)
        for index in 0..<count {
            frame[index] = samples[next]
            next += 1
            if next == samples.count { next = 0 }
        }
        filled -= count
        return count
    }
}
