/// A `b=` line: proposed bandwidth of the session or the media. RFC 8866 §5.8.
public struct Bandwidth: Hashable, Sendable {
    /// `<bwtype>`, which gives the number its meaning and its unit: `CT` and `AS` in kilobits per second; `TIAS`
    /// (RFC 3890), `RS` and `RR` (RFC 3556) in bits per second.
    public let type: ByteString

    /// The number, in the unit of the type.
    public let amount: UInt64

    /// Makes a bandwidth; `nil` if the type is not a token.
    public init?(type: ByteString, amount: UInt64) {
        guard type.bytes.isToken else { return nil }
        self.type = type
        self.amount = amount
    }

    /// Reads the value of a `b=` line; `nil` if it does not follow the grammar.
    public init?(_ value: ByteString) {
        let (type, amount) = value.bytes.trimmed.cut(at: .colon)
        guard type.isToken, let number = amount?.decimal() else { return nil }
        self.type = ByteString(unchecked: type)
        self.amount = number
    }

    /// The value of the line.
    public var value: ByteString {
        ByteString(unchecked: type.bytes + [.colon] + String(amount).utf8)
    }
}
