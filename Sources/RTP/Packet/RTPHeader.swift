/// The header of an RTP data packet (RFC 3550 §5.1, §5.3.1), read in place or written into memory of the caller.
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           timestamp                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           synchronization source (SSRC) identifier            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |            contributing source (CSRC) identifiers             |
/// ```
///
/// The value holds numbers only: what lies in the packet (CSRCs, extension, payload) is named by offsets into the bytes
/// that were parsed, so nothing is copied or allocated.
@frozen
public struct RTPHeader: Hashable, Sendable {
    /// Octets of the fixed part.
    public static let fixedLength = 12

    /// The M bit; for audio the first packet of a talkspurt (RFC 3551 §4.1).
    public var marker: Bool

    /// Payload type, 0 to 127.
    public var payloadType: UInt8

    /// Sequence number, plus one for each packet sent, modulo 2^16.
    public var sequenceNumber: UInt16

    /// Sampling instant of the first octet of the payload, in units of the payload's clock.
    public var timestamp: UInt32

    /// Synchronization source.
    public var ssrc: UInt32

    /// Number of contributing sources that follow the fixed part, 0 to 15.
    public private(set) var contributingSourceCount: UInt8 = 0

    /// The "defined by profile" field of the extension; nil when there is none (X bit clear).
    public private(set) var extensionProfile: UInt16?

    /// Octets of extension data, without its 4-octet head.
    public private(set) var extensionLength: Int = 0

    /// Octets of payload, without padding.
    public private(set) var payloadLength: Int = 0

    /// Octets of padding, including the count itself; 0 when the P bit is clear.
    public private(set) var paddingLength: Int = 0

    /// A header to be written.
    @inlinable
    public init(payloadType: UInt8, marker: Bool = false, sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32) {
        self.marker = marker
        self.payloadType = payloadType & 0x7F
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.ssrc = ssrc
    }

    /// Reads the header of the packet that fills `packet` and checks it as RFC 3550 A.1 demands: version 2, and CSRC
    /// list, extension and padding inside of the packet. Whether the payload type is known is for the caller to say.
    public init(parsing packet: RawSpan) throws(RTPError) {
        guard packet.byteCount >= Self.fixedLength else { throw .truncated }
        let first = packet.octet(at: 0)
        guard first >> 6 == 2 else { throw .version }
        let second = packet.octet(at: 1)
        self.init(
            payloadType: second, marker: second & 0x80 != 0, sequenceNumber: packet.word16(at: 2),
            timestamp: packet.word32(at: 4), ssrc: packet.word32(at: 8))
        contributingSourceCount = first & 0x0F
        var offset = Self.fixedLength + 4 * Int(contributingSourceCount)
        guard offset <= packet.byteCount else { throw .truncated }
        if first & 0x10 != 0 {
            guard offset + 4 <= packet.byteCount else { throw .truncated }
            extensionProfile = packet.word16(at: offset)
            extensionLength = 4 * Int(packet.word16(at: offset + 2))
            offset += 4 + extensionLength
            guard offset <= packet.byteCount else { throw .truncated }
        }
        payloadLength = packet.byteCount - offset
        if first & 0x20 != 0 {
            paddingLength = Int(packet.octet(at: packet.byteCount - 1))
            guard paddingLength > 0, paddingLength <= payloadLength else { throw .padding }
            payloadLength -= paddingLength
        }
    }
}

extension RTPHeader {
    /// Octets before the payload.
    @inlinable
    public var headerLength: Int {
        Self.fixedLength + 4 * Int(contributingSourceCount) + (extensionProfile == nil ? 0 : 4 + extensionLength)
    }

    /// Where the payload lies in the packet.
    @inlinable
    public var payload: Range<Int> {
        let start = headerLength
        return start..<start + payloadLength
    }

    /// Where the extension data lies in the packet, without its 4-octet head; empty when there is none.
    @inlinable
    public var extensionData: Range<Int> {
        let end = headerLength
        return end - extensionLength..<end
    }

    /// A contributing source of the packet that was parsed; nil when `index` is not below `contributingSourceCount`.
    public func contributingSource(at index: Int, in packet: RawSpan) -> UInt32? {
        let offset = Self.fixedLength + 4 * index
        guard index >= 0, index < Int(contributingSourceCount), offset + 4 <= packet.byteCount else { return nil }
        return packet.word32(at: offset)
    }
}

extension RTPHeader {
    /// Writes the fixed part, without CSRCs and extension, at the start of `packet`; the payload belongs behind it.
    ///
    /// - Returns: octets written, 12.
    @inlinable
    @discardableResult
    public func write(into packet: inout MutableRawSpan) throws(RTPError) -> Int {
        guard packet.byteCount >= Self.fixedLength else { throw .noSpace }
        writeFixed(first: 0x80, into: &packet)
        return Self.fixedLength
    }

    /// Writes the header with contributing sources and, when `profile` is given, an extension.
    ///
    /// - Parameters:
    ///   - contributingSources: at most 15.
    ///   - profile: the "defined by profile" field, nil for no extension.
    ///   - extensionData: a multiple of four octets (RFC 3550 §5.3.1).
    /// - Returns: octets written; the payload belongs behind them.
    @discardableResult
    public func write(
        into packet: inout MutableRawSpan, contributingSources: Span<UInt32>, profile: UInt16?, extensionData: RawSpan
    ) throws(RTPError) -> Int {
        let words = extensionData.byteCount / 4
        guard contributingSources.count <= 15, extensionData.byteCount % 4 == 0, words <= Int(UInt16.max) else {
            throw .unrepresentable
        }
        let start = Self.fixedLength + 4 * contributingSources.count
        let length = start + (profile == nil ? 0 : 4 + extensionData.byteCount)
        guard packet.byteCount >= length else { throw .noSpace }
        writeFixed(first: 0x80 | (profile == nil ? 0 : 0x10) | UInt8(contributingSources.count), into: &packet)
        for index in contributingSources.indices {
            packet.store(word32: contributingSources[index], at: Self.fixedLength + 4 * index)
        }
        if let profile {
            packet.store(word16: profile, at: start)
            packet.store(word16: UInt16(words), at: start + 2)
            packet.store(bytes: extensionData, at: start + 4)
        }
        return length
    }

    /// Adds padding behind a packet that fills the first `length` octets of `packet`, and sets its P bit
    /// (RFC 3550 §5.1).
    ///
    /// - Parameter padding: octets to add, including the count, 1 to 255.
    /// - Returns: the new length of the packet in octets.
    public static func pad(_ packet: inout MutableRawSpan, length: Int, by padding: UInt8) throws(RTPError) -> Int {
        guard length >= fixedLength, padding > 0 else { throw .padding }
        let end = length + Int(padding)
        guard end <= packet.byteCount else { throw .noSpace }
        packet.storeZeros(count: Int(padding) - 1, at: length)
        packet.store(octet: padding, at: end - 1)
        packet.store(octet: packet.bytes.octet(at: 0) | 0x20, at: 0)
        return end
    }

    @inlinable @inline(__always)
    func writeFixed(first: UInt8, into packet: inout MutableRawSpan) {
        packet.store(octet: first, at: 0)
        packet.store(octet: (marker ? 0x80 : 0) | (payloadType & 0x7F), at: 1)
        packet.store(word16: sequenceNumber, at: 2)
        packet.store(word32: timestamp, at: 4)
        packet.store(word32: ssrc, at: 8)
    }
}
