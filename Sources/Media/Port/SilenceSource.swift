/// Gives silence without end.
public final class SilenceSource: AudioSource {
    public let sampleRate: SampleRate

    /// Silence at a rate.
    public init(sampleRate: SampleRate = .narrowband) {
        self.sampleRate = sampleRate
    }

    public func read(into frame: inout MutableSpan<Int16>) -> Int {
        frame.silence()
        return frame.count
    }
}
