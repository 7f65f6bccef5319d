/// `a=group`: media descriptions that belong together, named by their `a=mid`. RFC 5888 §5.
public struct MediaGroup: Hashable, Sendable {
    /// Meaning of the group: `LS`, `FID`, `BUNDLE`, …
    public let semantics: ByteString

    /// Identification tags of the members.
    public let members: [ByteString]

    /// The meaning of media that share one transport (RFC 9143 §4).
    public static let bundle: ByteString = "BUNDLE"

    /// Whether its media share one transport (RFC 9143 §4).
    public var isBundle: Bool { semantics == Self.bundle }

    /// The group of media that share one transport.
    static func bundle(_ members: [ByteString]) -> MediaGroup { MediaGroup(unchecked: bundle, members) }

    private init(unchecked semantics: ByteString, _ members: [ByteString]) {
        self.semantics = semantics
        self.members = members
    }

    /// The attribute.
    var attribute: Attribute {
        let text = ([semantics] + members).map(\.bytes).joined(separator: [UInt8.space])
        return Attribute(unchecked: .group, ByteString(unchecked: ArraySlice(text)))
    }

    /// Reads the value of the attribute; `nil` if there is no meaning.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard let first = fields.first, first.isToken else { return nil }
        semantics = ByteString(unchecked: first)
        members = fields.dropFirst().map(ByteString.init(unchecked:))
    }
}
