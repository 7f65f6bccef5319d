/// Writes a WAV file as the sound comes. Calls block on the file: not for lanes.
///
/// The sizes in the head are brought up to date at least once per `headerInterval` of sound, so that a file whose writer
/// died is readable, and all but the last part of it is there.
public struct WAVWriter: ~Copyable {
    /// How the sound is encoded.
    public let format: WAVFormat

    /// Frames written so far, those included that wait in memory.
    public private(set) var frameCount: Int64 = 0

    /// Sound between two writes to the file; what a crash may cost.
    public static let headerInterval = Duration.milliseconds(500)

    /// Most octets of sound: what the 32 bits of the sizes hold, less the head.
    static let maximumLength: Int64 = 0xFFFF_FFFF - 1024

    private let path: String
    private let file: File
    private let head: [UInt8]
    private var buffer: [UInt8]
    private var filled = 0
    private var written: Int64 = 0
    private var isFinished = false

    /// Makes the file at `path`, or empties it, and writes a head that says "no sound yet".
    ///
    /// - Parameter isPrivate: whether only its owner may read the file (mode 0600).
    public init(path: String, format: WAVFormat, isPrivate: Bool = false) throws(WAVError) {
        guard let file = File(writing: path, isPrivate: isPrivate) else {
            throw WAVError(.unwritable, path, "cannot be made: \(File.lastError)")
        }
        let head = Self.head(format)
        guard Self.writeHead(head, format, length: 0, to: file) else {
            throw WAVError(.unwritable, path, "cannot be written: \(File.lastError)")
        }
        let frames = max(1, format.sampleRate.samples(in: Self.headerInterval))
        self.path = path
        self.format = format
        self.head = head
        buffer = [UInt8](repeating: 0, count: frames * format.frameLength)
        self.file = file
    }

    deinit {
        // Only a file that was abandoned reaches this with sound in memory; nobody is left to hear of an error.
        if !isFinished { _ = store() }
    }

    /// Adds samples, interleaved; only whole frames.
    public mutating func write(_ samples: Span<Int16>) throws(WAVError) {
        let encoding = format.encoding
        let usable = samples.count - samples.count % format.channels
        var done = 0
        while done < usable {
            let start = filled
            let count = min((buffer.count - start) / encoding.width, usable - done)
            var memory = buffer.mutableSpan
            var bytes = memory.mutableBytes
            for index in 0..<count {
                encoding.store(samples[done + index], at: start + index * encoding.width, into: &bytes)
            }
            filled = start + count * encoding.width
            done += count
            if filled == buffer.count { try flush() }
        }
        frameCount += Int64(usable / format.channels)
    }

    /// Writes what waits in memory to the file and brings the head up to date.
    public mutating func flush() throws(WAVError) {
        guard written + Int64(filled) <= Self.maximumLength else {
            throw WAVError(.tooLarge, path, "has reached the 4 GiB that a WAV file holds")
        }
        guard store() else { throw WAVError(.unwritable, path, "cannot be written: \(File.lastError)") }
        written += Int64(filled)
        filled = 0
    }

    /// Writes the rest; the file is complete.
    public consuming func finish() throws(WAVError) {
        try flush()
        isFinished = true
    }

    /// Sound first, sizes then: the head never promises what is not there.
    private borrowing func store() -> Bool {
        let start = Int64(head.count) + written
        let total = written + Int64(filled)
        let hasPad = total & 1 != 0
        guard file.write(buffer.span.bytes.extracting(0..<filled), at: start) else { return false }
        if hasPad {
            // Chunks have an even length; the next samples overwrite this.
            let pad: [UInt8] = [0]
            guard file.write(pad.span.bytes, at: start + Int64(filled)) else { return false }
        }
        return Self.writeHead(head, format, length: total, to: file)
    }

    private static func writeHead(
        _ template: [UInt8], _ format: WAVFormat, length: Int64, to file: borrowing File
    ) -> Bool {
        var head = template
        let frames = UInt32(truncatingIfNeeded: length / Int64(format.frameLength))
        put(UInt32(truncatingIfNeeded: Int64(head.count) - 8 + length + length & 1), at: 4, into: &head)
        put(UInt32(truncatingIfNeeded: length), at: head.count - 4, into: &head)
        // The 'fact' chunk, where there is one, stands right before 'data'.
        if hasFact(format) { put(frames, at: head.count - 12, into: &head) }
        return file.write(head.span.bytes, at: 0)
    }

    /// A 'fact' chunk is asked for with all encodings but plain PCM.
    private static func hasFact(_ format: WAVFormat) -> Bool { format.encoding.tag != 1 || format.isExtensible }

    private static func head(_ format: WAVFormat) -> [UInt8] {
        let tag = format.encoding.tag
        let bits = UInt16(format.encoding.width * 8)
        var fmt: [UInt8] = []
        fmt += le(format.isExtensible ? 0xFFFE : tag)
        fmt += le(UInt16(format.channels))
        fmt += le(UInt32(format.sampleRate.hertz))
        fmt += le(UInt32(truncatingIfNeeded: format.sampleRate.hertz * format.frameLength))
        fmt += le(UInt16(format.frameLength))
        fmt += le(bits)
        if format.isExtensible {
            // Size of the extension, valid bits, speakers (front centre, or front left and right), sub-format.
            fmt += le(UInt16(22)) + le(bits) + le(UInt32(format.channels == 1 ? 4 : 3)) + le(tag)
            fmt += WAVFormat.guidTail
        } else if tag != 1 {
            fmt += le(UInt16(0))
        }
        var head = Array("RIFF".utf8) + le(UInt32(0)) + Array("WAVEfmt ".utf8) + le(UInt32(fmt.count)) + fmt
        if hasFact(format) { head += Array("fact".utf8) + le(UInt32(4)) + le(UInt32(0)) }
        return head + Array("data".utf8) + le(UInt32(0))
    }

    private static func le(_ value: UInt16) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8)] }

    private static func le(_ value: UInt32) -> [UInt8] {
        le(UInt16(truncatingIfNeeded: value)) + le(UInt16(truncatingIfNeeded: value >> 16))
    }

    private static func put(_ value: UInt32, at offset: Int, into octets: inout [UInt8]) {
        for (index, octet) in le(value).enumerated() { octets[offset + index] = octet }
    }
}
