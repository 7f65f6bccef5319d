/// One value of Reason, typed in place: why a request was sent, or a call ended (RFC 3326).
@frozen
public struct ReasonIndex: Sendable {
    /// Whose codes the cause is one of.
    @frozen
    public enum Space: UInt8, Sendable {
        /// SIP status codes.
        case sip
        /// Causes of ITU-T Q.850.
        case q850
        case other
    }

    /// Whose codes the cause is one of.
    public var space: Space
    /// The protocol as written.
    public var name: ByteRange
    /// The cause; nil when none is stated, or one beyond 65535.
    public var cause: UInt16?
    /// The text with its quotes; empty when there is none.
    public var text: ByteRange
    /// The parameters from the first ";" on.
    public var parameters: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        name = cursor.take(run: .token)
        guard !name.isEmpty else { throw MessageDefect(.headerValue, "The reason has no protocol", header: .reason) }
        let token = ShortToken(base, name)
        space = token == ShortToken("sip") ? .sip : token == ShortToken("q.850") ? .q850 : .other
        text = .none
        cause = nil
        parameters = ByteRange(cursor.at, range.upperBound)
        var rest = ParameterCursor(cursor)
        var foundCause: UInt16?
        var foundText = ByteRange.none
        try rest.finish(.reason) { parameter throws(MessageDefect) in
            switch ShortToken(base, parameter.name) {
            case ShortToken("cause"):
                var digits = Cursor(base, parameter.value)
                if let number = digits.takeNumber(maximum: UInt64(UInt16.max)), digits.isAtEnd {
                    foundCause = UInt16(truncatingIfNeeded: number)
                }
            case ShortToken("text"): foundText = parameter.value
            default: break
            }
        }
        cause = foundCause
        text = foundText
    }
}

/// A reason to keep or to build (RFC 3326).
public struct Reason: Hashable, Sendable {
    /// The protocol whose codes the cause is one of: "SIP", "Q.850" or another.
    public var name: String
    /// The cause, a status code for SIP.
    public var cause: UInt16?
    /// What to tell the user; nil when nothing is said.
    public var text: String?

    public init(_ name: String, cause: UInt16? = nil, text: String? = nil) {
        self.name = name
        self.cause = cause
        self.text = text
    }

    /// The reason of a SIP status, with its registered phrase unless another text is given.
    public init(_ status: StatusCode, text: String? = nil) {
        self.init("SIP", cause: status.rawValue, text: text ?? String(describing: status.reasonPhrase))
    }

    /// Keeps a reason of a message.
    public init(_ view: MessageView, _ index: ReasonIndex) {
        name = view.text(index.name)
        cause = index.cause
        text = index.text.isEmpty ? nil : NameAddress.unquote(view.text(index.text))
    }

    /// The SIP status that the reason states, nil for other protocols.
    public var status: StatusCode? {
        guard name.lowercased() == "sip", let cause else { return nil }
        return StatusCode(rawValue: cause)
    }
}

extension Reason: CustomStringConvertible {
    /// The value on the wire.
    public var description: String {
        name + (cause.map { ";cause=\($0)" } ?? "") + (text.map { ";text=" + NameAddress.quote($0) } ?? "")
    }
}

extension MessageView {
    /// A value of Reason.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public func reason(_ range: ByteRange) throws(MessageDefect) -> ReasonIndex { try ReasonIndex(base, range) }
}
