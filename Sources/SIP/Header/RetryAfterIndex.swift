/// The value of Retry-After, typed in place (RFC 3261 §20.33).
@frozen
public struct RetryAfterIndex: Sendable {
    /// Seconds to wait; greater values than 2**32-1 count as that, since no range is defined.
    public var seconds: UInt32
    /// The comment without its parentheses; empty when there is none.
    public var comment: ByteRange
    /// Seconds that the callee will be reachable for; nil when nothing is said.
    public var duration: UInt32?

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        guard let number = cursor.takeSaturatingNumber(maximum: UInt64(UInt32.max)) else { throw Self.malformed }
        seconds = UInt32(truncatingIfNeeded: number)
        comment = .none
        duration = nil
        cursor.skipWhitespace()
        if cursor.peek == UInt8(ascii: "(") {
            guard let found = Self.takeComment(base, &cursor) else { throw Self.malformed }
            comment = found
        }
        var rest = ParameterCursor(cursor)
        var span: UInt32?
        try rest.finish(.retryAfter) { parameter throws(MessageDefect) in
            guard ShortToken(base, parameter.name) == ShortToken("duration") else { return }
            var digits = Cursor(base, parameter.value)
            guard let number = digits.takeSaturatingNumber(maximum: UInt64(UInt32.max)), digits.isAtEnd else {
                throw Self.malformed
            }
            span = UInt32(truncatingIfNeeded: number)
        }
        duration = span
    }

    /// `comment`: parentheses may stand within each other, and a backslash takes the byte after it along.
    private static func takeComment(_ base: UnsafePointer<UInt8>, _ cursor: inout Cursor) -> ByteRange? {
        let start = cursor.at &+ 1
        var depth = 0
        while !cursor.isAtEnd {
            switch base[cursor.at] {
            case UInt8(ascii: "("): depth &+= 1
            case UInt8(ascii: ")"): depth &-= 1
            case UInt8(ascii: "\\"): cursor.at &+= 1
            default: break
            }
            cursor.at &+= 1
            if depth == 0 { return ByteRange(start, cursor.at &- 1) }
        }
        return nil
    }

    private static var malformed: MessageDefect {
        MessageDefect(.headerValue, "Retry-After is malformed", header: .retryAfter)
    }
}

extension MessageView {
    /// Retry-After, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var retryAfter: RetryAfterIndex? {
        get throws(MessageDefect) {
            guard let value = value(of: .retryAfter) else { return nil }
            return try RetryAfterIndex(base, value)
        }
    }
}

extension MessageView {
    /// How long the sender wants not to be asked again; nil when it does not say, or not in the way of RFC 3261 §20.33. What stands
    /// behind the number is put aside.
    public var retryTime: Duration? {
        guard let value = value(of: .retryAfter) else { return nil }
        var cursor = Cursor(base, value)
        return cursor.takeNumber(maximum: UInt64(UInt32.max)).map { .seconds(Int64($0)) }
    }
}
