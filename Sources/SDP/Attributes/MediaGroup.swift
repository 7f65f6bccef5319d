/// `a=group`: media descriptions that belong together, named by their `a=mid`. RFC 5888 §5.
public struct MediaGroup: Hashable, Sendable {
    /// Meaning of the group: `LS`, `FID`, `BUNDLE`, …
    public let semantics: ByteString

    /// Identification tags of the members.
    public let members: [ByteString]

    /// Reads the value of the attribute; `nil` if there is no meaning.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard let first = fields.first, first.isToken else { return nil }
        semantics = ByteString(unchecked: first)
        members = fields.dropFirst().map(ByteString.init(unchecked:))
    }
}
