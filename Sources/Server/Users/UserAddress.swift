import Routing

/// The address of a user as people type it: `alice@example.com`, also with `sip:` before it.
public struct UserAddress: Hashable, Sendable, CustomStringConvertible {
    /// The user part, unescaped.
    public let name: String
    /// The domain, in small letters.
    public let domain: String

    /// Reads an address; a name alone is one of the only domain there is.
    ///
    /// - Throws: `ServerError` when it is none.
    public init(_ text: String, defaultDomain: String? = nil) throws(ServerError) {
        let bare = text.lowercased().hasPrefix("sip:") ? String(text.dropFirst(4)) : text
        let mark = bare.lastIndex(of: "@")
        guard let domain = mark.map({ String(bare[bare.index(after: $0)...]) }) ?? defaultDomain,
            let host = ServerConfiguration.Domain.canonicalHost(domain)
        else {
            throw ServerError(
                .usage, "`\(text)` is no address of a user", remedy: "write for example alice@example.com")
        }
        let name = String(bare[..<(mark ?? bare.endIndex)])
        guard !name.isEmpty else {
            throw ServerError(.usage, "`\(text)` names no user", remedy: "write for example alice@\(host)")
        }
        self.name = name
        self.domain = host
    }

    public var description: String { "\(name)@\(domain)" }
}
