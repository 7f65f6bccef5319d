import Routing

/// How a domain's requests are treated; it can change while the server runs.
struct DomainPolicy: Sendable {
    /// Whether strangers may call its users.
    var isOpen: Bool
    /// What proves who its users are.
    var authentication: ServerConfiguration.Domain.Authentication
    /// What is done with requests for its users.
    var mode: ServerConfiguration.Domain.Mode
    /// Whether the media of its users' calls goes through the relay.
    var media: MediaMode
    /// How the legs of relayed calls that face its users are encrypted.
    var mediaEncryption: MediaLegEncryption
    /// Users, as written in URIs, whose callers are told their contacts in any mode.
    var redirectedUsers: Set<[UInt8]>

    init(_ domain: ServerConfiguration.Domain) {
        isOpen = domain.isOpen
        authentication = domain.authentication
        mode = domain.mode
        media = domain.media
        mediaEncryption = domain.mediaEncryption
        redirectedUsers = Set(domain.redirectedUsers.map { Array($0.utf8) })
    }

    /// Whether callers of a user are told where to call, in place of being forwarded.
    func redirects(_ user: UnsafeRawBufferPointer) -> Bool {
        if mode == .redirect { return true }
        return redirectedUsers.isEmpty ? false : redirectedUsers.contains(Array(user))
    }
}
