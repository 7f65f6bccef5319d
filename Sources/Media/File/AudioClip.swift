/// Sound in memory: one channel of 16-bit samples, or two.
public struct AudioClip: Hashable, Sendable {
    /// The samples; of two channels interleaved, left first.
    public var samples: [Int16]

    /// Their rate.
    public var sampleRate: SampleRate

    /// Channels, 1 or 2.
    public private(set) var channels: Int

    /// Longest sound that is loaded into memory.
    public static let maximumDuration = Duration.seconds(4 * 3600)

    /// A clip from samples; `channels` is held within 1 and 2.
    public init(samples: [Int16], sampleRate: SampleRate, channels: Int = 1) {
        self.samples = samples
        self.sampleRate = sampleRate
        self.channels = max(1, min(channels, 2))
    }

    /// Loads a WAV file. Blocks: not for lanes.
    ///
    /// - Parameters:
    ///   - rate: rate that the clip shall have; nil keeps that of the file.
    ///   - keepsStereo: whether two channels stay two; else the clip is their mean.
    public init(wavFile path: String, rate: SampleRate? = nil, keepsStereo: Bool = false) throws(WAVError) {
        var reader = try WAVReader(path: path)
        let format = reader.format
        guard reader.frameCount <= Int64(format.sampleRate.samples(in: Self.maximumDuration)) else {
            throw WAVError(.tooLarge, path, "is longer than \(Self.maximumDuration)")
        }
        var all: [Int16] = []
        let channels = keepsStereo ? format.channels : 1
        all.reserveCapacity(Int(reader.frameCount) * channels)
        var chunk = [Int16](repeating: 0, count: 8192)
        while true {
            var span = chunk.mutableSpan
            let count = try reader.read(into: &span)
            guard count > 0 else { break }
            if format.channels == channels {
                all.append(contentsOf: chunk[..<count])
            } else {
                for index in stride(from: 0, to: count - 1, by: 2) {
                    all.append(Int16((Int(chunk[index]) + Int(chunk[index + 1])) / 2))
                }
            }
        }
        samples = all
        sampleRate = format.sampleRate
        self.channels = channels
        if let rate { self = converted(to: rate) }
    }

    /// How long it lasts.
    public var duration: Duration { sampleRate.duration(of: samples.count / channels) }

    /// The same sound at another rate.
    public func converted(to rate: SampleRate) -> AudioClip {
        AudioClip(
            samples: Resampler.convert(samples, from: sampleRate, to: rate, channels: channels), sampleRate: rate,
            channels: channels)
    }

    /// Writes the clip as a WAV file. Blocks: not for lanes.
    public func write(wavFile path: String, encoding: WAVFormat.Encoding = .pcm16) throws(WAVError) {
        let format = WAVFormat(encoding: encoding, sampleRate: sampleRate, channels: channels)
        var writer = try WAVWriter(path: path, format: format)
        try writer.write(samples.span)
        try writer.finish()
    }
}
