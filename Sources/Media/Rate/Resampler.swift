/// Converts a stream of samples from one rate to another with a polyphase windowed-sinc filter.
///
/// Two channels are interleaved. Use one for each stream and feed it any number of samples at a time. The filter delays by `latency`; equal rates pass
/// unchanged and without delay.
public struct Resampler: Sendable {
    /// Rate of the input.
    public let inputRate: SampleRate

    /// Rate of the output.
    public let outputRate: SampleRate

    /// Channels, interleaved: samples of a call are whole frames of them.
    public let channels: Int

    private let bank: FilterBank?
    /// Input that the filter still needs, channel by channel, `room` samples for each, oldest first; `filled` of them are valid.
    private var line: [Float]
    private let room: Int
    private var filled: Int
    /// Where the row of the next output sample begins in `line`, and its row.
    private var start = 0
    private var phase = 0

    /// Samples that are taken in at once.
    private static let chunk = 512

    /// Makes a converter; the filter for the two rates is computed when it is first asked for.
    public init(from input: SampleRate, to output: SampleRate, channels: Int = 1) {
        inputRate = input
        outputRate = output
        self.channels = max(1, channels)
        guard input != output else {
            bank = nil
            line = []
            room = 0
            filled = 0
            return
        }
        let bank = FilterBank.bank(from: input, to: output)
        self.bank = bank
        room = bank.taps + Self.chunk
        line = [Float](repeating: 0, count: room * self.channels)
        // Silence before the first sample: it will be in the middle of the first row.
        filled = bank.taps / 2 - 1
    }

    /// Time from a sample's going in to its coming out.
    public var latency: Duration { bank.map { inputRate.duration(of: $0.taps / 2) } ?? .zero }

    /// Most samples that come out when `count` more go in, those included that an output too small has left inside.
    public func maximumOutput(forInput count: Int) -> Int {
        guard let bank else { return count }
        return (count + line.count) * bank.phases / bank.step + channels
    }

    /// Converts as much of `input` as gives samples for `output`, from `offset` on.
    ///
    /// - Returns: samples taken from the input and samples written to the output. When all input was taken, the output
    ///   may still have had room; when the output is full, call again with the rest.
    public mutating func convert(
        _ input: Span<Int16>, into output: inout MutableSpan<Int16>, at offset: Int = 0
    ) -> (consumed: Int, produced: Int) {
        let space = max(0, output.count - max(0, offset)) / channels
        let given = input.count / channels
        guard let bank else {
            let count = min(given, space) * channels
            for index in 0..<count { output[offset + index] = input[index] }
            return (count, count)
        }
        var consumed = 0
        var produced = 0
        while true {
            while produced < space, start + bank.taps <= filled {
                for channel in 0..<channels {
                    output[offset + produced * channels + channel] = Int16(
                        scaled: Self.dot(
                            line, channel * room + start, bank.coefficients, phase * bank.taps, bank.taps))
                }
                produced += 1
                phase += bank.step
                start += phase / bank.phases
                phase %= bank.phases
            }
            guard produced < space, consumed < given else { break }
            compact()
            let count = min(room - filled, given - consumed)
            if channels == 1 {
                for index in 0..<count { line[filled + index] = Float(input[consumed + index]) }
            } else {
                for channel in 0..<channels {
                    let place = channel * room + filled
                    for index in 0..<count {
                        line[place + index] = Float(input[(consumed + index) * channels + channel])
                    }
                }
            }
            filled += count
            consumed += count
        }
        return (consumed * channels, produced * channels)
    }

    /// Converts a whole signal, without delay: the output begins with the input's first sample and lasts as long.
    public static func convert(
        _ samples: [Int16], from input: SampleRate, to output: SampleRate, channels: Int = 1
    ) -> [Int16] {
        guard input != output, !samples.isEmpty else { return samples }
        var resampler = Resampler(from: input, to: output, channels: channels)
        let (whole, rest) = (samples.count / resampler.channels).multipliedFullWidth(by: output.hertz)
        guard whole == 0 else { return [] }
        let total = Int((rest + UInt(input.hertz) - 1) / UInt(input.hertz)) * resampler.channels
        var result = [Int16](repeating: 0, count: total)
        let tail = [Int16](repeating: 0, count: (resampler.bank?.taps ?? 0) * resampler.channels)
        var span = result.mutableSpan
        let done = resampler.convert(samples.span, into: &span)
        if done.produced < total {
            _ = resampler.convert(tail.span, into: &span, at: done.produced)
        }
        return result
    }

    private mutating func compact() {
        guard start > 0 else { return }
        // A conversion to a much lower rate may step beyond what is there.
        let dropped = min(start, filled)
        for channel in 0..<channels {
            let place = channel * room
            for index in dropped..<filled { line[place + index - dropped] = line[place + index] }
        }
        filled -= dropped
        start -= dropped
    }

    private static func dot(_ line: [Float], _ start: Int, _ row: [Float], _ rowStart: Int, _ count: Int) -> Float {
        line.withUnsafeBufferPointer { line in
            row.withUnsafeBufferPointer { row in
                // Four sums, so that additions need not wait for one another.
                var sums = SIMD8<Float>()
                var index = 0
                while index + 8 <= count {
                    var a = SIMD8<Float>()
                    var b = SIMD8<Float>()
                    for lane in 0..<8 {
                        a[lane] = line[start + index + lane]
                        b[lane] = row[rowStart + index + lane]
                    }
                    sums += a * b
                    index += 8
                }
                var sum = sums.sum()
                while index < count {
                    sum += line[start + index] * row[rowStart + index]
                    index += 1
                }
                return sum
            }
        }
    }
}
