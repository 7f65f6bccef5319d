/// Sound in memory: one channel of 16-bit samples.
public struct AudioClip: Hashable, Sendable {
    /// The samples.
    public var samples: [Int16]

    /// Their rate.
    public var sampleRate: SampleRate

    /// Longest sound that is loaded into memory.
    public static let maximumDuration = Duration.seconds(4 * 3600)

    /// A clip from samples.
    public init(samples: [Int16], sampleRate: SampleRate) {
        self.samples = samples
        self.sampleRate = sampleRate
    }

    /// Loads a WAV file; stereo becomes the mean of both channels. Blocks: not for lanes.
    ///
    /// - Parameter rate: rate that the clip shall have; nil keeps that of the file.
    public init(wavFile path: String, rate: SampleRate? = nil) throws(WAVError) {
        var reader = try WAVReader(path: path)
        let format = reader.format
        guard reader.frameCount <= Int64(format.sampleRate.samples(in: Self.maximumDuration)) else {
            throw WAVError(.tooLarge, path, "is longer than \(Self.maximumDuration)")
        }
        var all: [Int16] = []
        all.reserveCapacity(Int(reader.frameCount))
        var chunk = [Int16](repeating: 0, count: 8192)
        while true {
            var span = chunk.mutableSpan
            let count = try reader.read(into: &span)
            guard count > 0 else { break }
            if format.channels == 1 {
                all.append(contentsOf: chunk[..<count])
            } else {
                for index in stride(from: 0, to: count - 1, by: 2) {
                    all.append(Int16((Int(chunk[index]) + Int(chunk[index + 1])) / 2))
                }
            }
        }
        samples = all
        sampleRate = format.sampleRate
        if let rate { self = converted(to: rate) }
    }

    /// How long it lasts.
    public var duration: Duration { sampleRate.duration(of: samples.count) }

    /// The same sound at another rate.
    public func converted(to rate: SampleRate) -> AudioClip {
        AudioClip(samples: Resampler.convert(samples, from: sampleRate, to: rate), sampleRate: rate)
    }

    /// Writes the clip as a WAV file. Blocks: not for lanes.
    public func write(wavFile path: String, encoding: WAVFormat.Encoding = .pcm16) throws(WAVError) {
        var writer = try WAVWriter(path: path, format: WAVFormat(encoding: encoding, sampleRate: sampleRate))
        try writer.write(samples.span)
        try writer.finish()
    }
}
