/// Writes a STUN message attribute by attribute into memory of the caller (RFC 8489 §5, §14).
///
/// An attribute that throws leaves what was written before untouched and complete.
///
/// ```swift
/// var writer = try STUNWriter(.request, .binding, transaction, into: &memory)
/// try writer.add(.priority, priority, into: &memory)
/// try writer.addIntegrity(key, hash, into: &memory)
/// try writer.addFingerprint(into: &memory)
/// send(memory, writer.length)
/// ```
public struct STUNWriter: Hashable, Sendable {
    /// Octets written so far.
    public private(set) var length: Int

    private let transaction: STUNTransactionID

    /// Writes the header.
    public init(
        _ kind: STUNClass, _ method: STUNMethod, _ transaction: STUNTransactionID, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        guard bytes.byteCount >= STUNMessage.headerLength else { throw .noSpace }
        bytes.store(word16: STUNType.pack(kind, method), at: 0)
        bytes.store(word16: 0, at: 2)
        bytes.store(word32: STUNMessage.cookie, at: 4)
        bytes.store(word32: transaction.upper, at: 8)
        bytes.store(word64: transaction.lower, at: 12)
        length = STUNMessage.headerLength
        self.transaction = transaction
    }

    /// Adds an attribute with the octets of its value.
    public mutating func add(
        _ type: STUNAttribute, _ value: [UInt8], into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        let at = try reserve(type, value.count, into: &bytes)
        for index in value.indices { bytes.store(octet: value[index], at: at + index) }
    }

    /// Adds an attribute with a copy of octets that lie elsewhere.
    public mutating func add(
        _ type: STUNAttribute, copying value: UnsafeRawBufferPointer, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        let at = try reserve(type, value.count, into: &bytes)
        bytes.withUnsafeMutableBytes { whole in
            UnsafeMutableRawBufferPointer(rebasing: whole[at..<at + value.count]).copyMemory(from: value)
        }
    }

    /// Adds an attribute without a value: USE-CANDIDATE, DONT-FRAGMENT.
    public mutating func add(_ type: STUNAttribute, into bytes: inout MutableRawSpan) throws(STUNDefect) {
        _ = try reserve(type, 0, into: &bytes)
    }

    /// Adds a number of 32 bits.
    public mutating func add(
        _ type: STUNAttribute, _ value: UInt32, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        let at = try reserve(type, 4, into: &bytes)
        bytes.store(word32: value, at: at)
    }

    /// Adds a number of 64 bits.
    public mutating func add(
        _ type: STUNAttribute, _ value: UInt64, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        let at = try reserve(type, 8, into: &bytes)
        bytes.store(word64: value, at: at)
    }

    /// Adds an address, combined with cookie and transaction unless the type is one of those that are not (RFC 8489 §14.2).
    public mutating func add(
        _ type: STUNAttribute, _ address: STUNAddress, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        let isPlain = type == .mappedAddress || type == .alternateServer
        let cookie = isPlain ? 0 : STUNMessage.cookie
        let at = try reserve(type, address.isIPv6 ? 20 : 8, into: &bytes)
        bytes.store(word16: address.isIPv6 ? 2 : 1, at: at)
        bytes.store(word16: address.port ^ UInt16(truncatingIfNeeded: cookie >> 16), at: at + 2)
        guard address.isIPv6 else {
            return bytes.store(word32: UInt32(truncatingIfNeeded: address.lower) ^ cookie, at: at + 4)
        }
        let mask = isPlain ? 0 : UInt64(cookie) << 32 | UInt64(transaction.upper)
        bytes.store(word64: address.upper ^ mask, at: at + 4)
        bytes.store(word64: address.lower ^ (isPlain ? 0 : transaction.lower), at: at + 12)
    }

    /// Adds ERROR-CODE (RFC 8489 §14.8).
    public mutating func add(
        _ error: STUNErrorCode, reason: StaticString = "", into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        let size = reason.utf8CodeUnitCount
        let at = try reserve(.errorCode, 4 + size, into: &bytes)
        bytes.store(word16: 0, at: at)
        bytes.store(octet: UInt8(truncatingIfNeeded: error.rawValue / 100), at: at + 2)
        bytes.store(octet: UInt8(truncatingIfNeeded: error.rawValue % 100), at: at + 3)
        for index in 0..<size { bytes.store(octet: reason.utf8Start[index], at: at + 4 + index) }
    }

    /// Adds UNKNOWN-ATTRIBUTES (RFC 8489 §14.13).
    public mutating func add(
        unknown types: [STUNAttribute], into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        let at = try reserve(.unknownAttributes, 2 * types.count, into: &bytes)
        for (index, type) in types.enumerated() { bytes.store(word16: type.rawValue, at: at + 2 * index) }
    }

    /// Adds MESSAGE-INTEGRITY (RFC 8489 §14.5).
    public mutating func addIntegrity(
        _ key: STUNKey, _ hash: STUNHash, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        try prove(.messageIntegrity, 20, key, hash.hmacSHA1, into: &bytes)
    }

    /// Adds MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.6).
    public mutating func addIntegritySHA256(
        _ key: STUNKey, _ hash: STUNHash, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        try prove(.messageIntegritySHA256, 32, key, hash.hmacSHA256, into: &bytes)
    }

    /// Adds FINGERPRINT, which is the last attribute (RFC 8489 §14.7).
    public mutating func addFingerprint(into bytes: inout MutableRawSpan) throws(STUNDefect) {
        let at = try reserve(.fingerprint, 4, into: &bytes)
        let checksum = CRC32.checksum(bytes.bytes.extracting(0..<at - 4))
        bytes.store(word32: checksum ^ STUNMessage.fingerprintMask, at: at)
    }

    private mutating func prove(
        _ type: STUNAttribute, _ size: Int, _ key: STUNKey, _ function: STUNHash.Authentication,
        into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        // The length in the header is already that with this attribute.
        let at = try reserve(type, size, into: &bytes)
        bytes.withUnsafeMutableBytes { whole in
            let output = UnsafeMutableRawBufferPointer(rebasing: whole[at..<at + size])
            let header = UnsafeRawBufferPointer(rebasing: whole[..<STUNMessage.headerLength])
            let rest = UnsafeRawBufferPointer(rebasing: whole[STUNMessage.headerLength..<at - 4])
            key.octets.withUnsafeBytes { function($0, header, rest, output) }
        }
    }

    /// Writes the header of an attribute, its padding (zeros), and the new length of the message.
    ///
    /// - Returns: where the value belongs.
    private mutating func reserve(
        _ type: STUNAttribute, _ size: Int, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) -> Int {
        let at = length
        let end = at + 4 + (size + 3) & ~3
        guard end <= bytes.byteCount, end - STUNMessage.headerLength <= Int(UInt16.max) else { throw .noSpace }
        bytes.store(word16: type.rawValue, at: at)
        bytes.store(word16: UInt16(size), at: at + 2)
        if size % 4 != 0 { bytes.store(word32: 0, at: end - 4) }
        bytes.store(word16: UInt16(end - STUNMessage.headerLength), at: 2)
        length = end
        return at + 4
    }
}

extension STUNWriter {
    /// The most octets that a message of ours has.
    public static let largestMessage = 1_280

    /// A message in memory of its own, of at most ``largestMessage`` octets and what `room` adds; nil when it has no room.
    package static func message(
        _ kind: STUNClass, _ method: STUNMethod, _ transaction: STUNTransactionID, room: Int = 0,
        _ attributes: (inout STUNWriter, inout MutableRawSpan) throws -> Void
    ) -> [UInt8]? {
        var memory = [UInt8](repeating: 0, count: largestMessage + room)
        var length = 0
        do {
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            var writer = try STUNWriter(kind, method, transaction, into: &bytes)
            try attributes(&writer, &bytes)
            length = writer.length
        } catch { return nil }
        memory.removeLast(memory.count - length)
        return memory
    }
}
