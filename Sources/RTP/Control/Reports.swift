/// Sender information of an SR packet (RFC 3550 §6.4.1).
@frozen
public struct SenderInfo: Hashable, Sendable {
    /// Wallclock when the report was sent.
    public var time: NTPTimestamp

    /// The same moment in units of the data packets' timestamps.
    public var timestamp: UInt32

    /// RTP data packets sent since the SSRC is in use, modulo 2^32.
    public var packetCount: UInt32

    /// Octets of payload sent since then, modulo 2^32.
    public var octetCount: UInt32

    static let length = 20

    /// Sender information from its parts.
    @inlinable
    public init(time: NTPTimestamp, timestamp: UInt32, packetCount: UInt32, octetCount: UInt32) {
        self.time = time
        self.timestamp = timestamp
        self.packetCount = packetCount
        self.octetCount = octetCount
    }

    init(at offset: Int, in bytes: RawSpan) {
        time = NTPTimestamp(seconds: bytes.word32(at: offset), fraction: bytes.word32(at: offset + 4))
        timestamp = bytes.word32(at: offset + 8)
        packetCount = bytes.word32(at: offset + 12)
        octetCount = bytes.word32(at: offset + 16)
    }

    func write(at offset: Int, into bytes: inout MutableRawSpan) {
        bytes.store(word32: UInt32(truncatingIfNeeded: time.bits >> 32), at: offset)
        bytes.store(word32: UInt32(truncatingIfNeeded: time.bits), at: offset + 4)
        bytes.store(word32: timestamp, at: offset + 8)
        bytes.store(word32: packetCount, at: offset + 12)
        bytes.store(word32: octetCount, at: offset + 16)
    }
}

/// A reception report block (RFC 3550 §6.4.1).
@frozen
public struct ReportBlock: Hashable, Sendable {
    /// The source that the block is about.
    public var ssrc: UInt32

    /// Packets lost since the last report, in 256ths.
    public var fractionLost: UInt8

    /// Packets lost since the beginning, −8,388,608 to 8,388,607; negative when there were duplicates.
    public var cumulativeLost: Int32

    /// Highest sequence number received, extended by the count of cycles.
    public var highestSequence: UInt32

    /// Interarrival jitter in timestamp units.
    public var jitter: UInt32

    /// Middle 32 bits of the NTP time of the last SR from the source; 0 when there was none.
    public var lastSenderReport: UInt32

    /// Delay since that SR in units of 1/65,536 s; 0 when there was none.
    public var delaySinceLastSenderReport: UInt32

    static let length = 24

    /// A block from its parts.
    @inlinable
    public init(
        ssrc: UInt32, fractionLost: UInt8, cumulativeLost: Int32, highestSequence: UInt32, jitter: UInt32,
        lastSenderReport: UInt32, delaySinceLastSenderReport: UInt32
    ) {
        self.ssrc = ssrc
        self.fractionLost = fractionLost
        self.cumulativeLost = cumulativeLost
        self.highestSequence = highestSequence
        self.jitter = jitter
        self.lastSenderReport = lastSenderReport
        self.delaySinceLastSenderReport = delaySinceLastSenderReport
    }

    init(at offset: Int, in bytes: RawSpan) {
        ssrc = bytes.word32(at: offset)
        let loss = bytes.word32(at: offset + 4)
        fractionLost = UInt8(truncatingIfNeeded: loss >> 24)
        // The shift left drops the fraction, the arithmetic shift right extends the sign of the 24 bits.
        cumulativeLost = Int32(bitPattern: loss << 8) >> 8
        highestSequence = bytes.word32(at: offset + 8)
        jitter = bytes.word32(at: offset + 12)
        lastSenderReport = bytes.word32(at: offset + 16)
        delaySinceLastSenderReport = bytes.word32(at: offset + 20)
    }

    func write(at offset: Int, into bytes: inout MutableRawSpan) {
        let lost = max(-0x80_0000, min(cumulativeLost, 0x7F_FFFF))
        bytes.store(word32: ssrc, at: offset)
        bytes.store(
            word32: UInt32(fractionLost) << 24 | (UInt32(bitPattern: lost) & 0xFF_FFFF), at: offset + 4)
        bytes.store(word32: highestSequence, at: offset + 8)
        bytes.store(word32: jitter, at: offset + 12)
        bytes.store(word32: lastSenderReport, at: offset + 16)
        bytes.store(word32: delaySinceLastSenderReport, at: offset + 20)
    }
}

/// Where the reception report blocks of a report lie in the datagram.
@frozen
public struct ReportBlocks: Hashable, Sendable {
    let offset: Int

    /// Number of blocks, 0 to 31.
    public let count: Int

    init(offset: Int, count: Int) {
        self.offset = offset
        self.count = count
    }

    /// The block at `index`, read from the datagram that was parsed; nil when there is none.
    public func block(at index: Int, in bytes: RawSpan) -> ReportBlock? {
        let start = offset + ReportBlock.length * index
        guard index >= 0, index < count, start + ReportBlock.length <= bytes.byteCount else { return nil }
        return ReportBlock(at: start, in: bytes)
    }

    /// The block about `ssrc`, if there is one.
    public func block(about ssrc: UInt32, in bytes: RawSpan) -> ReportBlock? {
        for index in 0..<count {
            guard let block = block(at: index, in: bytes) else { return nil }
            if block.ssrc == ssrc { return block }
        }
        return nil
    }
}

/// An SR packet (RFC 3550 §6.4.1).
@frozen
public struct SenderReport: Hashable, Sendable {
    /// Who sent it.
    public let ssrc: UInt32

    /// What it sent.
    public let info: SenderInfo

    /// What it received.
    public let blocks: ReportBlocks
}

/// An RR packet (RFC 3550 §6.4.2).
@frozen
public struct ReceiverReport: Hashable, Sendable {
    /// Who sent it.
    public let ssrc: UInt32

    /// What it received.
    public let blocks: ReportBlocks
}
