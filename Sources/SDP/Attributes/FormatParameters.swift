/// `a=fmtp`: parameters of one format, which only that format understands. RFC 8866 §6.15.
public struct FormatParameters: Hashable, Sendable {
    /// The format of the `m=` line that the parameters are for.
    public let format: ByteString

    /// The parameters as they were written; for most formats `name=value` pairs parted by semicolons.
    public let parameters: ByteString

    /// Makes parameters; `nil` if the format holds white space.
    public init?(format: ByteString, parameters: ByteString) {
        guard format.bytes.isVisible else { return nil }
        self.init(unchecked: format, parameters: parameters)
    }

    init(unchecked format: ByteString, parameters: ByteString) {
        self.format = format
        self.parameters = parameters
    }

    /// Reads the value of the attribute; `nil` if there is no format.
    public init?(_ value: ByteString) {
        let text = value.bytes.trimmed
        guard !text.isEmpty else { return nil }
        let end = text.firstIndex(where: \.isBlank) ?? text.endIndex
        self.init(
            unchecked: ByteString(unchecked: text[..<end]), parameters: ByteString(unchecked: text[end...].trimmed))
    }

    /// The value of a named parameter, empty when the name stands alone; `nil` when it is not there. Names are compared
    /// without case (RFC 4855 §3).
    public subscript(name: ByteString) -> ByteString? {
        FormatParameters.value(of: name, in: parameters)
    }

    /// The value of a named parameter in the text of parameters.
    static func value(of name: ByteString, in parameters: ByteString) -> ByteString? {
        for pair in parameters.bytes.split(separator: .semicolon) {
            let (key, value) = pair.cut(at: .equals)
            if ByteString(unchecked: key.trimmed).equalsIgnoringCase(name) {
                return ByteString(unchecked: (value ?? []).trimmed)
            }
        }
        return nil
    }

    /// The attribute.
    public var attribute: Attribute {
        Attribute(unchecked: .fmtp, ByteString(unchecked: format.bytes + [.space] + parameters.bytes))
    }
}
