#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One value of From, To, Contact, Route and the like, typed in place: `name-addr` or `addr-spec` with header
/// parameters (RFC 3261 §20.10, §25.1).
@frozen
public struct AddressIndex: Sendable {
    /// The whole value.
    public var whole = ByteRange.none
    /// The display name as written, with quotes when it is quoted; empty when absent.
    public var displayName = ByteRange.none
    /// The URI without its angle brackets; empty for "*".
    public var uri = ByteRange.none
    /// The header parameters from the first ";" on; empty when there are none.
    public var parameters = ByteRange.none
    /// The value of the tag parameter; empty when absent.
    public var tag = ByteRange.none
    /// Whether the URI stands in angle brackets.
    public var hasBrackets = false
    /// Whether the value is the "*" of a Contact.
    public var isWildcard = false

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        whole = range
        var cursor = Cursor(base, range)
        if cursor.peek == UInt8(ascii: "*"), range.count == 1 {
            isWildcard = true
            return
        }
        try parseURI(base, &cursor)
        // Nothing at all behind the URI is usual in Route and To.
        parameters = ByteRange(cursor.at, cursor.at)
        if cursor.isAtEnd { return }
        cursor.skipWhitespace()
        parameters = ByteRange(cursor.at, range.upperBound)
        var rest = ParameterCursor(cursor)
        while let parameter = try rest.next() {
            if parameter.name.count == 3, ShortToken(base, parameter.name) == ShortToken("tag") {
                guard tag.isEmpty else { throw MessageDefect(.headerValue, "There is more than one tag") }
                tag = parameter.value
            }
        }
        rest.cursor.skipWhitespace()
        guard rest.cursor.isAtEnd else {
            throw MessageDefect(.headerValue, "Something stands behind the address where only parameters may")
        }
    }

    @inline(__always)
    private mutating func parseURI(_ base: UnsafePointer<UInt8>, _ cursor: inout Cursor) throws(MessageDefect) {
        let first = cursor.peek
        if first != UInt8(ascii: "<") {
            if first == UInt8(ascii: "\"") {
                try parseQuotedName(&cursor)
            } else {
                guard try parseUnquotedName(base, &cursor) else { return try parseBareURI(base, &cursor) }
            }
        }
        cursor.at &+= 1
        let start = cursor.at
        // A "<" before the ">" is in no URI; typing that finds it.
        guard start < cursor.end, let bracket = memchr(base + start, 0x3E, cursor.end &- start) else {
            throw MessageDefect(.headerValue, "The angle bracket around the URI is not closed")
        }
        cursor.at = UnsafeRawPointer(bracket) - UnsafeRawPointer(base)
        uri = ByteRange(start, cursor.at)
        guard !uri.isEmpty else { throw MessageDefect(.headerValue, "There is no URI between the angle brackets") }
        hasBrackets = true
        cursor.at &+= 1
    }

    /// Consumes a quoted display name and the white space behind it, up to the "<".
    @inline(__always)
    private mutating func parseQuotedName(_ cursor: inout Cursor) throws(MessageDefect) {
        guard let quoted = cursor.takeQuotedString() else {
            throw MessageDefect(.headerValue, "The quoted display name is not closed")
        }
        displayName = quoted
        cursor.skipWhitespace()
        guard cursor.peek == UInt8(ascii: "<") else {
            throw MessageDefect(.headerValue, "Behind a display name the URI must stand in angle brackets")
        }
    }

    /// Consumes the tokens of a display name up to the "<"; false, and nothing consumed, when all is an `addr-spec`.
    ///
    /// No white space is needed before the "<" (RFC 4475 §3.1.1.6). Bytes of 0x80 and above are tolerated.
    private mutating func parseUnquotedName(
        _ base: UnsafePointer<UInt8>, _ cursor: inout Cursor
    ) throws(MessageDefect) -> Bool {
        let start = cursor.at
        var scan = start
        scan: while scan < cursor.end {
            switch base[scan] {
            case UInt8(ascii: "<"): break scan
            case UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "\""): return false
            default: scan &+= 1
            }
        }
        guard scan < cursor.end else { return false }
        var nameEnd = scan
        while nameEnd > start, base[nameEnd &- 1].isLinearWhitespace { nameEnd &-= 1 }
        displayName = ByteRange(start, nameEnd)
        for i in start..<nameEnd
        where !ByteClass.token.contains(base[i]) && !base[i].isLinearWhitespace && base[i] < 0x80 {
            throw MessageDefect(.headerValue, "An unquoted display name holds a character that is no token")
        }
        cursor.at = scan
        return true
    }

    /// Without brackets, ";" and what follows are header parameters; "?" and "," are not allowed (RFC 3261 §20.10).
    private mutating func parseBareURI(_ base: UnsafePointer<UInt8>, _ cursor: inout Cursor) throws(MessageDefect) {
        let start = cursor.at
        while cursor.at < cursor.end, base[cursor.at] != UInt8(ascii: ";"), !base[cursor.at].isLinearWhitespace {
            if base[cursor.at] == UInt8(ascii: "?") || base[cursor.at] == UInt8(ascii: ",") {
                throw MessageDefect(.headerValue, "A URI with \"?\" or \",\" must stand in angle brackets")
            }
            cursor.at &+= 1
        }
        uri = ByteRange(start, cursor.at)
        guard !uri.isEmpty else { throw MessageDefect(.headerValue, "There is no URI") }
    }
}
