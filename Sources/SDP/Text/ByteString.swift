/// Text of a session description as the octets it came in: any byte but NUL, CR and LF.
///
/// Free text of a description is UTF-8 unless `a=charset` says otherwise, and attribute values may be any octets, so the
/// bytes are what is kept and compared; strings are views of them. Because no value can hold a line end, no value can
/// ever smuggle a line into a serialised description. An empty value is allowed here; where the grammar wants at least
/// one byte the parser of that field says so. RFC 8866 §9, `byte-string`.
public struct ByteString: Hashable, Sendable {
    /// The octets. A slice of a parsed description shares that description's storage.
    public let bytes: ArraySlice<UInt8>

    /// Wraps bytes that are known to hold neither NUL, CR nor LF.
    init(unchecked bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    /// Makes a value from octets; `nil` if one of them is NUL, CR or LF.
    public init?(_ bytes: some Sequence<UInt8>) {
        let copy = ArraySlice(bytes)
        guard copy.allSatisfy(ByteString.isAllowed) else { return nil }
        self.bytes = copy
    }

    /// Makes a value from the UTF-8 of a string; `nil` if it holds NUL, CR or LF.
    public init?(_ string: some StringProtocol) {
        self.init(string.utf8)
    }

    /// Makes the decimal digits of a number.
    public init(_ number: some UnsignedInteger) {
        self.init(unchecked: ArraySlice(String(number).utf8))
    }

    /// Whether a byte may stand in the text of a line.
    @inlinable
    public static func isAllowed(_ byte: UInt8) -> Bool {
        byte != 0 && byte != 0x0A && byte != 0x0D
    }

    /// Number of octets.
    public var count: Int { bytes.count }

    /// Whether there is no octet.
    public var isEmpty: Bool { bytes.isEmpty }

    /// The text when the octets are valid UTF-8, else `nil`.
    public var string: String? { String(validating: bytes, as: UTF8.self) }

    /// Whether the octets are equal when ASCII letters are compared without case, as encoding names are
    /// (RFC 8866 §5.14).
    public func equalsIgnoringCase(_ other: ByteString) -> Bool {
        bytes.count == other.bytes.count
            && zip(bytes, other.bytes).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }
}

extension ByteString: ExpressibleByStringLiteral {
    /// Makes a value from a literal, which must not hold NUL, CR or LF.
    public init(stringLiteral value: String) {
        let bytes = ArraySlice(value.utf8)
        precondition(bytes.allSatisfy(ByteString.isAllowed), "a literal of a session description holds NUL, CR or LF")
        self.init(unchecked: bytes)
    }
}

extension ByteString: CustomStringConvertible {
    /// The text for people; octets that are not UTF-8 are shown as replacement characters.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}
