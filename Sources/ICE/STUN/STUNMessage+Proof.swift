/// The checks of MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT.
extension STUNMessage {
    /// Whether FINGERPRINT is there and right (RFC 8489 §14.7).
    public func isFingerprintRight(in bytes: RawSpan) -> Bool {
        guard let fingerprint, fingerprint + 8 <= bytes.byteCount else { return false }
        // Nothing stands behind it, so that the length in the header is that which was hashed.
        let checksum = CRC32.checksum(bytes.extracting(0..<fingerprint))
        return checksum ^ Self.fingerprintMask == bytes.word32(at: fingerprint + 4)
    }

    /// What a CRC-32 is combined with, so that it is not that of another protocol (RFC 8489 §14.7).
    static let fingerprintMask: UInt32 = 0x5354_554E

    /// Whether MESSAGE-INTEGRITY is there and made with the key (RFC 8489 §14.5).
    public func isProven(by key: STUNKey, _ hash: STUNHash, in bytes: RawSpan) -> Bool {
        guard let integrity else { return false }
        return isProven(integrity, size: 20, key, hash.hmacSHA1, in: bytes)
    }

    /// Whether MESSAGE-INTEGRITY-SHA256 is there and made with the key (RFC 8489 §14.6).
    public func isProvenBySHA256(_ key: STUNKey, _ hash: STUNHash, in bytes: RawSpan) -> Bool {
        guard let integritySHA256 else { return false }
        return isProven(integritySHA256, size: 32, key, hash.hmacSHA256, in: bytes)
    }

    /// The header is hashed as if the message ended with the attribute.
    private func isProven(
        _ offset: Int, size: Int, _ key: STUNKey, _ function: STUNHash.Authentication, in bytes: RawSpan
    ) -> Bool {
        guard offset + 4 + size <= bytes.byteCount else { return false }
        let counted = UInt16(truncatingIfNeeded: offset + 4 + size - Self.headerLength)
        var difference: UInt8 = 0
        bytes.withUnsafeBytes { whole in
            withUnsafeTemporaryAllocation(byteCount: Self.headerLength + size, alignment: 8) { memory in
                let header = UnsafeMutableRawBufferPointer(rebasing: memory[..<Self.headerLength])
                let output = UnsafeMutableRawBufferPointer(rebasing: memory[Self.headerLength...])
                header.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[..<Self.headerLength]))
                header[2] = UInt8(truncatingIfNeeded: counted >> 8)
                header[3] = UInt8(truncatingIfNeeded: counted)
                let rest = UnsafeRawBufferPointer(rebasing: whole[Self.headerLength..<offset])
                key.octets.withUnsafeBytes { function($0, UnsafeRawBufferPointer(header), rest, output) }
                // All octets are compared, so that time tells nothing of them.
                for index in 0..<size { difference |= output[index] ^ whole[offset + 4 + index] }
            }
        }
        return difference == 0
    }
}

/// The CRC-32 of ITU-T V.42, which FINGERPRINT is made of (RFC 8489 §14.7).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func checksum(_ bytes: RawSpan) -> UInt32 {
        bytes.withUnsafeBytes { octets in
            table.withUnsafeBufferPointer { table in
                var value = ~(0 as UInt32)
                for octet in octets { value = value >> 8 ^ table[Int(UInt8(truncatingIfNeeded: value) ^ octet)] }
                return ~value
            }
        }
    }
}
