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
