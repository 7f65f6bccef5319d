/// One packet of an RTCP compound. Contents of variable length are named by offsets into the datagram.
@frozen
public enum RTCPPacket: Hashable, Sendable {
    /// SR, type 200.
    case senderReport(SenderReport)

    /// RR, type 201.
    case receiverReport(ReceiverReport)

    /// SDES, type 202.
    case sourceDescription(SourceDescription)

    /// BYE, type 203.
    case goodbye(Goodbye)

    /// XR, type 207 (RFC 3611).
    case extendedReport(ExtendedReport)

    /// Any other type, among them APP (204) and feedback (205, 206): to be ignored (RFC 3550 §6.1).
    case other(type: UInt8, count: UInt8, body: Range<Int>)

    /// Packet types (RFC 3550 §12.1).
    @frozen
    public enum Kind {
        public static let senderReport: UInt8 = 200
        public static let receiverReport: UInt8 = 201
        public static let sourceDescription: UInt8 = 202
        public static let goodbye: UInt8 = 203
        public static let application: UInt8 = 204
        /// RFC 3611 §2.
        public static let extendedReport: UInt8 = 207
    }

    /// Octets of the head that all packets share.
    static let headLength = 4

    /// Reads the packet at `offset` whose length field was found to lie within `end`, body without padding.
    init(at offset: Int, end: Int, in bytes: RawSpan) throws(RTCPError) {
        let count = Int(bytes.octet(at: offset) & 0x1F)
        let body = offset + Self.headLength
        let type = bytes.octet(at: offset + 1)
        switch type {
        case Kind.senderReport:
            let blocks = body + 4 + SenderInfo.length
            guard blocks + count * ReportBlock.length <= end else { throw .contents }
            self = .senderReport(
                SenderReport(
                    ssrc: bytes.word32(at: body), info: SenderInfo(at: body + 4, in: bytes),
                    blocks: ReportBlocks(offset: blocks, count: count)))
        case Kind.receiverReport:
            guard body + 4 + count * ReportBlock.length <= end else { throw .contents }
            self = .receiverReport(
                ReceiverReport(
                    ssrc: bytes.word32(at: body), blocks: ReportBlocks(offset: body + 4, count: count)))
        case Kind.sourceDescription:
            let description = SourceDescription(chunkCount: count, body: body..<end)
            var items = description.items
            while items.next(in: bytes) != nil {}
            guard !items.isMalformed else { throw .contents }
            self = .sourceDescription(description)
        case Kind.goodbye:
            let rest = body + 4 * count
            guard rest <= end else { throw .contents }
            var reason: Range<Int>?
            if rest < end {
                let text = rest + 1..<rest + 1 + Int(bytes.octet(at: rest))
                guard text.upperBound <= end else { throw .contents }
                reason = text
            }
            self = .goodbye(Goodbye(sourceCount: count, reason: reason, offset: body))
        case Kind.extendedReport where body + 4 <= end:
            self = .extendedReport(ExtendedReport(ssrc: bytes.word32(at: body), blocks: body + 4..<end))
        default:
            self = .other(type: type, count: UInt8(count), body: body..<end)
        }
    }
}
