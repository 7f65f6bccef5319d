/// A delay line: what is written comes out some time later. As sink and source of one stream it is an echo.
public final class EchoLine: AudioSource, AudioSink {
    public let sampleRate: SampleRate

    /// The delay of the line.
    public let delay: Duration

    private var ring: [Int16]
    private var next = 0
    private var filled: Int

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
        filled = sampleRate.samples(in: self.delay)
        ring = [Int16](repeating: 0, count: filled + max(1, sampleRate.samples(in: Self.slack)))
    }

    /// Puts a frame into the line; when it is full, the oldest samples are lost.
    public func write(_ frame: Span<Int16>) {
        for index in frame.indices {
            if filled == ring.count {
                next = (next + 1) % ring.count
                filled -= 1
            }
            ring[(next + filled) % ring.count] = frame[index]
            filled += 1
        }
    }

    public func read(into frame: inout MutableSpan<Int16>) -> Int {
        for index in frame.indices {
            guard filled > 0 else {
                frame[index] = 0
                continue
            }
            frame[index] = ring[next]
            next = (next + 1) % ring.count
            filled -= 1
        }
        return frame.count
    }
}
