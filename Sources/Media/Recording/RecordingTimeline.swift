import RTP

/// Lays what is heard and what is said beside each other by the time at which each frame was due, at one rate: left what was heard,
/// right what was said.
///
/// Where a frame is missing there is silence of its length, in that channel alone or in both, so that a moment has the same place in
/// both channels and in the call. The clocks of both sides do not matter: both directions are played and said by ours.
struct RecordingTimeline {
    /// How far a frame may stand from where the one before has ended, before silence is put between them.
    static let tolerance = Duration.milliseconds(5)

    /// Longest silence that is put in; time beyond it, as of a machine that slept, is left out.
    static let longestGap = Duration.seconds(600)

    /// Silence that is put in at once.
    static let step = Duration.seconds(1)

    /// Both channels, interleaved, as far as both are there; take them with `clear()`.
    private(set) var ready: [Int16] = []

    private var heard: RecordingChannel
    private var said: RecordingChannel
    /// When the recording began, less what was left out.
    private var start: ContinuousClock.Instant?

    /// An empty timeline.
    init(sampleRate: SampleRate) {
        heard = RecordingChannel(sampleRate: sampleRate)
        said = RecordingChannel(sampleRate: sampleRate)
    }

    /// Forgets what is ready.
    mutating func clear() { ready.removeAll(keepingCapacity: true) }

    /// Puts silence where nothing came before `due`, at most `step` of it.
    ///
    /// - Returns: whether more is needed: call it again then.
    mutating func fill(upTo due: ContinuousClock.Instant) -> Bool {
        guard let start else {
            self.start = due
            return false
        }
        let end = min(heard.end, said.end)
        var target = start.duration(to: due)
        if target - end > Self.longestGap {
            self.start = start + (target - end - Self.longestGap)
            target = end + Self.longestGap
        }
        let stop = min(target, end + Self.step)
        heard.fill(upTo: stop, Self.tolerance)
        said.fill(upTo: stop, Self.tolerance)
        interleave()
        return stop < target
    }

    /// Adds the frames that were due at a time, after `fill(upTo:)` has said that no more is needed. A frame of a time that has passed
    /// is left out.
    mutating func take(
        heard frame: Span<Int16>, at rate: SampleRate, said other: Span<Int16>, at otherRate: SampleRate,
        due: ContinuousClock.Instant
    ) {
        let time = start?.duration(to: due) ?? .zero
        if heard.end - time <= Self.tolerance { heard.take(frame, at: rate) }
        if said.end - time <= Self.tolerance { said.take(other, at: otherRate) }
        interleave()
    }

    /// Makes the rest ready, the shorter channel with silence at its end.
    mutating func finish() {
        let end = max(heard.end, said.end)
        heard.finish(at: end)
        said.finish(at: end)
        interleave()
    }

    private mutating func interleave() {
        let count = min(heard.ready.count, said.ready.count)
        for index in 0..<count {
            ready.append(heard.ready[index])
            ready.append(said.ready[index])
        }
        heard.drop(count)
        said.drop(count)
    }
}

/// One channel of a recording.
struct RecordingChannel {
    /// Rate of the recording.
    let sampleRate: SampleRate

    /// How much sound and silence has gone in.
    private(set) var end = Duration.zero

    /// What has come out at the recording's rate and was not dropped yet.
    private(set) var ready: [Int16] = []

    private var resampler: Resampler
    /// Samples that have come out.
    private var produced: Int64 = 0
    private var chunk = [Int16](repeating: 0, count: 1024)
    private let zeros = [Int16](repeating: 0, count: 1024)

    init(sampleRate: SampleRate) {
        self.sampleRate = sampleRate
        resampler = Resampler(from: sampleRate, to: sampleRate)
    }

    /// Drops the first samples that are ready.
    mutating func drop(_ count: Int) { ready.removeFirst(count) }

    /// Adds silence up to a time, unless it is no further than `tolerance`.
    mutating func fill(upTo time: Duration, _ tolerance: Duration) {
        guard time - end > tolerance else { return }
        let count = resampler.inputRate.samples(in: time - end)
        silence(count)
        end += resampler.inputRate.duration(of: count)
    }

    /// Adds a frame.
    mutating func take(_ frame: Span<Int16>, at rate: SampleRate) {
        if rate != resampler.inputRate {
            settle()
            resampler = Resampler(from: rate, to: sampleRate)
        }
        put(frame)
        end += rate.duration(of: frame.count)
    }

    /// Brings out what is still in the filter, and silence up to `end`.
    mutating func finish(at end: Duration) {
        self.end = max(end, self.end)
        settle()
    }

    /// Brings out what is still in the filter: then there are as many samples as there was time.
    private mutating func settle() {
        let missing = sampleRate.clock.units(in: end) - produced
        if missing > 0 {
            silence(resampler.inputRate.samples(in: resampler.latency + sampleRate.duration(of: Int(missing))))
        }
        let wrong = sampleRate.clock.units(in: end) - produced
        if wrong > 0 {
            ready.append(contentsOf: repeatElement(0, count: Int(wrong)))
        } else {
            ready.removeLast(min(ready.count, Int(-wrong)))
        }
        produced += wrong
    }

    private mutating func silence(_ count: Int) {
        var left = count
        while left > 0 {
            let part = min(left, zeros.count)
            let silent = zeros
            put(silent.span.extracting(0..<part))
            left -= part
        }
    }

    private mutating func put(_ frame: Span<Int16>) {
        // A span of one property may not stand beside a change of another: the array steps out for the call.
        var output: [Int16] = []
        swap(&output, &chunk)
        var position = 0
        while true {
            var span = output.mutableSpan
            let done = resampler.convert(frame.extracting(position..<frame.count), into: &span)
            position += done.consumed
            // The first sample that comes out is the first one that went in, though later.
            ready.append(contentsOf: output[..<done.produced])
            produced += Int64(done.produced)
            if position == frame.count, done.produced < output.count { break }
        }
        swap(&output, &chunk)
    }
}
