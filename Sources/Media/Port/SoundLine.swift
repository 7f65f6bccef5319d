import Synchronization

/// Carries sound from one call to another, whose frames may be of another length and due at another time, on another lane.
///
/// ```
///  call ── sink ──►  ring of samples  ──► source ── other call
/// ```
///
/// Where less waits than is asked for, the reader gets silence and all that waits stays: from then on so much waits as the ticks of both are
/// apart. What waits for a second without need is left out, and where more waits than ``most`` the oldest is lost.
public final class SoundLine: Sendable {
    /// Sound that may wait: longer than the longest frame (120 ms), so that one fits at any time.
    public static let most = Duration.milliseconds(200)

    /// Sound that may wait without need, since the ticks of lanes are not that even.
    static let slack = Duration.milliseconds(10)

    /// Rate of the samples.
    public let sampleRate: SampleRate

    private let state: Mutex<State>

    private struct State: Sendable {
        var ring: SampleRing
        /// The least that was left behind a frame, of those that were read since it was judged last; nil before the first.
        var least: Int?
        /// Samples that were read since then.
        var read = 0
    }

    /// An empty line.
    public init(_ sampleRate: SampleRate = .wideband) {
        self.sampleRate = sampleRate
        state = Mutex(State(ring: SampleRing(capacity: sampleRate.samples(in: Self.most), filledWithSilence: 0)))
    }

    /// The end that hears: what waits in the line is forgotten. It never ends.
    public func makeSource() -> any AudioSource {
        state.withLock { $0 = State(ring: SampleRing(capacity: $0.ring.capacity, filledWithSilence: 0)) }
        return Ear(line: self)
    }

    /// The end that speaks.
    public func makeSink() -> any AudioSink { Mouth(line: self) }

    private func read(into frame: UnsafeMutableBufferPointer<Int16>) -> Int {
        let (second, slack) = (sampleRate.samples(in: .seconds(1)), sampleRate.samples(in: Self.slack))
        return state.withLock { state in
            guard state.ring.filled >= frame.count else {
                state.least = 0
                return 0
            }
            var span = frame.mutableSpan
            let count = state.ring.read(into: &span)
            state.least = min(state.least ?? .max, state.ring.filled)
            state.read += count
            if state.read >= second {
                state.ring.drop((state.least ?? 0) - slack)
                state.read = 0
                state.least = nil
            }
            return count
        }
    }

    private func write(_ frame: UnsafeBufferPointer<Int16>) { state.withLock { $0.ring.write(frame.span) } }

    private final class Ear: AudioSource {
        private let line: SoundLine
        init(line: SoundLine) { self.line = line }

        var sampleRate: SampleRate { line.sampleRate }

        func read(into frame: inout MutableSpan<Int16>) -> Int {
            let count = frame.withUnsafeMutableBufferPointer { line.read(into: $0) }
            frame.silence(from: count)
            return frame.count
        }
    }

    private final class Mouth: AudioSink {
        private let line: SoundLine
        init(line: SoundLine) { self.line = line }

        var sampleRate: SampleRate { line.sampleRate }

        func write(_ frame: Span<Int16>) { frame.withUnsafeBufferPointer { line.write($0) } }
    }
}
