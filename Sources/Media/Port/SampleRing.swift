/// Samples that wait in order; all memory is taken at the beginning.
struct SampleRing: Sendable {
    private var samples: [Int16]
    private var next = 0

    /// Samples that wait.
    private(set) var filled: Int

    /// Samples that fit.
    var capacity: Int { samples.count }

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

    /// Takes out the oldest samples, as many as there are of `count`; none when that is negative.
    mutating func drop(_ count: Int) {
        let count = max(0, min(count, filled))
        next = (next + count) % samples.count
        filled -= count
    }
}
