/// Typed values of attributes; nil when an attribute is missing or has another size than it must.
extension STUNMessage {
    /// The octets of an attribute.
    public func octets(_ type: STUNAttribute, in bytes: RawSpan) -> [UInt8]? {
        guard let value = first(type, in: bytes) else { return nil }
        return bytes.array(value)
    }

    /// Whether an attribute is there.
    public func has(_ type: STUNAttribute, in bytes: RawSpan) -> Bool { first(type, in: bytes) != nil }

    /// A number of 32 bits: PRIORITY, LIFETIME, CONNECTION-ID.
    public func word32(_ type: STUNAttribute, in bytes: RawSpan) -> UInt32? {
        guard let value = first(type, in: bytes), value.count == 4 else { return nil }
        return bytes.word32(at: value.lowerBound)
    }

    /// A number of 64 bits: ICE-CONTROLLING, ICE-CONTROLLED, RESERVATION-TOKEN.
    public func word64(_ type: STUNAttribute, in bytes: RawSpan) -> UInt64? {
        guard let value = first(type, in: bytes), value.count == 8 else { return nil }
        return bytes.word64(at: value.lowerBound)
    }

    /// The first two of four octets: CHANNEL-NUMBER (RFC 8656 §18.1).
    public func word16(_ type: STUNAttribute, in bytes: RawSpan) -> UInt16? {
        guard let value = first(type, in: bytes), value.count == 4 else { return nil }
        return bytes.word16(at: value.lowerBound)
    }

    /// An address: MAPPED-ADDRESS, ALTERNATE-SERVER (RFC 8489 §14.1), or one of those whose names begin with XOR (§14.2).
    public func address(_ type: STUNAttribute, in bytes: RawSpan) -> STUNAddress? {
        guard let value = first(type, in: bytes) else { return nil }
        return address(type, at: value, in: bytes)
    }

    /// All addresses of a type: a CreatePermission request may have several (RFC 8656 §9.1).
    public func addresses(_ type: STUNAttribute, in bytes: RawSpan) -> [STUNAddress] {
        var found: [STUNAddress] = []
        var walk = attributes
        while let attribute = walk.next(in: bytes) {
            guard attribute.type == type, let address = address(type, at: attribute.value, in: bytes) else { continue }
            found.append(address)
        }
        return found
    }

    /// The address of an attribute whose value lies there.
    func address(_ type: STUNAttribute, at value: Range<Int>, in bytes: RawSpan) -> STUNAddress? {
        guard value.count >= 8 else { return nil }
        let isPlain = type == .mappedAddress || type == .alternateServer
        let at = value.lowerBound
        let cookie = isPlain ? 0 : Self.cookie
        let port = bytes.word16(at: at + 2) ^ UInt16(truncatingIfNeeded: cookie >> 16)
        switch (bytes.octet(at: at + 1), value.count) {
        case (1, 8): return STUNAddress(ip4: bytes.word32(at: at + 4) ^ cookie, port: port)
        case (2, 20):
            // The cookie and the transaction stand side by side in the header.
            let mask = isPlain ? 0 : UInt64(cookie) << 32 | UInt64(transaction.upper)
            return STUNAddress(
                isIPv6: true, upper: bytes.word64(at: at + 4) ^ mask,
                lower: bytes.word64(at: at + 12) ^ (isPlain ? 0 : transaction.lower), port: port)
        default: return nil
        }
    }

    /// ERROR-CODE (RFC 8489 §14.8).
    public func error(in bytes: RawSpan) -> STUNErrorCode? {
        guard let value = first(.errorCode, in: bytes), value.count >= 4 else { return nil }
        let hundreds = UInt16(bytes.octet(at: value.lowerBound + 2) & 7)
        let number = UInt16(bytes.octet(at: value.lowerBound + 3))
        guard (3...6).contains(hundreds), number < 100 else { return nil }
        return STUNErrorCode(rawValue: hundreds * 100 + number)
    }

    /// What an error response says of itself besides: at most 763 octets of UTF-8.
    public func reason(in bytes: RawSpan) -> [UInt8]? {
        guard let value = first(.errorCode, in: bytes), value.count >= 4, value.count <= 4 + 763 else { return nil }
        return bytes.array(value.dropFirst(4))
    }

    /// The most unknown attributes that are named to a peer.
    public static let namedUnknown = 16

    /// The attributes that must be understood and are not, at most ``namedUnknown`` (RFC 8489 §6.3.1).
    public func unknown(besides known: Set<STUNAttribute>, in bytes: RawSpan) -> [STUNAttribute] {
        var unknown: [STUNAttribute] = []
        var walk = attributes
        while unknown.count < Self.namedUnknown, let attribute = walk.next(in: bytes) {
            if attribute.type.isComprehensionRequired, !known.contains(attribute.type) {
                unknown.append(attribute.type)
            }
        }
        return unknown
    }

    /// What UNKNOWN-ATTRIBUTES of a 420 names (RFC 8489 §14.13).
    public func unknownAttributes(in bytes: RawSpan) -> [STUNAttribute] {
        guard let value = first(.unknownAttributes, in: bytes) else { return [] }
        var types: [STUNAttribute] = []
        for offset in stride(from: value.lowerBound, to: value.upperBound - 1, by: 2) {
            guard types.count < Self.namedUnknown else { break }
            types.append(STUNAttribute(rawValue: bytes.word16(at: offset)))
        }
        return types
    }
}
