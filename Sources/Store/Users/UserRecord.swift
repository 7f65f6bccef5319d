/// A user of one of the server's domains, as kept in the database.
public struct UserRecord: Hashable, Sendable {
    /// The most UTF-8 bytes that a user part, a domain, a realm or a display name may have.
    public static let maximumByteCount = 255

    /// The user part of the address, unescaped; upper and lower case differ (RFC 3261 §19.1.4).
    public var name: String

    /// The domain of the address, in lower case.
    public var domain: String

    /// The name shown to people; may be empty.
    public var displayName: String

    /// Whether the user may register and call. A disabled user keeps the record and the credentials.
    public var isEnabled: Bool

    /// When the user was added.
    public var created: UnixTime

    /// Makes a record; the domain is put in lower case (RFC 3261 §19.1.4: host names are compared without case).
    public init(
        name: String, domain: String, displayName: String = "", isEnabled: Bool = true, created: UnixTime = .now
    ) {
        self.name = name
        self.domain = domain.lowercased()
        self.displayName = displayName
        self.isEnabled = isEnabled
        self.created = created
    }

    /// The address for people, as in `alice@example.com`.
    public var address: String { "\(name)@\(domain)" }

    /// Checks what cannot be stored or would make a secret ambiguous.
    ///
    /// - Throws: `StoreError` with `invalidRecord`.
    func validate() throws(StoreError) {
        try Self.check(name, "user name", forbidding: ":@")
        try Self.check(domain, "domain", forbidding: " @/;")
        if !displayName.isEmpty { try Self.check(displayName, "display name", forbidding: "") }
    }

    /// Refuses text that is empty, too long, or holds control or `forbidden` characters.
    static func check(_ text: String, _ what: String, forbidding forbidden: String) throws(StoreError) {
        guard !text.isEmpty else { throw StoreError(.invalidRecord, "the \(what) is empty") }
        guard text.utf8.count <= maximumByteCount else {
            throw StoreError(.invalidRecord, "the \(what) is longer than \(maximumByteCount) bytes")
        }
        for character in text.unicodeScalars {
            guard character.value >= 0x20, character.value != 0x7F else {
                throw StoreError(.invalidRecord, "the \(what) holds a control character")
            }
            guard !forbidden.unicodeScalars.contains(character) else {
                throw StoreError(.invalidRecord, "the \(what) \"\(text)\" holds the character '\(character)'")
            }
        }
    }
}
