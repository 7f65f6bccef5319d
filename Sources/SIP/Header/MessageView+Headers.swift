// Typed headers on demand: each call parses the value in place and allocates nothing.
extension MessageView {
    /// The URI of a run, such as `startLine.uriRange` or an `AddressIndex.uri`.
    ///
    /// - Throws: `MessageDefect` with code `uri`.
    public func uri(_ range: ByteRange) throws(MessageDefect) -> URIIndex { try URIIndex(base, range) }

    /// The Request-URI.
    public var requestURI: URIIndex {
        get throws(MessageDefect) { try URIIndex(base, startLine.uriRange) }
    }

    /// The address of a value of Contact, Route, From and the like.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public func address(_ range: ByteRange) throws(MessageDefect) -> AddressIndex { try AddressIndex(base, range) }

    /// A value of Via.
    public func via(_ range: ByteRange) throws(MessageDefect) -> ViaIndex { try ViaIndex(base, range) }

    /// The topmost Via.
    ///
    /// - Throws: `MessageDefect` with code `missingHeader` or `headerValue`.
    public var topVia: ViaIndex {
        get throws(MessageDefect) {
            guard let value = firstValue(of: .via) else { throw Self.missing(.via) }
            return try ViaIndex(base, value)
        }
    }

    /// The topmost Via of a request that is refused for it: what can be read of a malformed one, so far as that says where the
    /// refusal goes (RFC 4475 §3.1.2.1).
    public var topViaToAnswer: ViaIndex? {
        firstValue(of: .via).flatMap { ViaIndex(answering: base, $0) }
    }

    /// From.
    public var from: AddressIndex { get throws(MessageDefect) { try single(.from) } }

    /// To.
    public var to: AddressIndex { get throws(MessageDefect) { try single(.to) } }

    /// Call-ID, which is compared byte by byte (RFC 3261 §20.8).
    public var callID: ByteRange {
        get throws(MessageDefect) {
            guard let value = value(of: .callID), !value.isEmpty else { throw Self.missing(.callID) }
            return value
        }
    }

    /// The first value of a header, lists split at their commas; nil when there is none that is not empty.
    public func firstValue(of name: HeaderName) -> ByteRange? {
        guard let index = firstIndex(of: name) else { return nil }
        let field = fields[index].valueRange
        guard name.isList else { return field }
        var values = ValueSplitter(base, field)
        if let value = values.next(), !value.isEmpty { return value }
        // Empty values in front are rare.
        var all = self.values(of: name)
        return all.next()
    }

    /// The address in a header, the first one when there are several.
    ///
    /// - Throws: `MessageDefect` with code `missingHeader` or `headerValue`.
    public func single(_ name: HeaderName) throws(MessageDefect) -> AddressIndex {
        guard let value = firstValue(of: name) else { throw Self.missing(name) }
        do throws(MessageDefect) {
            return try AddressIndex(base, value)
        } catch {
            throw error.located(in: name)
        }
    }

    /// CSeq: number (below 2**31) and method (RFC 3261 §8.1.1.5, §20.16).
    public var cSeq: CSeqIndex {
        get throws(MessageDefect) {
            guard let value = value(of: .cSeq) else { throw Self.missing(.cSeq) }
            return try CSeqIndex(base, value)
        }
    }

    /// Max-Forwards, nil when it is not there (RFC 3261 §20.22).
    public var maxForwards: Int? {
        get throws(MessageDefect) { try number(.maxForwards, maximum: 255) }
    }

    /// Expires in seconds, nil when it is not there; numbers above 2**32-1 are malformed (RFC 3261 §20.19), and
    /// `tolerantExpires` says what a malformed one stands for.
    public var expires: Int? {
        get throws(MessageDefect) { try number(.expires, maximum: UInt64(UInt32.max)) }
    }

    /// Content-Length, nil when it is not there.
    public var contentLength: Int? {
        get throws(MessageDefect) { try number(.contentLength, maximum: UInt64(Int32.max)) }
    }

    /// A header whose value is one number, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` when it is no number or above `maximum`.
    public func number(_ name: HeaderName, maximum: UInt64) throws(MessageDefect) -> Int? {
        guard let value = value(of: name) else { return nil }
        var cursor = Cursor(base, value)
        guard let number = cursor.takeNumber(maximum: maximum), cursor.isAtEnd else {
            throw MessageDefect(.headerValue, "The value is no number in its range", header: name)
        }
        return Int(number)
    }

    /// A number in a run, such as a parameter's value; nil when it is none or above `maximum`.
    public func number(_ range: ByteRange, maximum: UInt64) -> Int? {
        var cursor = Cursor(base, range)
        guard let number = cursor.takeNumber(maximum: maximum), cursor.isAtEnd else { return nil }
        return Int(number)
    }

    static func missing(_ name: HeaderName) -> MessageDefect {
        MessageDefect(.missingHeader, "The header field is missing", header: name)
    }
}

/// The value of CSeq, typed in place.
@frozen
public struct CSeqIndex: Sendable {
    /// The sequence number, below 2**31.
    public var number: UInt32
    /// The method.
    public var method: Method
    /// The method as written.
    public var methodRange: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        guard let value = cursor.takeNumber(maximum: UInt64(Int32.max)) else {
            throw MessageDefect(.headerValue, "CSeq does not start with a number below 2**31", header: .cSeq)
        }
        number = UInt32(value)
        guard cursor.peek.isLinearWhitespace else { throw Self.noMethod }
        cursor.skipWhitespace()
        methodRange = cursor.take(run: .token)
        guard !methodRange.isEmpty, cursor.isAtEnd else { throw Self.noMethod }
        method = Method(base, methodRange)
    }

    private static var noMethod: MessageDefect {
        MessageDefect(.headerValue, "CSeq has no method behind its number", header: .cSeq)
    }
}
