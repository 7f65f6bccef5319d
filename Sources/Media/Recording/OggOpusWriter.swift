import COpus

/// Writes an Ogg Opus file as the sound comes (RFC 7845), for its owner only (mode 0600). Calls block on the file: not for lanes.
///
/// Pages are whole when they are written, and one holds `pageInterval` of sound: a file whose writer died lacks no more than that,
/// and its end of stream, which readers do without (RFC 7845 §3).
///
/// Not `Sendable`: it belongs to who writes.
public final class OggOpusWriter {
    /// Rate of the samples that are written: 8, 12, 16, 24 or 48 kHz.
    public let sampleRate: SampleRate

    /// Channels, 1 or 2, interleaved; left first.
    public let channels: Int

    /// Sound on one page; what a crash may cost.
    public static let pageInterval = Duration.milliseconds(500)

    /// Bits per second of each channel.
    public static let bitrate = 32_000

    /// Sound in one packet.
    static let packetTime = Duration.milliseconds(20)

    /// Samples of one channel in a packet by the clock of granule positions, 48 kHz (RFC 7845 §4).
    private static let packetUnits = Int64(SampleRate.fullband.samples(in: packetTime))

    /// Packets on one page.
    private static let packetsPerPage = Int(pageInterval / packetTime)

    private let path: String
    private let file: File
    private let encoder: OpusEncoder
    private var stream: OggStream
    private var offset: Int64 = 0
    /// The frame that is being filled, and its samples of all channels so far.
    private var frame: [Int16]
    private var filled = 0
    private var packet: [UInt8]
    /// Samples of one channel that were taken.
    private var taken: Int64 = 0
    private var packets: Int64 = 0
    private var packetsOnPage = 0
    private var isFinished = false

    /// Makes the file at `path`, or empties it, and writes both headers.
    public init(path: String, sampleRate: SampleRate, channels: Int) throws(RecordingError) {
        do throws(CodecError) {
            var settings = OpusSettings()
            settings.bitrate = Self.bitrate * channels
            encoder = try OpusEncoder(
                sampleRate: sampleRate, channels: channels, application: .audio, settings: settings)
        } catch {
            throw RecordingError(.unsupported, path, "cannot be encoded: \(error)")
        }
        guard let file = File(writing: path, isPrivate: true) else {
            throw RecordingError(.unwritable, path, "cannot be made: \(File.lastError)")
        }
        self.path = path
        self.file = file
        self.sampleRate = sampleRate
        self.channels = channels
        var generator = SystemRandomNumberGenerator()
        stream = OggStream(serial: generator.next())
        frame = [Int16](repeating: 0, count: sampleRate.samples(in: Self.packetTime) * channels)
        packet = [UInt8](repeating: 0, count: OpusEncoder.maximumPacketLength)
        let head = Self.head(channels: channels, preSkip: UInt16(preSkip), sampleRate: sampleRate)
        stream.add(head.span.bytes)
        let first = stream.page(.first, granule: 0)
        let tags = Self.tags(vendor: String(cString: opus_get_version_string()))
        stream.add(tags.span.bytes)
        try append(first + stream.page(.inside, granule: 0))
    }

    /// Samples by 48 kHz that the encoder puts before the sound (RFC 7845 §4.2).
    private var preSkip: Int64 { units(Int64(encoder.lookahead)) }

    private func units(_ samples: Int64) -> Int64 {
        samples * Int64(SampleRate.fullband.hertz / sampleRate.hertz)
    }

    /// Adds samples, interleaved; only whole frames. Nothing is added to a file that is complete.
    public func write(_ samples: Span<Int16>) throws(RecordingError) {
        guard !isFinished else { return }
        let usable = samples.count - samples.count % channels
        var done = 0
        while done < usable {
            let count = min(frame.count - filled, usable - done)
            for index in 0..<count { frame[filled + index] = samples[done + index] }
            filled += count
            done += count
            taken += Int64(count / channels)
            if filled == frame.count { try encode() }
        }
    }

    /// Writes the rest, what the encoder still holds with it, and the end of the stream; the file is complete.
    public func finish() throws(RecordingError) {
        guard !isFinished else { return }
        isFinished = true
        let end = preSkip + units(taken)
        // At least once: what the encoder holds is not out yet.
        while packets * Self.packetUnits < end {
            for index in filled..<frame.count { frame[index] = 0 }
            try encode()
        }
        // The granule position cuts off what was added (RFC 7845 §4.4).
        try append(stream.page(.last, granule: end))
    }

    /// Encodes the frame, and completes the page before it when that is full: the last page has a packet in any case.
    private func encode() throws(RecordingError) {
        let samples = frame
        let encoder = encoder
        let length = packet.withUnsafeMutableBytes { memory -> Int in
            // The memory lives as long as the call.
            var bytes = MutableRawSpan(_unsafeBytes: memory)
            return encoder.encode(samples.span, into: &bytes)
        }
        filled = 0
        guard length > 0 else { throw RecordingError(.unsupported, path, "the encoder of Opus has failed") }
        if packetsOnPage == Self.packetsPerPage || !stream.fits(length) {
            try append(stream.page(.inside, granule: packets * Self.packetUnits))
            packetsOnPage = 0
        }
        let octets = packet
        stream.add(octets.span.bytes.extracting(0..<length))
        packets += 1
        packetsOnPage += 1
    }

    private func append(_ octets: [UInt8]) throws(RecordingError) {
        guard file.write(octets.span.bytes, at: offset) else {
            throw RecordingError(.unwritable, path, "cannot be written: \(File.lastError)")
        }
        offset += Int64(octets.count)
    }

    /// The identification header (RFC 7845 §5.1) of one stream of one or two channels (mapping family 0).
    private static func head(channels: Int, preSkip: UInt16, sampleRate: SampleRate) -> [UInt8] {
        var head = Array("OpusHead".utf8) + [1, UInt8(channels)]
        OggStream.append(preSkip, to: &head)
        OggStream.append(UInt32(sampleRate.hertz), to: &head)
        // No gain.
        OggStream.append(UInt16(0), to: &head)
        return head + [0]
    }

    /// The comment header (RFC 7845 §5.2).
    private static func tags(vendor: String) -> [UInt8] {
        var tags = Array("OpusTags".utf8)
        OggStream.append(UInt32(vendor.utf8.count), to: &tags)
        tags += Array(vendor.utf8)
        let comments = ["ENCODER=Itodenwa"]
        OggStream.append(UInt32(comments.count), to: &tags)
        for comment in comments {
            OggStream.append(UInt32(comment.utf8.count), to: &tags)
            tags += Array(comment.utf8)
        }
        return tags
    }
}
