/// Reads `scheme param=value, param="value", …`, the shape of challenges and credentials (RFC 3261 §25.1, `challenge` and
/// `credentials`).
///
/// Tolerant where senders differ: white space everywhere, empty list elements, values quoted or not as the sender likes.
/// Strict about what would be ambiguous: quotes, commas, control characters.
struct AuthParameterScanner {
    /// One parameter: where its name and its value are.
    struct Parameter {
        var name: ByteRange
        var value: AuthParameterValue
    }

    /// The bytes that are read; they outlive the scanner, which never leaves the function that makes it.
    private let bytes: UnsafePointer<UInt8>
    private let end: Int
    private var position = 0
    private var count = 0

    init(_ bytes: UnsafeRawBufferPointer) throws(DigestSyntaxError) {
        guard bytes.count <= AuthenticationLimits.longestValue else { throw DigestSyntaxError(.tooLong) }
        self.bytes = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? MessageView.nowhere
        end = bytes.count
    }

    /// The scheme, which comes first.
    mutating func scheme() throws(DigestSyntaxError) -> ByteRange {
        skipWhitespace()
        let scheme = token()
        guard !scheme.isEmpty else { throw DigestSyntaxError(.noScheme, at: position) }
        guard position == end || bytes[position].isLinearWhitespace else {
            throw DigestSyntaxError(.noScheme, at: position)
        }
        return scheme
    }

    /// The next parameter, or nil at the end.
    mutating func next() throws(DigestSyntaxError) -> Parameter? {
        var sawComma = count == 0
        skipWhitespace()
        while position < end, bytes[position] == UInt8(ascii: ",") {
            sawComma = true
            position += 1
            skipWhitespace()
        }
        guard position < end else { return nil }
        guard sawComma else { throw DigestSyntaxError(.noComma, at: position) }
        count += 1
        guard count <= AuthenticationLimits.mostParameters else {
            throw DigestSyntaxError(.tooManyParameters, at: position)
        }
        let name = token()
        guard !name.isEmpty else { throw DigestSyntaxError(.badParameterName, at: position) }
        skipWhitespace()
        guard position < end, bytes[position] == UInt8(ascii: "=") else {
            throw DigestSyntaxError(.noEqualSign, at: position)
        }
        position += 1
        skipWhitespace()
        guard position < end else { throw DigestSyntaxError(.noValue, at: position) }
        let isQuoted = bytes[position] == UInt8(ascii: "\"")
        return Parameter(name: name, value: isQuoted ? try quoted() : try unquoted())
    }

    private mutating func quoted() throws(DigestSyntaxError) -> AuthParameterValue {
        let open = position
        position += 1
        let start = position
        var hasEscapes = false
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                defer { position &+= 1 }
                return AuthParameterValue(range: ByteRange(start, position), hasEscapes: hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                guard position + 1 < end else { throw DigestSyntaxError(.openQuote, at: open) }
                hasEscapes = true
                position &+= 1
            } else if byte < 0x20 && !byte.isLinearWhitespace || byte == 0x7F {
                throw DigestSyntaxError(.badCharacter, at: position)
            }
            position &+= 1
        }
        throw DigestSyntaxError(.openQuote, at: open)
    }

    private mutating func unquoted() throws(DigestSyntaxError) -> AuthParameterValue {
        let start = position
        while position < end, bytes[position] > 0x20, bytes[position] != UInt8(ascii: ",") {
            guard bytes[position] != UInt8(ascii: "\""), bytes[position] != 0x7F else {
                throw DigestSyntaxError(.badCharacter, at: position)
            }
            position += 1
        }
        guard position > start else { throw DigestSyntaxError(.noValue, at: position) }
        return AuthParameterValue(range: ByteRange(start, position), hasEscapes: false)
    }

    private mutating func token() -> ByteRange {
        let start = position
        while position < end, ByteSet.token.contains(bytes[position]) { position += 1 }
        return ByteRange(start, position)
    }

    private mutating func skipWhitespace() {
        while position < end, bytes[position].isLinearWhitespace { position += 1 }
    }
}
