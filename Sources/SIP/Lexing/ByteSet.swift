/// A set of ASCII characters, tested in a few instructions and without memory access.
///
/// Bytes of 0x80 and above are in none of the sets; productions that allow UTF-8 say so where they use one.
@frozen
public struct ByteSet: Sendable {
    @usableFromInline let low: UInt64
    @usableFromInline let high: UInt64

    @inlinable
    init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Whether `byte` is in the set.
    @inlinable @inline(__always)
    public func contains(_ byte: UInt8) -> Bool {
        let word = byte & 0x40 == 0 ? low : high
        return byte < 0x80 && (word &>> UInt64(byte & 0x3F)) & 1 == 1
    }

    /// `token` (RFC 3261 §25.1).
    @inlinable public static var token: ByteSet { ByteSet(low: 0x03FF_6CA2_0000_0000, high: 0x47FF_FFFF_87FF_FFFE) }

    /// `word`, the characters of a Call-ID around its "@" (RFC 3261 §25.1).
    @inlinable public static var word: ByteSet { ByteSet(low: 0xD7FF_EFA6_0000_0000, high: 0x6FFF_FFFF_BFFF_FFFE) }

    /// Characters of a host name or IPv4 address; "_" is tolerated because service names carry it.
    @inlinable public static var host: ByteSet { ByteSet(low: 0x03FF_6000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE) }

    /// `user` with "%" of its escapes (RFC 3261 §25.1); "#" is tolerated, as dialled numbers carry it.
    @inlinable public static var user: ByteSet { ByteSet(low: 0xABFF_FFFA_0000_0000, high: 0x47FF_FFFE_87FF_FFFE) }

    /// `password` with "%" of its escapes (RFC 3261 §25.1).
    @inlinable public static var password: ByteSet { ByteSet(low: 0x23FF_7FF2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE) }

    /// `paramchar` of a URI parameter with "%" (RFC 3261 §25.1).
    @inlinable
    public static var uriParameter: ByteSet { ByteSet(low: 0x07FF_EFF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE) }

    /// Characters of the headers part of a URI, its "&" and "=" included (RFC 3261 §25.1).
    @inlinable
    public static var uriHeader: ByteSet { ByteSet(low: 0xA7FF_EFF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE) }

    /// `unreserved`: what needs no escape wherever it stands in a URI (RFC 3261 §25.1).
    @inlinable
    public static var unreserved: ByteSet { ByteSet(low: 0x03FF_6782_0000_0000, high: 0x47FF_FFFE_87FF_FFFE) }

    /// `token` and the characters of an IPv6 reference: an unquoted `gen-value` (RFC 3261 §25.1).
    @inlinable
    public static var parameterValue: ByteSet { ByteSet(low: 0x07FF_6CA2_0000_0000, high: 0x47FF_FFFF_AFFF_FFFE) }

    /// `HEXDIG`, both cases.
    @inlinable public static var hex: ByteSet { ByteSet(low: 0x03FF_0000_0000_0000, high: 0x0000_007E_0000_007E) }
}

extension UInt8 {
    /// The byte with an ASCII capital made small.
    @inlinable @inline(__always)
    var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// Whether the byte is an ASCII digit.
    @inlinable @inline(__always)
    var isDigit: Bool { self &- 0x30 < 10 }

    /// Whether the byte separates tokens: space, tab, or part of a folded line end.
    @inlinable @inline(__always)
    var isLinearWhitespace: Bool { self == 0x20 || self == 0x09 || self == 0x0D || self == 0x0A }

    /// The value of a hexadecimal digit, or nil.
    @inlinable
    var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let small = self | 0x20
        return small >= 0x61 && small <= 0x66 ? small &- 0x57 : nil
    }
}
