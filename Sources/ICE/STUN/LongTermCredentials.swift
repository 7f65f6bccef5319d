/// A client's side of the mechanism of long-term credentials with one server (RFC 8489 §9.2).
///
/// The first request goes without; what a 401 or a 438 asks for is put into those behind it.
public struct LongTermCredentials: Hashable, Sendable {
    /// What to do with a response.
    public enum Verdict: Hashable, Sendable {
        /// It may be believed.
        case accepted
        /// Send the request once more as a new transaction, with what the server asks for.
        case retry
        /// The server does not take these credentials, or asks for what this client cannot do.
        case refused
        /// It is to be treated as if it had not come; when nothing else comes, integrity was violated.
        case discarded
    }

    /// The most challenges in a row without a request that is taken: a server that goes on is not asked again.
    public static let mostChallenges = 4
    /// The longest realm or nonce, octets: 763 (RFC 8489 §14.9, §14.10).
    public static let longestText = 763
    /// The longest PASSWORD-ALGORITHMS that is taken, octets.
    public static let longestAlgorithms = 64

    private let username: [UInt8]
    private let password: [UInt8]
    public private(set) var realm: [UInt8]?
    public private(set) var nonce: [UInt8] = []
    /// The key, when there was a challenge.
    public private(set) var key: STUNKey?
    /// PASSWORD-ALGORITHMS as the server has sent it.
    private var offered: [UInt8]?
    private var algorithm: PasswordAlgorithm?
    private var userhash: [UInt8]?
    private var challenges = 0

    /// Credentials, to which OpaqueString (RFC 8265) was applied.
    public init(username: [UInt8], password: [UInt8]) {
        self.username = username
        self.password = password
    }

    /// Adds what proves a request: behind all other attributes but FINGERPRINT (RFC 8489 §9.2.3). Nothing before a challenge.
    public func prove(
        _ writer: inout STUNWriter, _ hash: STUNHash, into bytes: inout MutableRawSpan
    ) throws(STUNDefect) {
        guard let key, let realm else { return }
        if let userhash {
            try writer.add(.userhash, userhash, into: &bytes)
        } else {
            try writer.add(.username, username, into: &bytes)
        }
        try writer.add(.realm, realm, into: &bytes)
        try writer.add(.nonce, nonce, into: &bytes)
        if let offered, let algorithm {
            try writer.add(.passwordAlgorithms, offered, into: &bytes)
            try writer.add(.passwordAlgorithm, UInt32(algorithm.rawValue) << 16, into: &bytes)
            try writer.addIntegritySHA256(key, hash, into: &bytes)
        } else {
            try writer.addIntegrity(key, hash, into: &bytes)
        }
    }

    /// Judges a response (RFC 8489 §9.2.5) and learns from a challenge.
    ///
    /// - Parameter proof: the nonce that the request was sent with; nil when it had no credentials.
    public mutating func judge(
        _ message: STUNMessage, provenWith proof: [UInt8]?, _ hash: STUNHash, in bytes: RawSpan
    ) -> Verdict {
        let error = message.kind == .error ? message.error(in: bytes) : nil
        let cookie = message.octets(.nonce, in: bytes).flatMap(NonceCookie.init(nonce:))
        let hasList = message.has(.passwordAlgorithms, in: bytes)
        let isBidDown = cookie?.hasPasswordAlgorithms == true && !hasList
        if error == .unauthenticated || error == .staleNonce {
            guard !isBidDown else { return .refused }
            return learn(message, isStale: error == .staleNonce, proof, hash, in: bytes)
        }
        guard !isBidDown else { return .discarded }
        guard proof != nil, let key else {
            // Who has not proven anything can only have been challenged; so anybody could end it (RFC 8489 §9.2.5).
            if error == .badRequest, message.integrity == nil, message.integritySHA256 == nil { return .discarded }
            // What was not asked for by proof need not be proven; a redirection may come so (RFC 8489 §10).
            return .accepted
        }
        var isRight = message.isProvenBySHA256(key, hash, in: bytes)
        if !isRight, offered == nil { isRight = message.isProven(by: key, hash, in: bytes) }
        // A redirection need not be proven (RFC 8489 §10); nothing but where to ask is taken from it.
        guard isRight || error == .tryAlternate && message.integrity == nil && message.integritySHA256 == nil else {
            return .discarded
        }
        challenges = 0
        return .accepted
    }

    private mutating func learn(
        _ message: STUNMessage, isStale: Bool, _ proof: [UInt8]?, _ hash: STUNHash, in bytes: RawSpan
    ) -> Verdict {
        let named = message.octets(.realm, in: bytes)
        guard let nonce = message.octets(.nonce, in: bytes), nonce.count <= Self.longestText,
            let realm = named ?? (isStale ? self.realm : nil),
            realm.count <= Self.longestText, challenges < Self.mostChallenges
        else { return .refused }
        // Another request has learned of a newer nonce meanwhile.
        if key != nil, isStale || proof == nil, proof != self.nonce { return .retry }
        // The same user and password again would be refused again; a stale nonce says nothing of them.
        if !isStale, proof != nil, realm == self.realm { return .refused }
        var algorithm: PasswordAlgorithm?
        let offered = message.octets(.passwordAlgorithms, in: bytes)
        if let offered {
            guard offered.count <= Self.longestAlgorithms, let best = Self.strongest(offered) else { return .refused }
            algorithm = best
        } else if isStale, self.offered != nil {
            // Once SHA-256 was agreed on nothing less is sent (RFC 8489 §9.2.5).
            return .refused
        }
        challenges += 1
        self.nonce = nonce
        self.realm = realm
        self.offered = offered
        self.algorithm = algorithm
        let isAnonymous = NonceCookie(nonce: nonce)?.hasUsernameAnonymity == true
        userhash = isAnonymous ? STUNKey.userhash(username: username, realm: realm, hash) : nil
        key = .longTerm(username: username, realm: realm, password: password, algorithm ?? .md5, hash)
        return .retry
    }

    /// The algorithm of a list that is taken: SHA-256 wherever it stands (RFC 8656 §6), else MD5; nil when none is known, also when
    /// the list is malformed before one that is (RFC 8489 §14.11).
    static func strongest(_ list: [UInt8]) -> PasswordAlgorithm? {
        var at = 0
        var best: PasswordAlgorithm?
        while at + 4 <= list.count {
            let number = UInt16(list[at]) << 8 | UInt16(list[at + 1])
            let size = Int(list[at + 2]) << 8 | Int(list[at + 3])
            guard at + 4 + size <= list.count else { return best }
            if let known = PasswordAlgorithm(rawValue: number), size == 0, best != .sha256 { best = known }
            at += 4 + (size + 3) & ~3
        }
        return best
    }
}
