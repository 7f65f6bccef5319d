/// Writes an RTCP compound packet by packet into memory of the caller (RFC 3550 §6.1).
///
/// A packet that throws leaves what was written before untouched and complete.
///
/// ```swift
/// var writer = RTCPWriter()
/// try writer.senderReport(ssrc: us, info: info, blocks: blocks.span, into: &memory)
/// try writer.canonicalName(ssrc: us, name: name.span.bytes, into: &memory)
/// send(memory, writer.length)
/// ```
public struct RTCPWriter: Hashable, Sendable {
    /// Octets written so far.
    public var length: Int { end - start }

    /// Where they lie in the memory.
    public var octets: Range<Int> { start..<end }

    private let start: Int
    private var end: Int

    /// Most report blocks, chunks or sources that one packet holds; its count has five bits.
    public static let maximumCount = 31

    /// A writer that begins at an offset into the memory; a negative one is taken as 0.
    public init(at offset: Int = 0) {
        start = max(0, offset)
        end = start
    }

    /// Adds an SR packet.
    public mutating func senderReport(
        ssrc: UInt32, info: SenderInfo, blocks: Span<ReportBlock>, into bytes: inout MutableRawSpan
    ) throws(RTCPError) {
        let size = 8 + SenderInfo.length + blocks.count * ReportBlock.length
        try head(RTCPPacket.Kind.senderReport, count: blocks.count, size: size, into: &bytes)
        bytes.store(word32: ssrc, at: end + 4)
        info.write(at: end + 8, into: &bytes)
        write(blocks, at: end + 8 + SenderInfo.length, into: &bytes)
        end += size
    }

    /// Adds an RR packet; without blocks it is the empty report that leads a compound when there is nothing to say.
    public mutating func receiverReport(
        ssrc: UInt32, blocks: Span<ReportBlock>, into bytes: inout MutableRawSpan
    ) throws(RTCPError) {
        let size = 8 + blocks.count * ReportBlock.length
        try head(RTCPPacket.Kind.receiverReport, count: blocks.count, size: size, into: &bytes)
        bytes.store(word32: ssrc, at: end + 4)
        write(blocks, at: end + 8, into: &bytes)
        end += size
    }

    /// Adds an SDES packet of one chunk with a CNAME (RFC 3550 §6.5.1).
    ///
    /// - Parameter name: UTF-8, at most 255 octets.
    public mutating func canonicalName(
        ssrc: UInt32, name: RawSpan, into bytes: inout MutableRawSpan
    ) throws(RTCPError) {
        guard name.byteCount <= 255 else { throw .unrepresentable }
        // At least one null octet ends the items, more fill up to a boundary of four.
        let items = 2 + name.byteCount
        let size = 8 + (items + 4) & ~3
        try head(RTCPPacket.Kind.sourceDescription, count: 1, size: size, into: &bytes)
        bytes.store(word32: ssrc, at: end + 4)
        bytes.store(octet: SourceDescription.Item.canonicalName, at: end + 8)
        bytes.store(octet: UInt8(name.byteCount), at: end + 9)
        bytes.store(bytes: name, at: end + 10)
        bytes.storeZeros(count: size - 8 - items, at: end + 8 + items)
        end += size
    }

    /// Adds a BYE packet (RFC 3550 §6.6).
    ///
    /// - Parameter reason: UTF-8, at most 255 octets; empty for none.
    public mutating func goodbye(
        ssrc: UInt32, reason: RawSpan, into bytes: inout MutableRawSpan
    ) throws(RTCPError) {
        guard reason.byteCount <= 255 else { throw .unrepresentable }
        let text = reason.isEmpty ? 0 : (1 + reason.byteCount + 3) & ~3
        let size = 8 + text
        try head(RTCPPacket.Kind.goodbye, count: 1, size: size, into: &bytes)
        bytes.store(word32: ssrc, at: end + 4)
        if text > 0 {
            bytes.store(octet: UInt8(reason.byteCount), at: end + 8)
            bytes.store(bytes: reason, at: end + 9)
            bytes.storeZeros(count: text - 1 - reason.byteCount, at: end + 9 + reason.byteCount)
        }
        end += size
    }

    /// Adds an XR packet with a block of voice metrics (RFC 3611 §4.7).
    public mutating func extendedReport(
        ssrc: UInt32, metrics: VoIPMetrics, into bytes: inout MutableRawSpan
    ) throws(RTCPError) {
        let size = 8 + VoIPMetrics.length
        try head(RTCPPacket.Kind.extendedReport, count: 0, size: size, into: &bytes)
        bytes.store(word32: ssrc, at: end + 4)
        metrics.write(at: end + 8, into: &bytes)
        end += size
    }

    private func head(_ type: UInt8, count: Int, size: Int, into bytes: inout MutableRawSpan) throws(RTCPError) {
        guard count <= Self.maximumCount else { throw .unrepresentable }
        guard end + size <= bytes.byteCount else { throw .noSpace }
        bytes.store(octet: 0x80 | UInt8(count), at: end)
        bytes.store(octet: type, at: end + 1)
        bytes.store(word16: UInt16(size / 4 - 1), at: end + 2)
    }

    private func write(_ blocks: Span<ReportBlock>, at offset: Int, into bytes: inout MutableRawSpan) {
        for index in blocks.indices {
            blocks[index].write(at: offset + index * ReportBlock.length, into: &bytes)
        }
    }
}
