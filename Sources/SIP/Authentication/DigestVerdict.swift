/// What a server finds when it checks credentials. Everything but ``accepted(_:)`` is answered by a challenge, ``badURI`` by 400 as
/// RFC 7616 §3.4.6 says.
public enum DigestVerdict: Hashable, Sendable {
    /// Right. The use is to be recorded in ``NonceCounts``, which may find a replay.
    case accepted(NonceIssuer.Use)
    /// Right but for the nonce, which is expired or not ours: the challenge says `stale=true` (RFC 7616 §3.3).
    case stale
    /// The digest does not fit: wrong password, or a message changed on its way.
    case wrong
    /// There is no such user.
    case unknownUser
    /// The algorithm is not one that was offered.
    case unknownAlgorithm
    /// The credentials come without a quality of protection, and this server requires one.
    case noQuality
    /// The `uri` parameter does not fit the Request-URI.
    case badURI
    /// The credentials hold no answer to a challenge yet (RFC 8760 §2.7).
    case unanswered

    /// Whether the challenge that follows says `stale=true`.
    public var isStale: Bool { self == .stale }

    /// The finding in words, for logs.
    public var reason: String {
        switch self {
        case .accepted: "accepted"
        case .stale: "the nonce has expired or was not issued here"
        case .wrong: "the response does not match: wrong password, or the request was changed on its way"
        case .unknownUser: "no such user in this realm"
        case .unknownAlgorithm: "the algorithm was not offered"
        case .noQuality: "no qop parameter, which this server requires"
        case .badURI: "the uri parameter and the Request-URI name different resources"
        case .unanswered: "the credentials answer no challenge yet"
        }
    }
}
