/// A host and an optional port, as in URIs and Via (`hostport`, RFC 3261 §25.1, with the addresses of RFC 5954 §4.1).
struct HostPort {
    var host: ByteRange
    var port: UInt16
    var hasPort: Bool

    /// Consumes host and port; nil when there is none, or it is neither a name nor an address.
    @inline(__always)
    init?(_ cursor: inout Cursor) {
        let start = cursor.at
        host = cursor.take(run: .host)
        if host.isEmpty {
            guard let reference = Self.takeReference(&cursor) else { return nil }
            host = reference
        } else if cursor.base[cursor.at &- 1].isDigit {
            guard Self.isNameOrAddress(cursor.base, start, cursor.at) else { return nil }
        }
        port = 0
        hasPort = false
        if cursor.peek == UInt8(ascii: ":") {
            cursor.at &+= 1
            guard let number = cursor.takeNumber(maximum: 65_535) else { return nil }
            port = UInt16(truncatingIfNeeded: number)
            hasPort = true
        }
    }

    /// Consumes an IPv6 address in brackets.
    private static func takeReference(_ cursor: inout Cursor) -> ByteRange? {
        guard cursor.peek == UInt8(ascii: "[") else { return nil }
        let start = cursor.at
        var end = start &+ 1
        while end < cursor.end, cursor.base[end] != UInt8(ascii: "]") {
            // 45 characters are the longest address; what is longer need not be looked through.
            if end &- start > 64 { return nil }
            end &+= 1
        }
        guard end < cursor.end, AddressLiteral(v6: cursor.base, start &+ 1, end) != nil else { return nil }
        cursor.at = end &+ 1
        return ByteRange(start, end &+ 1)
    }

    /// Whether a host that ends with a digit is a name, or an IPv4 address with octets in their range.
    ///
    /// The last label of a name is not a number, so that "444.555.666.777" is neither (RFC 5954 §4.1).
    private static func isNameOrAddress(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var i = end &- 1
        while i >= start, base[i].isDigit { i &-= 1 }
        if i >= start, base[i] != UInt8(ascii: ".") { return true }
        return AddressLiteral.v4(base, start, end) != nil
    }
}
