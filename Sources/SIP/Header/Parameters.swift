/// One parameter of a header value or URI: `name`, or `name=value`.
@frozen
public struct ParameterIndex: Sendable {
    /// The name.
    public var name: ByteRange
    /// The value, with its quotes when it is a quoted string; empty when there is none.
    public var value: ByteRange
    /// Whether "=" was there.
    public var hasValue: Bool
}

/// Walks over `;name=value` parameters, with the white space that header parameters may have around their signs.
struct ParameterCursor {
    var cursor: Cursor

    @inline(__always)
    init(_ cursor: Cursor) { self.cursor = cursor }

    /// The next parameter; nil when no ";" follows.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` when a parameter breaks the grammar; an empty one does, as
    ///   RFC 4475 §3.1.2.1 has it.
    @inline(__always)
    mutating func next() throws(MessageDefect) -> ParameterIndex? {
        if cursor.isAtEnd { return nil }
        cursor.skipWhitespace()
        guard cursor.skip(UInt8(ascii: ";")) else { return nil }
        cursor.skipWhitespace()
        let name = cursor.take(run: .token)
        guard !name.isEmpty else { throw MessageDefect(.headerValue, "A parameter has no name") }
        if !cursor.skip(UInt8(ascii: "=")) {
            let behindName = cursor.at
            cursor.skipWhitespace()
            guard cursor.skip(UInt8(ascii: "=")) else {
                cursor.at = behindName
                return ParameterIndex(name: name, value: ByteRange(behindName, behindName), hasValue: false)
            }
        }
        cursor.skipWhitespace()
        let value = cursor.take(run: .parameterValue)
        if value.isEmpty, cursor.peek == UInt8(ascii: "\"") {
            guard let quoted = cursor.takeQuotedString() else {
                throw MessageDefect(.headerValue, "The quoted string of a parameter is not closed")
            }
            return ParameterIndex(name: name, value: quoted, hasValue: true)
        }
        return ParameterIndex(name: name, value: value, hasValue: true)
    }
}

extension ParameterCursor {
    /// Walks over all parameters up to the end of the value.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` in that header, also when something else stands at the end.
    @inline(__always)
    mutating func finish(
        _ header: HeaderName, _ body: (ParameterIndex) throws(MessageDefect) -> Void
    ) throws(MessageDefect) {
        do throws(MessageDefect) {
            while let parameter = try next() { try body(parameter) }
        } catch {
            throw error.located(in: header)
        }
        cursor.skipWhitespace()
        guard cursor.isAtEnd else {
            throw MessageDefect(
                .headerValue, "Something stands behind the value where only parameters may", header: header)
        }
    }
}

/// The parameters of a header value or a URI that was typed before, as a sequence.
///
/// They are cut at the ";" outside of quotes, whatever their characters: those of a URI's parameters are others than
/// those of a header's.
public struct Parameters: Sequence, IteratorProtocol {
    private let base: UnsafePointer<UInt8>
    private var cursor: Cursor

    /// Walks over the parameters in a run of bytes that start with ";"; they must stay where they are meanwhile.
    public init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        self.base = base
        cursor = Cursor(base, range)
    }

    public mutating func next() -> ParameterIndex? {
        while !cursor.isAtEnd {
            let start = cursor.at
            var sign: Int?
            while !cursor.isAtEnd, cursor.peek != UInt8(ascii: ";") {
                if cursor.peek == UInt8(ascii: "\""), cursor.takeQuotedString() != nil { continue }
                if cursor.peek == UInt8(ascii: "="), sign == nil { sign = cursor.at }
                cursor.at &+= 1
            }
            let end = cursor.at
            cursor.at &+= 1
            let name = trimmed(start, sign ?? end)
            if name.isEmpty { continue }
            let value = sign.map { trimmed($0 &+ 1, end) } ?? ByteRange(name.upperBound, name.upperBound)
            return ParameterIndex(name: name, value: value, hasValue: sign != nil)
        }
        return nil
    }

    private func trimmed(_ start: Int, _ end: Int) -> ByteRange {
        var start = start
        var end = end
        while start < end, base[start].isLinearWhitespace { start &+= 1 }
        while end > start, base[end &- 1].isLinearWhitespace { end &-= 1 }
        return ByteRange(start, end)
    }

    /// The first parameter with that name (small letters), case put aside.
    public func first(_ name: StaticString) -> ParameterIndex? {
        var rest = self
        while let found = rest.next() {
            if equalIgnoringCase(base, found.name, name) { return found }
        }
        return nil
    }
}

extension MessageView {
    /// The parameters in a run that starts with ";".
    public func parameters(_ range: ByteRange) -> Parameters { Parameters(base, range) }
}
