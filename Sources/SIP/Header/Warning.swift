/// One value of Warning, typed in place (RFC 3261 §20.43).
@frozen
public struct WarningIndex: Sendable {
    /// The code, three digits: 300 to 399 are SIP's.
    public var code: UInt16
    /// The host or pseudonym of who warns.
    public var agent: ByteRange
    /// The text with its quotes.
    public var text: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        guard let number = cursor.takeNumber(maximum: 999), cursor.at == range.lowerBound &+ 3,
            cursor.peek.isLinearWhitespace
        else { throw Self.malformed }
        code = UInt16(truncatingIfNeeded: number)
        cursor.skipWhitespace()
        let first = cursor.at
        while !cursor.isAtEnd, !cursor.peek.isLinearWhitespace { cursor.at &+= 1 }
        agent = ByteRange(first, cursor.at)
        cursor.skipWhitespace()
        guard !agent.isEmpty, let quoted = cursor.takeQuotedString(), cursor.isAtEnd else { throw Self.malformed }
        text = quoted
    }

    private static var malformed: MessageDefect {
        MessageDefect(.headerValue, "The warning is malformed", header: .warning)
    }
}

/// A warning to keep or to build (RFC 3261 §20.43).
public struct Warning: Hashable, Sendable {
    /// The code, 100 to 999: 300 to 399 are SIP's.
    public var code: UInt16
    /// The host, with its port, or pseudonym of who warns.
    public var agent: String
    /// What to tell the user.
    public var text: String

    public init(_ code: UInt16, agent: String, _ text: String) {
        self.code = min(max(code, 100), 999)
        self.agent = agent
        self.text = text
    }

    /// Keeps a warning of a message.
    public init(_ view: MessageView, _ index: WarningIndex) {
        code = index.code
        agent = view.text(index.agent)
        text = NameAddress.unquote(view.text(index.text))
    }
}

extension Warning: CustomStringConvertible {
    /// The value on the wire.
    public var description: String { "\(code) \(agent) \(NameAddress.quote(text))" }
}

extension MessageView {
    /// A value of Warning.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public func warning(_ range: ByteRange) throws(MessageDefect) -> WarningIndex { try WarningIndex(base, range) }
}
