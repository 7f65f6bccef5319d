/// Reads the packets of an RTCP compound in place (RFC 3550 §6.1).
///
/// The initialiser checks the whole datagram, so that a compound is taken or refused as one; then `next(in:)` gives the
/// packets in order.
///
/// ```swift
/// var compound = try RTCPCompound(checking: datagram)
/// while let packet = compound.next(in: datagram) { … }
/// ```
public struct RTCPCompound: Hashable, Sendable {
    private var offset = 0
    private let length: Int

    /// Checks that `datagram` is a compound packet as RFC 3550 A.2 demands: versions 2, an SR or RR first, padding only
    /// on the last, lengths that add up; and that each packet holds what its count says.
    ///
    /// - Parameter allowsReducedSize: accept any packet first (RFC 5506), where that was negotiated.
    public init(checking datagram: RawSpan, allowsReducedSize: Bool = false) throws(RTCPError) {
        length = datagram.byteCount
        guard length >= RTCPPacket.headLength, length % 4 == 0 else { throw .truncated }
        if !allowsReducedSize {
            let type = datagram.octet(at: 1)
            guard type == RTCPPacket.Kind.senderReport || type == RTCPPacket.Kind.receiverReport else {
                throw .firstPacket
            }
        }
        var offset = 0
        while offset < length {
            _ = try RTCPPacket(
                at: offset, end: Self.contentEnd(at: offset, length: length, in: datagram), in: datagram)
            offset = Self.end(at: offset, in: datagram)
        }
    }

    /// The next packet; nil at the end. `datagram` is what was checked.
    public mutating func next(in datagram: RawSpan) -> RTCPPacket? {
        guard offset < length, datagram.byteCount == length else { return nil }
        let start = offset
        // Checked before: it throws only for another datagram of the same length, which then ends the reading.
        guard let end = try? Self.contentEnd(at: start, length: length, in: datagram),
            let packet = try? RTCPPacket(at: start, end: end, in: datagram)
        else {
            offset = length
            return nil
        }
        offset = Self.end(at: start, in: datagram)
        return packet
    }

    /// Where the packet at `offset` ends by its length field, which counts words less one.
    private static func end(at offset: Int, in datagram: RawSpan) -> Int {
        offset + 4 * (Int(datagram.word16(at: offset + 2)) + 1)
    }

    /// Where the contents of the packet at `offset` end, without padding.
    private static func contentEnd(at offset: Int, length: Int, in datagram: RawSpan) throws(RTCPError) -> Int {
        guard offset + RTCPPacket.headLength <= length else { throw .truncated }
        let first = datagram.octet(at: offset)
        guard first >> 6 == 2 else { throw .version }
        let end = end(at: offset, in: datagram)
        guard end <= length else { throw .length }
        guard first & 0x20 != 0 else { return end }
        guard end == length, end - offset > RTCPPacket.headLength else { throw .padding }
        let padding = Int(datagram.octet(at: end - 1))
        guard padding > 0, padding % 4 == 0, padding <= end - offset - RTCPPacket.headLength else { throw .padding }
        return end - padding
    }
}
