import RTP

/// What a codec costs on this machine.
public struct CodecCost: Hashable, Sendable {
    /// Processor time of encoding 20 ms of sound, on average.
    public let encoding: Duration

    /// Processor time of decoding them.
    public let decoding: Duration

    /// Octets of their payload, on average.
    public let octets: Int

    /// The sound that is measured with at once.
    private static let packetTime = Duration.milliseconds(20)

    /// Measures with something like a voice: a tone that comes and goes in noise. Takes as long as that costs.
    ///
    /// - Parameters:
    ///   - frames: how many are encoded and decoded.
    ///   - now: reads the clock.
    /// - Throws: ``CodecError`` where the codec cannot be had.
    public init(
        measuring codec: AudioCodec, frames: Int = 200, now: () -> ContinuousClock.Instant
    ) throws(CodecError) {
        let frames = max(1, frames)
        let count = codec.sampleRate.samples(in: Self.packetTime) * codec.codedChannels
        let encoder = try AudioEncoder(codec)
        let decoder = try AudioDecoder(codec)
        // With two channels each has every other sample: sound of another pitch.
        let sound = Self.sound(frames * count, codec.sampleRate)
        var memory = [UInt8](repeating: 0, count: codec.payloadCapacity(samples: count))
        var heard = [Int16](repeating: 0, count: codec.sampleRate.samples(in: .milliseconds(120)) * codec.codedChannels)
        var spent = (encoding: Duration.zero, decoding: Duration.zero)
        var octets = 0
        for index in 0..<frames {
            var room = memory.mutableSpan
            var bytes = room.mutableBytes
            let start = now()
            let length = encoder.encode(sound.span.extracting(index * count..<(index + 1) * count), into: &bytes)
            let middle = now()
            var samples = heard.mutableSpan
            _ = decoder.decode(memory.span.bytes.extracting(0..<length), into: &samples)
            let end = now()
            spent.encoding += start.duration(to: middle)
            spent.decoding += middle.duration(to: end)
            octets += length
        }
        encoding = spent.encoding / frames
        decoding = spent.decoding / frames
        self.octets = octets / frames
    }

    private static func sound(_ count: Int, _ rate: SampleRate) -> [Int16] {
        var samples = [Int16](repeating: 0, count: count)
        var span = samples.mutableSpan
        var generator = ToneGenerator(
            Tone([Tone.Component(frequency: 180, level: .dBFS(-16)), Tone.Component(frequency: 720, level: .dBFS(-20))]
            ),
            sampleRate: rate)
        generator.fill(&span)
        var noise = NoiseGenerator(sampleRate: rate)
        noise.describe(ComfortNoise(level: 40))
        var hiss = [Int16](repeating: 0, count: count)
        var space = hiss.mutableSpan
        noise.fill(&space, from: 0, count: count)
        let syllable = max(1, rate.samples(in: .milliseconds(300)))
        for index in 0..<count {
            let voice = index / syllable % 3 == 2 ? 0 : samples[index]
            samples[index] = voice &+ hiss[index]
        }
        return samples
    }
}
