/// Where the parts of a URI are in the message or text that holds it.
///
/// SIP and SIPS URIs (RFC 3261 §19.1) and tel URIs (RFC 3966) are taken apart; of others the scheme alone is known.
@frozen
public struct URIIndex: Sendable {
    /// The scheme of a URI.
    @frozen
    public enum Scheme: UInt8, Sendable {
        case sip, sips, tel, other
    }

    /// The scheme.
    public var scheme: Scheme
    /// Whether there is a port; `port` is 0 otherwise.
    public var hasPort: Bool
    /// The port, or 0 when none is written.
    public var port: UInt16
    /// The whole URI.
    public var whole: ByteRange
    /// The user part with its escapes, or the number of a tel URI; empty when absent.
    public var user: ByteRange
    /// The password; empty when absent.
    public var password: ByteRange
    /// The host; an IPv6 reference with its brackets.
    public var host: ByteRange
    /// The parameters from the first ";" on; empty when there are none.
    public var parameters: ByteRange
    /// The headers behind "?"; empty when there are none.
    public var headers: ByteRange

    /// Whether the scheme is sip or sips.
    @inlinable public var isSIP: Bool { scheme == .sip || scheme == .sips }
}

extension URIIndex {
    /// Parses the URI that is the whole of `range`.
    ///
    /// - Throws: `MessageDefect` with code `uri`.
    @usableFromInline
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        whole = range
        user = .none
        password = .none
        host = .none
        parameters = .none
        headers = .none
        port = 0
        hasPort = false
        scheme = .other
        let end = range.upperBound
        var at = range.lowerBound
        // The two schemes of nearly all messages first.
        if range.count > 4, base[at] | 0x20 == 0x73, base[at &+ 1] | 0x20 == 0x69, base[at &+ 2] | 0x20 == 0x70 {
            if base[at &+ 3] == 0x3A {
                scheme = .sip
                at &+= 4
                try parseSIP(base, at, end)
                return
            }
            if base[at &+ 3] | 0x20 == 0x73, base[at &+ 4] == 0x3A {
                scheme = .sips
                at &+= 5
                try parseSIP(base, at, end)
                return
            }
        }
        try parseOther(base, at, end)
    }

    private mutating func parseSIP(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(MessageDefect) {
        var at = start
        // The user: "@" stands in no other part, so that the first one ends it.
        var scan = start
        while scan < end, base[scan] != UInt8(ascii: "@") {
            if !ByteSet.user.contains(base[scan]), base[scan] != UInt8(ascii: ":") { break }
            scan &+= 1
        }
        if scan < end, base[scan] == UInt8(ascii: "@") {
            try parseUserInfo(base, at, scan)
            at = scan &+ 1
        }
        try parseHostPort(base, &at, end)
        if at < end, base[at] == UInt8(ascii: ";") {
            let first = at
            while at < end, base[at] != UInt8(ascii: "?") {
                let byte = base[at]
                guard ByteSet.uriParameter.contains(byte) || byte == 0x3B || byte == 0x3D else {
                    throw MessageDefect(.uri, "A URI parameter holds a character that must be escaped")
                }
                at &+= 1
            }
            parameters = ByteRange(first, at)
        }
        if at < end, base[at] == UInt8(ascii: "?") {
            headers = ByteRange(at &+ 1, end)
            at &+= 1
            while at < end {
                guard ByteSet.uriHeader.contains(base[at]) else {
                    throw MessageDefect(.uri, "A header in the URI holds a character that must be escaped")
                }
                at &+= 1
            }
        }
        if at < end { throw MessageDefect(.uri, "A character stands in the URI where none is allowed") }
    }

    private mutating func parseUserInfo(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(MessageDefect) {
        var cursor = Cursor(base, from: start, to: end)
        user = cursor.take(.user)
        guard !user.isEmpty else { throw MessageDefect(.uri, "The user part of the URI is empty") }
        if cursor.skip(UInt8(ascii: ":")) { password = cursor.take(.password) }
        guard cursor.isAtEnd else { throw MessageDefect(.uri, "The user part holds a character that must be escaped") }
        try Self.checkEscapes(base, user)
        try Self.checkEscapes(base, password)
    }

    @inline(__always)
    private static func checkEscapes(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var i = range.lowerBound
        let end = range.upperBound
        while i < end {
            if base[i] == UInt8(ascii: "%") {
                guard i &+ 2 < end, ByteSet.hex.contains(base[i &+ 1]), ByteSet.hex.contains(base[i &+ 2]) else {
                    throw MessageDefect(.uri, "An escape in the URI lacks its two hexadecimal digits")
                }
            }
            i &+= 1
        }
    }

    private mutating func parseHostPort(
        _ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int
    ) throws(MessageDefect) {
        var cursor = Cursor(base, from: at, to: end)
        guard let found = HostPort(&cursor) else { throw MessageDefect(.uri, "The host of the URI is malformed") }
        host = found.host
        hasPort = found.hasPort
        port = found.port
        at = cursor.at
    }

    private mutating func parseOther(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(MessageDefect) {
        var cursor = Cursor(base, from: start, to: end)
        let name = cursor.take(.token)
        guard !name.isEmpty, base[name.lowerBound] | 0x20 &- 0x61 < 26, cursor.skip(UInt8(ascii: ":")),
            !cursor.isAtEnd
        else { throw MessageDefect(.uri, "The URI has no scheme") }
        for i in cursor.at..<end where base[i] <= 0x20 || base[i] == 0x7F || base[i] == 0x3C || base[i] == 0x3E {
            throw MessageDefect(.uri, "The URI holds white space, a control character or an angle bracket")
        }
        guard equalIgnoringCase(base, name, "tel") else { return }
        scheme = .tel
        let number = cursor.at
        while cursor.at < end, base[cursor.at] != UInt8(ascii: ";") {
            guard Self.isPhoneDigit(base[cursor.at]) else {
                throw MessageDefect(.uri, "The number of the tel URI holds a character that is no digit")
            }
            cursor.at &+= 1
        }
        user = ByteRange(number, cursor.at)
        parameters = ByteRange(cursor.at, end)
        guard !user.isEmpty else { throw MessageDefect(.uri, "The tel URI has no number") }
    }

    /// `phonedigit-hex`, "+" and the visual separators (RFC 3966 §3).
    private static func isPhoneDigit(_ byte: UInt8) -> Bool {
        if byte.hexValue != nil { return true }
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "*"), UInt8(ascii: "#"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "("), UInt8(ascii: ")"):
            return true
        default: return false
        }
    }
}

/// A host and an optional port, as in URIs and Via (`hostport`, RFC 3261 §25.1).
@frozen
@usableFromInline
struct HostPort {
    @usableFromInline var host: ByteRange
    @usableFromInline var port: UInt16
    @usableFromInline var hasPort: Bool

    /// Consumes host and port; nil when there is none or its characters are wrong.
    @inline(__always)
    init?(_ cursor: inout Cursor) {
        if cursor.peek == UInt8(ascii: "[") {
            let start = cursor.at
            cursor.at &+= 1
            while !cursor.isAtEnd, cursor.peek != UInt8(ascii: "]") {
                let byte = cursor.peek
                guard ByteSet.hex.contains(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") else {
                    return nil
                }
                cursor.at &+= 1
            }
            guard cursor.skip(UInt8(ascii: "]")), cursor.at &- start > 3 else { return nil }
            host = ByteRange(start, cursor.at)
        } else {
            host = cursor.take(.host)
            guard !host.isEmpty else { return nil }
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
}
