/// Reads a WAV file: PCM of 8, 16, 24 and 32 bits, float of 32, A-law and µ-law, mono and stereo, plain or
/// `WAVE_FORMAT_EXTENSIBLE`. Calls block on the file: not for lanes.
///
/// A file whose writer died is read as far as it goes: a data size of zero, of all ones, or beyond the end means "up to
/// the end".
public struct WAVReader: ~Copyable {
    /// How the sound is encoded.
    public let format: WAVFormat

    /// Frames in the file.
    public let frameCount: Int64

    /// The next frame that `read(into:)` gives.
    public private(set) var position: Int64 = 0

    private let path: String
    private let file: File
    private let dataOffset: Int64
    private var buffer: [UInt8]

    /// Frames that are read at once.
    private static let chunkFrames = 4096

    /// Opens the file at `path` and reads its head.
    public init(path: String) throws(WAVError) {
        guard let file = File(reading: path) else {
            throw WAVError(.unreadable, path, "cannot be opened: \(File.lastError)")
        }
        guard let length = file.length else { throw WAVError(.unreadable, path, "is no ordinary file") }
        var scanner = Chunks(path: path, length: length)
        let head = try scanner.head(of: file)
        self.path = path
        format = head.format
        dataOffset = head.data.lowerBound
        frameCount = (head.data.upperBound - head.data.lowerBound) / Int64(head.format.frameLength)
        buffer = [UInt8](repeating: 0, count: Self.chunkFrames * head.format.frameLength)
        self.file = file
    }

    /// Reads the next samples, interleaved, as 16 bits; only whole frames.
    ///
    /// - Returns: samples read; 0 at the end.
    public mutating func read(into samples: inout MutableSpan<Int16>) throws(WAVError) -> Int {
        let format = self.format
        let encoding = format.encoding
        var done = 0
        while position < frameCount {
            let frames = min(
                Int(min(frameCount - position, Int64(Self.chunkFrames))),
                (samples.count - done) / format.channels)
            guard frames > 0 else { break }
            let offset = dataOffset + position * Int64(format.frameLength)
            guard let count = file.read(frames * format.frameLength, into: &buffer, at: offset) else {
                throw WAVError(.unreadable, path, "cannot be read: \(File.lastError)")
            }
            let whole = count / format.frameLength
            for index in 0..<whole * format.channels {
                samples[done + index] = encoding.sample(at: index * encoding.width, in: buffer.span.bytes)
            }
            done += whole * format.channels
            position += Int64(whole)
            // The file became shorter under our hands.
            if whole < frames { break }
        }
        return done
    }

    /// Goes to a frame; beyond the end is the end.
    public mutating func seek(toFrame frame: Int64) {
        position = max(0, min(frame, frameCount))
    }
}

/// Walks over the chunks of a RIFF file up to the sound.
private struct Chunks {
    let path: String
    let length: Int64

    /// Chunks before the sound, at most; a file with more is no sound file.
    static let limit = 1000

    mutating func head(of file: borrowing File) throws(WAVError) -> (format: WAVFormat, data: Range<Int64>) {
        let riff = try octets(12, at: 0, of: file, in: "the RIFF header")
        let magic = Self.text(riff, 0)
        guard magic == "RIFF", Self.text(riff, 8) == "WAVE" else {
            throw WAVError(.notWAV, path, "is no WAV file: \(Self.guess(riff, magic))")
        }
        var offset: Int64 = 12
        var format: WAVFormat?
        for _ in 0..<Self.limit {
            guard offset + 8 <= length else { break }
            let head = try octets(8, at: offset, of: file, in: "a chunk header")
            let size = Int64(Self.word32(head, 4))
            let name = Self.text(head, 0)
            let body = offset + 8
            if name == "fmt " {
                format = try self.format(size: size, at: body, of: file)
            } else if name == "data" {
                guard let format else {
                    throw WAVError(.inconsistent, path, "the sound comes before its format (no 'fmt ' chunk)")
                }
                let isOpen = size == 0 || size == 0xFFFF_FFFF || body + size > length
                return (format, body..<(isOpen ? length : body + size))
            }
            // Chunks begin on even offsets.
            offset = body + size + size & 1
        }
        throw WAVError(
            .truncated, path, format == nil ? "has neither format nor sound" : "has no sound (no 'data' chunk)")
    }

    private func format(size: Int64, at offset: Int64, of file: borrowing File) throws(WAVError) -> WAVFormat {
        guard size >= 16 else { throw WAVError(.inconsistent, path, "the 'fmt ' chunk has only \(size) octets") }
        let octets = try octets(Int(min(size, 40)), at: offset, of: file, in: "the 'fmt ' chunk")
        var tag = Self.word16(octets, 0)
        let channels = Int(Self.word16(octets, 2))
        let rate = Int64(Self.word32(octets, 4))
        let blockLength = Int(Self.word16(octets, 12))
        let bits = Self.word16(octets, 14)
        let isExtensible = tag == 0xFFFE
        if isExtensible {
            guard octets.count >= 40 else {
                throw WAVError(.inconsistent, path, "the extensible format has only \(octets.count) octets of 40")
            }
            guard Array(octets[26..<40]) == WAVFormat.guidTail else {
                throw WAVError(.unsupported, path, "has an unknown sub-format")
            }
            tag = Self.word16(octets, 24)
        }
        guard let encoding = WAVFormat.Encoding(tag: tag, bits: bits) else {
            throw WAVError(
                .unsupported, path,
                "is encoded as \(WAVFormat.name(ofTag: tag, bits: bits)); "
                    + "PCM of 8, 16, 24 or 32 bits, 32-bit float, A-law and µ-law are read")
        }
        guard channels == 1 || channels == 2 else {
            throw WAVError(.unsupported, path, "has \(channels) channels; mono and stereo are read")
        }
        guard (1...Int64(SampleRate.maximumHertz)).contains(rate) else {
            throw WAVError(.inconsistent, path, "has a sample rate of \(rate) Hz")
        }
        guard blockLength == channels * encoding.width else {
            throw WAVError(
                .inconsistent, path,
                "says that a frame has \(blockLength) octets, where \(channels * encoding.width) are needed")
        }
        return WAVFormat(
            encoding: encoding, sampleRate: SampleRate(Int(rate)), channels: channels, isExtensible: isExtensible)
    }

    private func octets(
        _ count: Int, at offset: Int64, of file: borrowing File, in part: String
    ) throws(WAVError) -> [UInt8] {
        var octets = [UInt8](repeating: 0, count: count)
        guard let read = file.read(count, into: &octets, at: offset) else {
            throw WAVError(.unreadable, path, "cannot be read: \(File.lastError)")
        }
        guard read == count else {
            throw WAVError(.truncated, path, read == 0 && offset == 0 ? "is empty" : "ends inside \(part)")
        }
        return octets
    }

    /// What the file seems to be, for the error.
    private static func guess(_ octets: [UInt8], _ magic: String) -> String {
        switch magic {
        case "RIFF": "it is a RIFF file of type '\(text(octets, 8))'"
        case "RIFX": "it is a big-endian RIFX file"
        case "RF64", "BW64": "it is an \(magic) file, which is not read"
        case "OggS": "it is an Ogg file"
        case "fLaC": "it is a FLAC file"
        case "FORM": "it is an AIFF file"
        case ".snd": "it is an AU file"
        case _ where magic.hasPrefix("ID3") || octets[0] == 0xFF && octets[1] & 0xE0 == 0xE0: "it is an MP3 file"
        default: "it does not begin with RIFF and WAVE"
        }
    }

    private static func text(_ octets: [UInt8], _ offset: Int) -> String {
        String(decoding: octets[offset..<offset + 4].map { (32...126).contains($0) ? $0 : 63 }, as: UTF8.self)
    }

    private static func word16(_ octets: [UInt8], _ offset: Int) -> UInt16 {
        UInt16(octets[offset]) | UInt16(octets[offset + 1]) << 8
    }

    private static func word32(_ octets: [UInt8], _ offset: Int) -> UInt32 {
        UInt32(word16(octets, offset)) | UInt32(word16(octets, offset + 2)) << 16
    }
}
