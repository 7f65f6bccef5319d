/// An index over the octets of a STUN message (RFC 8489 §5), which are read in place.
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |0 0|     STUN Message Type     |         Message Length        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Magic Cookie                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Transaction ID (96 bits)                  |
/// ```
///
/// The value holds numbers only; what lies in the message is named by offsets into the octets that were parsed, which are to be
/// given again. Nothing is copied or allocated.
public struct STUNMessage: Hashable, Sendable {
    /// Octets of the header.
    public static let headerLength = 20
    /// The magic cookie (RFC 8489 §5).
    public static let cookie: UInt32 = 0x2112_A442

    /// Request, indication, success or error.
    public let kind: STUNClass
    public let method: STUNMethod
    public let transaction: STUNTransactionID
    /// Octets of the whole message.
    public let length: Int
    /// Where MESSAGE-INTEGRITY begins, with its header.
    public private(set) var integrity: Int?
    /// Where MESSAGE-INTEGRITY-SHA256 begins, with its header.
    public private(set) var integritySHA256: Int?
    /// Where FINGERPRINT begins, with its header.
    public private(set) var fingerprint: Int?

    /// Whether octets begin as a STUN message does: cheap, to tell it from what shares the port (RFC 8489 §5).
    public static func isSTUN(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= headerLength, bytes.octet(at: 0) < 4 else { return false }
        return bytes.word32(at: 4) == cookie
    }

    /// Indexes the message that fills `bytes`, and checks what a message must be (RFC 8489 §6.3): length, cookie, and
    /// attributes that end inside. What is in the attributes is checked when they are asked for.
    public init(parsing bytes: RawSpan) throws(STUNDefect) {
        guard bytes.byteCount >= Self.headerLength else { throw .truncated }
        guard bytes.octet(at: 0) < 0x40, bytes.word32(at: 4) == Self.cookie else { throw .foreign }
        let length = Int(bytes.word16(at: 2))
        guard length % 4 == 0, length + Self.headerLength == bytes.byteCount else { throw .length }
        let type = STUNType.unpack(bytes.word16(at: 0))
        kind = type.0
        method = type.1
        transaction = STUNTransactionID(upper: bytes.word32(at: 8), lower: bytes.word64(at: 12))
        self.length = bytes.byteCount
        var at = Self.headerLength
        while at < bytes.byteCount {
            guard fingerprint == nil else { throw .order }
            guard at + 4 <= bytes.byteCount else { throw .attribute }
            let size = Int(bytes.word16(at: at + 2))
            let next = at + 4 + (size + 3) & ~3
            guard next <= bytes.byteCount else { throw .attribute }
            try note(STUNAttribute(rawValue: bytes.word16(at: at)), size, at: at)
            at = next
        }
    }

    /// Remembers where the attributes are that prove what is before them.
    private mutating func note(_ type: STUNAttribute, _ size: Int, at offset: Int) throws(STUNDefect) {
        switch type {
        case .messageIntegrity where integrity == nil && integritySHA256 == nil:
            guard size == 20 else { throw .order }
            integrity = offset
        case .messageIntegritySHA256 where integritySHA256 == nil:
            // Truncated ones are for usages that allow it (RFC 8489 §14.6), and none of these is here.
            guard size == 32 else { throw .order }
            integritySHA256 = offset
        case .fingerprint:
            guard size == 4 else { throw .order }
            fingerprint = offset
        default: break
        }
    }

    /// Octets of the message that begins a stream, header included; nil when there are too few to tell, or it is none.
    public static func length(inStream bytes: RawSpan) -> Int? {
        guard isSTUN(bytes) else { return nil }
        let length = Int(bytes.word16(at: 2))
        return length % 4 == 0 ? headerLength + length : nil
    }

    // MARK: Attributes

    /// An attribute: its type, and where its value lies, without padding.
    public struct Attribute: Hashable, Sendable {
        public var type: STUNAttribute
        public var value: Range<Int>
    }

    /// A walk over the attributes that may be believed: what stands behind an attribute of integrity is left out, but
    /// for others of them and FINGERPRINT (RFC 8489 §14.5, §14.6).
    public struct Attributes: Sendable {
        private var at = STUNMessage.headerLength
        private let end: Int
        private let message: STUNMessage

        init(_ message: STUNMessage) {
            end = message.length
            self.message = message
        }

        /// The next attribute of the message that was parsed.
        public mutating func next(in bytes: RawSpan) -> Attribute? {
            while at < end {
                let (offset, size) = (at, Int(bytes.word16(at: at + 2)))
                at = offset + 4 + (size + 3) & ~3
                guard message.isBelieved(offset) else { continue }
                let type = STUNAttribute(rawValue: bytes.word16(at: offset))
                return Attribute(type: type, value: offset + 4..<offset + 4 + size)
            }
            return nil
        }
    }

    private func isBelieved(_ offset: Int) -> Bool {
        if offset == integrity || offset == integritySHA256 || offset == fingerprint { return true }
        if let integrity, offset > integrity { return false }
        if let integritySHA256, offset > integritySHA256 { return false }
        return true
    }

    /// The attributes in their order.
    public var attributes: Attributes { Attributes(self) }

    /// The value of the first attribute of a type: others of it are ignored (RFC 8489 §14).
    public func first(_ type: STUNAttribute, in bytes: RawSpan) -> Range<Int>? {
        var walk = attributes
        while let attribute = walk.next(in: bytes) {
            if attribute.type == type { return attribute.value }
        }
        return nil
    }
}
