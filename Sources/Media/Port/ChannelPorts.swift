/// Gives the mean of the two channels of a source, for who takes one.
final class MeanSource: AudioSource {
    let sampleRate: SampleRate

    private let source: any AudioSource
    private let memory: FrameMemory<Int16>

    init(_ source: any AudioSource) {
        self.source = source
        sampleRate = source.sampleRate
        memory = FrameMemory(2 * max(1, sampleRate.samples(in: Channels.chunk)))
    }

    func read(into frame: inout MutableSpan<Int16>) -> Int {
        var done = 0
        while done < frame.count {
            let part = UnsafeMutableBufferPointer(
                rebasing: memory.elements[..<min(memory.count, 2 * (frame.count - done))])
            var both = part.mutableSpan
            let own = source.read(into: &both)
            Channels.mean(of: part.span, into: &frame, at: done)
            guard own == part.count else {
                frame.silence(from: done + own / 2)
                return done + own / 2
            }
            done += part.count / 2
        }
        return done
    }
}

/// Takes two channels for a sink of one, which gets their mean.
final class MeanSink: AudioSink {
    let sampleRate: SampleRate
    var channels: Int { 2 }

    private let sink: any AudioSink
    private let memory: FrameMemory<Int16>

    init(_ sink: any AudioSink) {
        self.sink = sink
        sampleRate = sink.sampleRate
        memory = FrameMemory(max(1, sampleRate.samples(in: Channels.chunk)))
    }

    func write(_ frame: Span<Int16>) {
        var done = 0
        while done < frame.count / 2 {
            let part = UnsafeMutableBufferPointer(
                rebasing: memory.elements[..<min(memory.count, frame.count / 2 - done)])
            var one = part.mutableSpan
            Channels.mean(of: frame.extracting(2 * done..<2 * (done + part.count)), into: &one, at: 0)
            sink.write(part.span)
            done += part.count
        }
    }
}

/// Takes one channel for a sink of two, which gets it in both.
final class TwofoldSink: AudioSink {
    let sampleRate: SampleRate

    private let sink: any AudioSink
    private let memory: FrameMemory<Int16>

    init(_ sink: any AudioSink) {
        self.sink = sink
        sampleRate = sink.sampleRate
        memory = FrameMemory(2 * max(1, sampleRate.samples(in: Channels.chunk)))
    }

    func write(_ frame: Span<Int16>) {
        var done = 0
        while done < frame.count {
            let part = UnsafeMutableBufferPointer(
                rebasing: memory.elements[..<min(memory.count, 2 * (frame.count - done))])
            for index in 0..<part.count / 2 {
                part[2 * index] = frame[done + index]
                part[2 * index + 1] = frame[done + index]
            }
            sink.write(part.span)
            done += part.count / 2
        }
    }
}

/// One channel of two.
enum Channels {
    /// Sound that is mixed at once.
    static let chunk = Duration.milliseconds(20)

    /// The mean of two samples.
    @inline(__always)
    static func mean(_ left: Int16, _ right: Int16) -> Int16 {
        // Half of what two samples add up to is a sample.
        Int16(truncatingIfNeeded: (Int32(left) + Int32(right)) / 2)
    }

    /// Writes the means of interleaved samples to `one` from `start` on.
    static func mean(of both: Span<Int16>, into one: inout MutableSpan<Int16>, at start: Int) {
        for index in 0..<both.count / 2 { one[start + index] = mean(both[2 * index], both[2 * index + 1]) }
    }

    /// Puts each of `count` samples from `start` on into both channels, in place: they become twice as many.
    static func spread(_ samples: inout MutableSpan<Int16>, from start: Int, count: Int) {
        for index in (0..<count).reversed() {
            let sample = samples[start + index]
            samples[start + 2 * index] = sample
            samples[start + 2 * index + 1] = sample
        }
    }
}

extension AudioSource {
    /// The source in a layout: what has two channels where one is wanted is mixed, and another rate converted. What has one stays
    /// so.
    func fitted(to layout: SampleLayout) -> any AudioSource {
        let mixed: any AudioSource = channels > layout.channels ? MeanSource(self) : self
        return sampleRate == layout.sampleRate ? mixed : ResamplingSource(mixed, to: layout.sampleRate)
    }
}

extension AudioSink {
    /// Takes sound of a layout for the sink. What has the fewer channels is converted to another rate.
    func fitted(to layout: SampleLayout) -> any AudioSink {
        var fitted: any AudioSink = channels > layout.channels ? TwofoldSink(self) : self
        if sampleRate != layout.sampleRate { fitted = ResamplingSink(fitted, from: layout.sampleRate) }
        return channels < layout.channels ? MeanSink(fitted) : fitted
    }
}
