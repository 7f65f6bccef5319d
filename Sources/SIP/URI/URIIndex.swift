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
        var cursor = Cursor(base, range)
        // The two schemes of nearly all messages first.
        if range.count > 4 {
            let word = base.smallWord(at: cursor.at)
            if word == Self.sipColon, base[cursor.at &+ 3] == UInt8(ascii: ":") {
                scheme = .sip
                cursor.at &+= 4
                try parseSIP(&cursor)
                return
            }
            if word == Self.sips, base[cursor.at &+ 4] == UInt8(ascii: ":") {
                scheme = .sips
                cursor.at &+= 5
                try parseSIP(&cursor)
                return
            }
        }
        try parseOther(base, cursor.at, cursor.end)
    }

    /// "sip:" and "sips" as little-endian words.
    private static var sipColon: UInt32 { 0x3A70_6973 }
    private static var sips: UInt32 { 0x7370_6973 }

    @inline(__always)
    private mutating func parseSIP(_ cursor: inout Cursor) throws(MessageDefect) {
        try parseUserInfo(&cursor)
        guard let found = HostPort(&cursor) else { throw MessageDefect(.uri, "The host of the URI is malformed") }
        host = found.host
        hasPort = found.hasPort
        port = found.port
        if cursor.isAtEnd { return }
        if cursor.peek == UInt8(ascii: ";") {
            let first = cursor.at
            try Self.take(.uriParameters, &cursor)
            parameters = ByteRange(first, cursor.at)
        }
        if cursor.skip(UInt8(ascii: "?")) {
            headers = ByteRange(cursor.at, cursor.end)
            while !cursor.isAtEnd {
                if cursor.peek == UInt8(ascii: "%") { try Self.checkEscape(cursor) }
                guard ByteSet.uriHeader.contains(cursor.peek) else { break }
                cursor.at &+= 1
            }
        }
        guard cursor.isAtEnd else {
            throw MessageDefect(.uri, "A character stands in the URI where none is allowed")
        }
    }

    /// Consumes user, password and "@" where they are; "@" stands in no other part, so that the first one ends them.
    @inline(__always)
    private mutating func parseUserInfo(_ cursor: inout Cursor) throws(MessageDefect) {
        let start = cursor.at
        var ahead = cursor
        do throws(MessageDefect) {
            try Self.take(.user, &ahead)
        } catch {
            // A broken escape is the user's when an "@" follows; behind a host it is found again.
            guard Self.hasUserInfo(cursor) else { return }
            throw error
        }
        let name = ByteRange(start, ahead.at)
        switch ahead.peek {
        case UInt8(ascii: "@"):
            break
        case UInt8(ascii: ":"):
            // A password, or the port behind a host.
            guard Self.hasUserInfo(ahead) else { return }
            ahead.at &+= 1
            let first = ahead.at
            while ahead.peek != UInt8(ascii: "@") {
                if ahead.peek == UInt8(ascii: "%") { try Self.checkEscape(ahead) }
                guard ByteSet.password.contains(ahead.peek) else { throw Self.unescapedUser }
                ahead.at &+= 1
            }
            password = ByteRange(first, ahead.at)
        default:
            guard Self.hasUserInfo(ahead) else { return }
            throw Self.unescapedUser
        }
        guard !name.isEmpty else { throw MessageDefect(.uri, "The user part of the URI is empty") }
        user = name
        cursor.at = ahead.at &+ 1
    }

    private static var unescapedUser: MessageDefect {
        MessageDefect(.uri, "The user part holds a character that must be escaped")
    }

    private static func hasUserInfo(_ cursor: Cursor) -> Bool {
        for i in cursor.at..<max(cursor.at, cursor.end) where cursor.base[i] == UInt8(ascii: "@") { return true }
        return false
    }

    /// Consumes characters of a class, and escapes.
    @inline(__always)
    private static func take(_ characters: ByteClass, _ cursor: inout Cursor) throws(MessageDefect) {
        while true {
            _ = cursor.take(run: characters)
            guard cursor.peek == UInt8(ascii: "%") else { return }
            try checkEscape(cursor)
            cursor.at &+= 3
        }
    }

    private static func checkEscape(_ cursor: Cursor) throws(MessageDefect) {
        guard cursor.at &+ 2 < cursor.end, ByteClass.hex.contains(cursor.base[cursor.at &+ 1]),
            ByteClass.hex.contains(cursor.base[cursor.at &+ 2])
        else { throw MessageDefect(.uri, "An escape in the URI lacks its two hexadecimal digits") }
    }

    private mutating func parseOther(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(MessageDefect) {
        var cursor = Cursor(base, from: start, to: end)
        let name = cursor.take(run: .token)
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
