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
@usableFromInline
struct ParameterCursor {
    @usableFromInline var cursor: Cursor

    @inlinable @inline(__always)
    init(_ cursor: Cursor) { self.cursor = cursor }

    /// The next parameter; nil when no ";" follows.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` when a parameter breaks the grammar.
    @inline(__always)
    mutating func next() throws(MessageDefect) -> ParameterIndex? {
        cursor.skipWhitespace()
        guard cursor.skip(UInt8(ascii: ";")) else { return nil }
        cursor.skipWhitespace()
        let name = cursor.take(.token)
        guard !name.isEmpty else {
            // "a=b;" and ";;" occur in the field; an empty parameter says nothing.
            if cursor.isAtEnd || cursor.peek == UInt8(ascii: ";") {
                return ParameterIndex(name: name, value: .none, hasValue: false)
            }
            throw MessageDefect(.headerValue, "A parameter has no name")
        }
        let behindName = cursor.at
        cursor.skipWhitespace()
        guard cursor.skip(UInt8(ascii: "=")) else {
            cursor.at = behindName
            return ParameterIndex(name: name, value: .none, hasValue: false)
        }
        cursor.skipWhitespace()
        if cursor.peek == UInt8(ascii: "\"") {
            guard let quoted = cursor.takeQuotedString() else {
                throw MessageDefect(.headerValue, "The quoted string of a parameter is not closed")
            }
            return ParameterIndex(name: name, value: quoted, hasValue: true)
        }
        let value = cursor.take(.parameterValue)
        return ParameterIndex(name: name, value: value, hasValue: true)
    }
}

/// The parameters of a header value, as a sequence; it ends at the first one that breaks the grammar.
public struct Parameters: Sequence, IteratorProtocol {
    private let base: UnsafePointer<UInt8>
    private var cursor: ParameterCursor

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        self.base = base
        cursor = ParameterCursor(Cursor(base, range))
    }

    public mutating func next() -> ParameterIndex? {
        while let found = (try? cursor.next()).flatMap({ $0 }) {
            if !found.name.isEmpty { return found }
        }
        return nil
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
