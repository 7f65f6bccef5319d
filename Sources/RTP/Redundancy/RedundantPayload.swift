/// A payload with redundant data (RFC 2198 §3): what the packet itself is about, the primary block, and what earlier packets
/// were about, older ones first.
///
/// ```
///  0                   1                    2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3  4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |F|   block PT  |  timestamp offset         |   block length    |   for each redundant block, F = 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |0|   block PT  |                                                  for the primary block
/// +-+-+-+-+-+-+-+-+
/// ```
@frozen
public struct RedundantPayload: Hashable, Sendable {
    /// One block.
    @frozen
    public struct Block: Hashable, Sendable {
        /// What the block holds.
        public let payloadType: UInt8

        /// Timestamp of its first sample, less than or equal to that of the packet.
        public let timestamp: UInt32

        /// Where its octets lie in the payload.
        public let octets: Range<Int>

        @usableFromInline
        init(payloadType: UInt8, timestamp: UInt32, octets: Range<Int>) {
            self.payloadType = payloadType
            self.timestamp = timestamp
            self.octets = octets
        }
    }

    /// Redundant blocks that are taken in one packet; a payload with more is refused.
    public static let maximumBlocks = 8

    /// Largest difference to the packet's timestamp that a block can have: 14 bits.
    public static let maximumOffset: UInt32 = 0x3FFF

    /// Most octets of a redundant block: 10 bits.
    public static let maximumLength = 0x3FF

    /// Redundant blocks in the payload.
    public let redundantCount: Int

    /// The block that the packet itself is about; empty where only redundant data was sent.
    public let primary: Block

    private let timestamp: UInt32

    /// Checks a payload whole.
    ///
    /// - Parameter timestamp: of the packet.
    /// - Throws: `.truncated` when headers or blocks end behind the payload, `.unrepresentable` for more than `maximumBlocks`.
    public init(parsing payload: RawSpan, timestamp: UInt32) throws(RTPError) {
        var count = 0
        var length = 0
        while true {
            guard 4 * count < payload.byteCount else { throw .truncated }
            guard payload.octet(at: 4 * count) & 0x80 != 0 else { break }
            guard count < Self.maximumBlocks else { throw .unrepresentable }
            guard 4 * count + 4 <= payload.byteCount else { throw .truncated }
            length += Int(payload.word16(at: 4 * count + 2)) & Self.maximumLength
            count += 1
        }
        let start = 4 * count + 1 + length
        guard start <= payload.byteCount else { throw .truncated }
        redundantCount = count
        self.timestamp = timestamp
        primary = Block(
            payloadType: payload.octet(at: 4 * count), timestamp: timestamp, octets: start..<payload.byteCount)
    }

    /// A redundant block, 0 the oldest; nil behind the last.
    ///
    /// - Parameter payload: the octets that were parsed.
    public func redundant(at index: Int, in payload: RawSpan) -> Block? {
        guard 0..<redundantCount ~= index, 4 * redundantCount < payload.byteCount else { return nil }
        var start = 4 * redundantCount + 1
        for before in 0..<index { start += Int(payload.word16(at: 4 * before + 2)) & Self.maximumLength }
        let header = payload.word32(at: 4 * index)
        let end = start + Int(header & UInt32(Self.maximumLength))
        guard end <= payload.byteCount else { return nil }
        return Block(
            payloadType: UInt8(truncatingIfNeeded: header >> 24) & 0x7F,
            timestamp: timestamp &- (header >> 10 & Self.maximumOffset), octets: start..<end)
    }
}
