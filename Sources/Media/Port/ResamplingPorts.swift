/// Gives a source's sound at another rate, in as many channels.
public final class ResamplingSource: AudioSource {
    public let sampleRate: SampleRate

    public let channels: Int

    private var pump: Pump

    /// Converts what `source` gives to `rate`.
    public init(_ source: any AudioSource, to rate: SampleRate) {
        sampleRate = rate
        channels = source.channels
        pump = Pump(source, to: rate)
    }

    public func read(into frame: inout MutableSpan<Int16>) -> Int {
        pump.read(into: &frame)
    }

    private struct Pump {
        let source: any AudioSource
        var resampler: Resampler
        var input: [Int16]
        var position = 0
        /// Samples of the filter's tail that are still to come once the source has ended; nil before.
        var tail: Int?

        /// Sound that is read from the source at once.
        static let chunk = Duration.milliseconds(10)

        init(_ source: any AudioSource, to rate: SampleRate) {
            self.source = source
            resampler = Resampler(from: source.sampleRate, to: rate, channels: source.channels)
            input = [Int16](
                repeating: 0, count: max(1, source.sampleRate.samples(in: Self.chunk)) * source.channels)
            position = input.count
        }

        mutating func read(into frame: inout MutableSpan<Int16>) -> Int {
            var produced = 0
            var own = 0
            while produced + resampler.channels <= frame.count {
                if position == input.count { refill() }
                // A span of one property may not stand beside a change of another: the array steps out for the call.
                var chunk: [Int16] = []
                swap(&chunk, &input)
                let done = resampler.convert(
                    chunk.span.extracting(position..<chunk.count), into: &frame, at: produced)
                swap(&chunk, &input)
                position += done.consumed
                produced += done.produced
                if let left = tail {
                    let count = min(left, done.produced)
                    tail = left - count
                    own += count
                } else {
                    own += done.produced
                }
            }
            return own
        }

        private mutating func refill() {
            position = 0
            guard tail == nil else {
                for index in input.indices { input[index] = 0 }
                return
            }
            let source = source
            let wanted = input.count
            var span = input.mutableSpan
            let count = source.read(into: &span)
            if count < wanted {
                let channels = resampler.channels
                tail =
                    channels
                    * resampler.outputRate.samples(
                        in: resampler.latency + source.sampleRate.duration(of: count / channels))
            }
        }
    }
}

/// Takes sound at one rate for a sink of another, in as many channels.
public final class ResamplingSink: AudioSink {
    public let sampleRate: SampleRate

    public let channels: Int

    private var pump: Pump

    /// Converts what is written at `rate` for `sink`.
    public init(_ sink: any AudioSink, from rate: SampleRate) {
        sampleRate = rate
        channels = sink.channels
        pump = Pump(sink, from: rate)
    }

    public func write(_ frame: Span<Int16>) {
        pump.write(frame)
    }

    private struct Pump {
        let sink: any AudioSink
        var resampler: Resampler
        var output: [Int16]

        /// Sound that is given to the sink at once, at most.
        static let chunk = Duration.milliseconds(20)

        init(_ sink: any AudioSink, from rate: SampleRate) {
            self.sink = sink
            resampler = Resampler(from: rate, to: sink.sampleRate, channels: sink.channels)
            output = [Int16](
                repeating: 0, count: max(1, sink.sampleRate.samples(in: Self.chunk)) * sink.channels)
        }

        mutating func write(_ frame: Span<Int16>) {
            // A span of one property may not stand beside a change of another: the array steps out for the call.
            var chunk: [Int16] = []
            swap(&chunk, &output)
            var position = 0
            while true {
                var span = chunk.mutableSpan
                let done = resampler.convert(frame.extracting(position..<frame.count), into: &span)
                position += done.consumed
                if done.produced > 0 { sink.write(chunk.span.extracting(0..<done.produced)) }
                if frame.count - position < resampler.channels, done.produced < chunk.count { break }
            }
            swap(&chunk, &output)
        }
    }
}
