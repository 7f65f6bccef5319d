/// The value of Timestamp, typed in place (RFC 3261 §20.38).
@frozen
public struct TimestampIndex: Sendable {
    /// When the request was sent, by the sender's clock; nanoseconds are the finest that is kept.
    public var time: Duration
    /// How long the answer waited before it was sent; zero when nothing is said.
    public var delay: Duration
    /// The time as written, without the delay; what a response repeats (RFC 3261 §8.2.6.1).
    public var timeRange: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        guard cursor.peek.isDigit, let first = Self.takeDecimal(&cursor) else { throw Self.malformed }
        time = first
        timeRange = ByteRange(range.lowerBound, cursor.at)
        delay = .zero
        if cursor.isAtEnd { return }
        guard cursor.peek.isLinearWhitespace else { throw Self.malformed }
        cursor.skipWhitespace()
        guard let second = Self.takeDecimal(&cursor), cursor.isAtEnd else { throw Self.malformed }
        delay = second
    }

    /// `*(DIGIT) [ "." *(DIGIT) ]`; nil when there is neither digit nor point, or more than 2**53 seconds.
    private static func takeDecimal(_ cursor: inout Cursor) -> Duration? {
        let start = cursor.at
        let seconds = cursor.peek.isDigit ? cursor.takeNumber(maximum: 1 << 53) : 0
        guard let seconds else { return nil }
        var nanoseconds: Int64 = 0
        if cursor.skip(UInt8(ascii: ".")) {
            var weight: Int64 = 100_000_000
            while !cursor.isAtEnd, cursor.peek.isDigit {
                nanoseconds += Int64(cursor.peek &- 0x30) * weight
                weight /= 10
                cursor.at &+= 1
            }
        }
        guard cursor.at > start else { return nil }
        return .seconds(Int64(seconds)) + .nanoseconds(nanoseconds)
    }

    private static var malformed: MessageDefect {
        MessageDefect(.headerValue, "The timestamp is malformed", header: .timestamp)
    }
}

extension MessageView {
    /// Timestamp, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var timestamp: TimestampIndex? {
        get throws(MessageDefect) {
            guard let value = value(of: .timestamp) else { return nil }
            return try TimestampIndex(base, value)
        }
    }
}
