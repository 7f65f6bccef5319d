#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Computes the samples of a tone, frame by frame, with phases that run on from one frame to the next.
public struct ToneGenerator: Sendable {
    private struct Oscillator {
        /// Turns per sample, and turns so far, 0 to 1.
        let step: Double
        var phase = 0.0
        /// Peak in units of a sample.
        let amplitude: Double
        /// A vector of length `amplitude` at `phase`, and the turn that one sample gives it.
        var x = 0.0
        var y = 0.0
        let stepX: Double
        let stepY: Double

        init(_ component: Tone.Component, _ rate: SampleRate) {
            step = component.frequency / Double(rate.hertz)
            amplitude = component.level.amplitude * 32767
            stepX = cos(2 * Double.pi * step)
            stepY = sin(2 * Double.pi * step)
        }

        /// Sets the vector from the phase, so that rounding does not grow from frame to frame.
        mutating func align() {
            x = amplitude * cos(2 * Double.pi * phase)
            y = amplitude * sin(2 * Double.pi * phase)
        }

        mutating func turn() {
            (x, y) = (x * stepX - y * stepY, x * stepY + y * stepX)
        }

        mutating func advance(by samples: Int) {
            let turns = phase + step * Double(samples)
            phase = turns - turns.rounded(.down)
        }
    }

    /// Rate of the samples.
    public let sampleRate: SampleRate

    private var oscillators: [Oscillator]
    /// Samples of each part of the cadence, the part that is on, and what is left of it.
    private let parts: [Int]
    private var part = 0
    private var left: Int

    /// A tone at its beginning: all sines at zero and rising.
    public init(_ tone: Tone, sampleRate: SampleRate = .narrowband) {
        self.sampleRate = sampleRate
        oscillators = tone.components.map { Oscillator($0, sampleRate) }
        let samples = tone.cadence.map { sampleRate.samples(in: $0) }
        parts = samples.allSatisfy { $0 > 0 } ? samples : []
        left = parts.first ?? .max
    }

    /// Computes the next samples, as many as `frame` holds; a sum beyond full scale is clipped.
    public mutating func fill(_ frame: inout MutableSpan<Int16>) {
        var done = 0
        while done < frame.count {
            let count = min(frame.count - done, left)
            if part % 2 == 0 {
                sound(&frame, from: done, count: count)
            } else {
                for index in done..<done + count { frame[index] = 0 }
            }
            done += count
            guard !parts.isEmpty else { continue }
            left -= count
            if left == 0 { nextPart() }
        }
    }

    private mutating func sound(_ frame: inout MutableSpan<Int16>, from start: Int, count: Int) {
        for index in oscillators.indices { oscillators[index].align() }
        for sample in start..<start + count {
            var sum = 0.0
            for index in oscillators.indices {
                sum += oscillators[index].y
                oscillators[index].turn()
            }
            frame[sample] = Int16(scaled: sum)
        }
        for index in oscillators.indices { oscillators[index].advance(by: count) }
    }

    private mutating func nextPart() {
        part = (part + 1) % parts.count
        // A cadence of an odd number of parts has sound at its end and its beginning: the tone runs on.
        if part % 2 == 0, parts.count % 2 == 0 {
            for index in oscillators.indices { oscillators[index].phase = 0 }
        }
        left = parts[part]
    }
}

/// Plays a tone, without end or for a time.
public final class ToneSource: AudioSource {
    private var generator: ToneGenerator
    private var left: Int

    /// A tone that lasts `duration`; nil for no end.
    public init(_ tone: Tone, sampleRate: SampleRate = .narrowband, duration: Duration? = nil) {
        generator = ToneGenerator(tone, sampleRate: sampleRate)
        left = duration.map { sampleRate.samples(in: $0) } ?? .max
    }

    public var sampleRate: SampleRate { generator.sampleRate }

    public func read(into frame: inout MutableSpan<Int16>) -> Int {
        generator.fill(&frame)
        guard left != .max else { return frame.count }
        let count = min(left, frame.count)
        left -= count
        frame.silence(from: count)
        return count
    }
}
