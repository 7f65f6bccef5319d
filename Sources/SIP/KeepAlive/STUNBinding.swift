/// The answer to a STUN Binding Request on a SIP port: the address that it came from (RFC 5626 §8, RFC 8489 §6).
///
/// And the request, with what its answer says, by which a user agent keeps a flow alive (RFC 5626 §4.4.2).
///
/// Only what keep-alives need is here: no credentials and no fingerprint are looked at, and what else STUN has is not
/// answered.
public enum STUNBinding {
    /// Where a request came from: an IPv4 address in the low 32 bits of `lower`, an IPv6 address in both.
    public struct Source: Sendable, Hashable {
        public var isIPv6: Bool
        public var upper: UInt64
        public var lower: UInt64
        public var port: UInt16

        public init(isIPv6: Bool, upper: UInt64 = 0, lower: UInt64, port: UInt16) {
            self.isIPv6 = isIPv6
            self.upper = upper
            self.lower = lower
            self.port = port
        }
    }

    /// Bytes of the header of a STUN message.
    private static let headerSize = 20
    /// The magic cookie (RFC 8489 §5).
    private static let cookie: UInt32 = 0x2112_A442
    /// The most unknown attributes that an error names.
    private static let namedAttributes = 16
    /// Attributes of authentication, which are passed over: whoever sends them is told an address all the same.
    private static let knownAttributes: Set<UInt16> = [0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E]

    /// Whether a datagram is of STUN and not of SIP: no SIP message begins with a byte of 0 or 1 (RFC 5626 §8).
    public static func isSTUN(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= headerSize && bytes[0] <= 1 && number(bytes, 4, 4) == cookie
    }

    /// Writes the answer to a message.
    ///
    /// - Returns: whether there is one; indications, responses and what is malformed have none.
    public static func answer(
        _ bytes: UnsafeRawBufferPointer, from source: Source, into writer: inout ByteWriter
    ) -> Bool {
        guard isSTUN(bytes), number(bytes, 0, 2) == 0x0001 else { return false }
        let length = Int(number(bytes, 2, 2))
        guard length % 4 == 0, length == bytes.count - headerSize, let unknown = unknownAttributes(bytes) else {
            return false
        }
        if unknown.isEmpty {
            writeSuccess(bytes, source, into: &writer)
        } else {
            writeError(bytes, unknown, into: &writer)
        }
        return true
    }

    // MARK: The client

    /// What names a transaction (RFC 8489 §5): 96 bits.
    public struct Transaction: Sendable, Hashable {
        public var upper: UInt32
        public var lower: UInt64

        public init(upper: UInt32, lower: UInt64) {
            self.upper = upper
            self.lower = lower
        }
    }

    /// What an answer to a Binding Request says.
    public enum Outcome: Sendable, Hashable {
        /// The address that the request came from.
        case mapped(Source)
        /// The server refuses, or says nothing of an address.
        case refused
    }

    /// Writes a Binding Request without attributes.
    public static func writeRequest(_ transaction: Transaction, into writer: inout ByteWriter) {
        append(0x0001, 2, into: &writer)
        append(0, 2, into: &writer)
        append(cookie.wide, 4, into: &writer)
        append(transaction.upper.wide, 4, into: &writer)
        append(transaction.lower, 8, into: &writer)
    }

    /// Reads the answer to a Binding Request (RFC 8489 §6.3.3, §14.2); nil when a message is none, or malformed.
    public static func outcome(_ bytes: UnsafeRawBufferPointer) -> (transaction: Transaction, outcome: Outcome)? {
        guard isSTUN(bytes), Int(number(bytes, 2, 2)) == bytes.count - headerSize, bytes.count % 4 == 0 else {
            return nil
        }
        let type = number(bytes, 0, 2)
        guard type == 0x0101 || type == 0x0111 else { return nil }
        let lower = number(bytes, 12, 4).wide << 32 | number(bytes, 16, 4).wide
        let transaction = Transaction(upper: number(bytes, 8, 4), lower: lower)
        guard type == 0x0101, let source = mappedAddress(bytes, transaction) else { return (transaction, .refused) }
        return (transaction, .mapped(source))
    }

    /// XOR-MAPPED-ADDRESS; nil when it is missing or an attribute ends outside of the message.
    private static func mappedAddress(_ bytes: UnsafeRawBufferPointer, _ transaction: Transaction) -> Source? {
        var at = headerSize
        while at + 4 <= bytes.count {
            let (type, length) = (number(bytes, at, 2), Int(number(bytes, at + 2, 2)))
            let value = at + 4
            at = value + (length + 3) & ~3
            guard at <= bytes.count else { return nil }
            guard type == 0x0020, length >= 8 else { continue }
            let port =
                UInt16(truncatingIfNeeded: number(bytes, value + 2, 2)) ^ UInt16(truncatingIfNeeded: cookie >> 16)
            let first = number(bytes, value + 4, 4) ^ cookie
            switch (bytes[value + 1], length) {
            case (1, 8): return Source(isIPv6: false, lower: first.wide, port: port)
            case (2, 20):
                let upper = first.wide << 32 | (number(bytes, value + 8, 4) ^ transaction.upper).wide
                let lower = number(bytes, value + 12, 4).wide << 32 | number(bytes, value + 16, 4).wide
                return Source(isIPv6: true, upper: upper, lower: lower ^ transaction.lower, port: port)
            default: return nil
            }
        }
        return nil
    }

    // MARK: Parts

    /// The attributes that must be understood and are not (RFC 8489 §6.3.1); nil when one ends outside of the message.
    private static func unknownAttributes(_ bytes: UnsafeRawBufferPointer) -> [UInt16]? {
        var unknown: [UInt16] = []
        var at = headerSize
        while at < bytes.count {
            guard at + 4 <= bytes.count else { return nil }
            let type = UInt16(truncatingIfNeeded: number(bytes, at, 2))
            let padded = (Int(number(bytes, at + 2, 2)) + 3) & ~3
            guard at + 4 + padded <= bytes.count else { return nil }
            if type < 0x8000, !knownAttributes.contains(type), unknown.count < namedAttributes { unknown.append(type) }
            at += 4 + padded
        }
        return unknown
    }

    /// A success response with XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    private static func writeSuccess(
        _ request: UnsafeRawBufferPointer, _ source: Source, into writer: inout ByteWriter
    ) {
        let size = source.isIPv6 ? 20 : 8
        writeHeader(request, type: 0x0101, length: 4 + size, into: &writer)
        append(0x0020, 2, into: &writer)
        append(UInt64(size), 2, into: &writer)
        append(source.isIPv6 ? 2 : 1, 2, into: &writer)
        append(UInt64(source.port) ^ UInt64(cookie >> 16), 2, into: &writer)
        guard source.isIPv6 else {
            return append(UInt64(UInt32(truncatingIfNeeded: source.lower) ^ cookie), 4, into: &writer)
        }
        // The cookie and the transaction stand side by side in the header.
        append(source.upper ^ (UInt64(cookie) << 32 | number(request, 8, 4).wide), 8, into: &writer)
        append(source.lower ^ (number(request, 12, 4).wide << 32 | number(request, 16, 4).wide), 8, into: &writer)
    }

    /// An error response: 420 with UNKNOWN-ATTRIBUTES (RFC 8489 §14.8, §14.13).
    private static func writeError(
        _ request: UnsafeRawBufferPointer, _ unknown: [UInt16], into writer: inout ByteWriter
    ) {
        let listed = (2 * unknown.count + 3) & ~3
        writeHeader(request, type: 0x0111, length: 8 + 4 + listed, into: &writer)
        append(0x0009, 2, into: &writer)
        append(4, 2, into: &writer)
        append(0x0000_0414, 4, into: &writer)
        append(0x000A, 2, into: &writer)
        append(UInt64(2 * unknown.count), 2, into: &writer)
        for type in unknown { append(UInt64(type), 2, into: &writer) }
        if unknown.count % 2 == 1 { append(0, 2, into: &writer) }
    }

    private static func writeHeader(
        _ request: UnsafeRawBufferPointer, type: UInt64, length: Int, into writer: inout ByteWriter
    ) {
        append(type, 2, into: &writer)
        append(UInt64(length), 2, into: &writer)
        writer.append(UnsafeRawBufferPointer(rebasing: request[4..<headerSize]))
    }

    private static func append(_ value: UInt64, _ count: Int, into writer: inout ByteWriter) {
        for i in 0..<count {
            writer.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - i))))
        }
    }

    /// A number of up to four bytes in network order, which must be there.
    private static func number(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ count: Int) -> UInt32 {
        var value: UInt32 = 0
        for i in at..<at + count { value = value << 8 | UInt32(bytes[i]) }
        return value
    }
}

extension UInt32 {
    fileprivate var wide: UInt64 { UInt64(self) }
}
