/// Data of a channel, with four octets in front in place of a message (RFC 8656 §12.4).
///
/// ```
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Channel Number        |            Length             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Application Data …                      |
/// ```
public struct ChannelData: Hashable, Sendable {
    /// The numbers of channels (RFC 8656 §12).
    public static let numbers: ClosedRange<UInt16> = 0x4000...0x4FFF
    /// The numbers of channels of clients that follow RFC 5766 (§11), and of coturn's programs.
    public static let oldNumbers: ClosedRange<UInt16> = 0x4000...0x7FFF
    /// Octets in front of the data.
    public static let headerLength = 4

    public let channel: UInt16
    /// Where the data lies.
    public let data: Range<Int>

    /// Reads what fills `bytes`; what is behind the data is padding. Nil when it is none, or cut off.
    public init?(parsing bytes: RawSpan) {
        guard bytes.byteCount >= Self.headerLength, Self.oldNumbers.contains(bytes.word16(at: 0)) else { return nil }
        let end = Self.headerLength + Int(bytes.word16(at: 2))
        guard end <= bytes.byteCount else { return nil }
        channel = bytes.word16(at: 0)
        data = Self.headerLength..<end
    }

    /// Data with its header.
    ///
    /// - Parameter isPadded: by streams: zeros up to a multiple of four octets (RFC 8656 §12.5).
    /// - Returns: nil when the data is too long, over 65,535 octets.
    public static func bytes(_ channel: UInt16, _ data: [UInt8], isPadded: Bool = false) -> [UInt8]? {
        guard let length = UInt16(exactly: data.count) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerLength + data.count + 3)
        bytes += [UInt8(truncatingIfNeeded: channel >> 8), UInt8(truncatingIfNeeded: channel)]
        bytes += [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
        bytes += data
        if isPadded { bytes += [UInt8](repeating: 0, count: -data.count & 3) }
        return bytes
    }
}

/// Parts the octets of a connection with a TURN server into messages and channel data (RFC 8656 §3.1, §12.5).
public struct TURNFramer: Sendable {
    /// What a stream may not begin with.
    public struct Defect: Error, Hashable, Sendable {}

    private var buffer: [UInt8] = []
    /// Where in it the next frame begins.
    private var start = 0

    public init() {}

    /// Whether the beginning of a frame is kept back.
    public var isPartial: Bool { start < buffer.count }

    /// Takes octets as they come and gives those messages and channel data that are complete, without padding.
    ///
    /// What is kept back is never more than one of them, 65,555 octets.
    public mutating func receive(_ bytes: [UInt8]) throws(Defect) -> [[UInt8]] {
        bytes.withUnsafeBytes { append($0) }
        var frames: [[UInt8]] = []
        while let frame = try next() { frames.append(frame) }
        return frames
    }

    /// Takes octets as they come; all frames in them are to be asked for before others come.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        buffer.removeFirst(start)
        start = 0
        buffer += bytes
    }

    /// The next message or channel data that is complete, without padding.
    public mutating func next() throws(Defect) -> [UInt8]? {
        guard start + 4 <= buffer.count else { return nil }
        let sizes = try Self.sizes(buffer[start...])
        guard start + sizes.padded <= buffer.count else { return nil }
        defer { start += sizes.padded }
        return [UInt8](buffer[start..<start + sizes.bare])
    }

    /// Gives what no frame was made of: for streams that are something else from here on.
    public mutating func takeRest() -> [UInt8] {
        defer {
            buffer = []
            start = 0
        }
        return [UInt8](buffer[start...])
    }

    /// Octets of the frame in front, without and with padding, of the first four.
    private static func sizes(_ bytes: ArraySlice<UInt8>) throws(Defect) -> (bare: Int, padded: Int) {
        let start = bytes.startIndex
        let length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
        switch bytes[start] {
        case 0x40...0x7F: return (ChannelData.headerLength + length, ChannelData.headerLength + (length + 3) & ~3)
        case 0...3:
            guard length % 4 == 0 else { throw Defect() }
            let size = STUNMessage.headerLength + length
            return (size, size)
        default: throw Defect()
        }
    }
}
