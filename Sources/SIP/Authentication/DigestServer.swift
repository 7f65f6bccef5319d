/// The server's side of Digest authentication for one realm: it challenges and checks (RFC 7616, RFC 8760 §2.3, RFC 3261 §22).
///
/// Nothing is remembered here: the nonces carry their own proof, the counts of their uses are kept in ``NonceCounts``. Checking
/// credentials that are right allocates nothing.
public struct DigestServer: Sendable {
    /// What the server requires, with defaults that suit today's phones.
    public struct Policy: Hashable, Sendable {
        /// The algorithms that are offered, best first (RFC 8760 §2.3). Session variants are for clients only and left out.
        public var functions: [DigestHashFunction] = [.sha256, .md5]
        /// Whether credentials without `qop` are taken, as RFC 2069 clients send them (RFC 3261 §22.4 item 8). Such a nonce is good
        /// for one request.
        public var acceptsWithoutQuality = true
        /// How the `uri` parameter is compared with the Request-URI.
        public var uriRule = DigestURIRule.sameResource

        /// The defaults.
        public init() {}
    }

    /// The parts of a request that its credentials cover.
    public struct Request {
        /// The method.
        public var method: UnsafeRawBufferPointer
        /// The Request-URI.
        public var uri: UnsafeRawBufferPointer
        /// The body, empty if there is none.
        public var body: UnsafeRawBufferPointer

        /// The parts of a request.
        public init(
            method: UnsafeRawBufferPointer, uri: UnsafeRawBufferPointer,
            body: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
        ) {
            self.method = method
            self.uri = uri
            self.body = body
        }
    }

    /// The realm that is named in challenges and expected in credentials.
    public let realm: [UInt8]

    /// Makes and recognises the nonces.
    public var issuer: NonceIssuer

    /// What is required.
    public let policy: Policy

    private let hash: DigestHash
    private let prefixes: [[UInt8]]

    /// A server for `realm`. Algorithms of the policy that `hash` lacks are not offered.
    public init(realm: [UInt8], hash: DigestHash, issuer: NonceIssuer, policy: Policy = Policy()) {
        self.realm = realm
        self.hash = hash
        self.issuer = issuer
        var policy = policy
        policy.functions = policy.functions.filter { hash.function($0) != nil }
        self.policy = policy
        prefixes = policy.functions.map { function in
            var writer = ByteWriter(capacity: 128)
            writer.append("Digest realm=")
            writer.appendQuoted(realm)
            writer.append(",qop=\"auth\",algorithm=")
            writer.append(DigestAlgorithm(function).name)
            writer.append(",nonce=\"")
            return writer.array
        }
    }

    /// How many header fields a challenge has: one per algorithm, to be added in order (RFC 8760 §2.3).
    public var challengeCount: Int { prefixes.count }

    /// Writes the value of one header field of a challenge.
    ///
    /// All fields of a challenge may be made with the same `now` and `salt`, so that they share a nonce.
    public func writeChallenge(
        _ index: Int, isStale: Bool, now: ContinuousClock.Instant, salt: UInt64, into writer: inout ByteWriter
    ) {
        writer.append(prefixes[index])
        issuer.issue(realm: realm, now: now, salt: salt, into: &writer)
        writer.append("\"")
        if isStale { writer.append(",stale=true") }
    }

    /// Writes the header fields of a challenge, all with one nonce.
    ///
    /// - Parameter asProxy: whether the fields are Proxy-Authenticate, not WWW-Authenticate.
    public func writeChallenge(
        asProxy: Bool, isStale: Bool, now: ContinuousClock.Instant, salt: UInt64, into writer: inout ByteWriter
    ) {
        withUnsafeTemporaryAllocation(byteCount: NonceIssuer.length, alignment: 8) { memory in
            var nonce = ByteWriter(into: memory)
            issuer.issue(realm: realm, now: now, salt: salt, into: &nonce)
            for prefix in prefixes {
                writer.append(asProxy ? "Proxy-Authenticate: " : "WWW-Authenticate: ")
                writer.append(prefix)
                writer.append(nonce.bytes)
                writer.append(isStale ? "\",stale=true\r\n" : "\"\r\n")
            }
        }
    }

    /// Whether credentials are meant for this realm; others are left alone (RFC 3261 §22.3).
    public func isAddressed(by credentials: DigestCredentials, in value: UnsafeRawBufferPointer) -> Bool {
        realm.withUnsafeBytes { credentials.realm.equals($0, in: value) }
    }

    /// The hash function of the secret that checking `credentials` takes, or nil if their algorithm is not offered.
    public func function(for credentials: DigestCredentials) -> DigestHashFunction? {
        guard let algorithm = credentials.algorithm, !algorithm.isSession,
            policy.functions.contains(algorithm.function)
        else { return nil }
        return algorithm.function
    }

    /// Checks credentials.
    ///
    /// - Parameters:
    ///   - credentials: what ``DigestCredentials/parse(_:)`` found in `value`.
    ///   - value: the header field value.
    ///   - request: the request that it came with.
    ///   - ha1: the user's secret for the algorithm in hexadecimal (``DigestHash/ha1(username:realm:password:_:)``), nil if there is
    ///     no such user. The check then takes as long as with a wrong password.
    ///   - now: the present.
    public func verify(
        _ credentials: DigestCredentials, in value: UnsafeRawBufferPointer, _ request: Request,
        ha1: UnsafeRawBufferPointer?, now: ContinuousClock.Instant
    ) -> DigestVerdict {
        guard !credentials.response.isEmpty, !credentials.nonce.isEmpty else { return .unanswered }
        guard let function = function(for: credentials), let hash = hash.function(function) else {
            return .unknownAlgorithm
        }
        guard credentials.quality != nil || policy.acceptsWithoutQuality else { return .noQuality }
        guard credentials.uri.allows(request.uri, in: value, policy.uriRule) else { return .badURI }
        guard matches(credentials, in: value, request, ha1, hash, function) else {
            return ha1 == nil ? .unknownUser : .wrong
        }
        switch issuer.examine(credentials.nonce.raw(in: value), realm: realm, now: now) {
        case .good(var use):
            use.count = credentials.quality == nil ? 1 : credentials.nonceCount
            return .accepted(use)
        case .expired, .unknown:
            return .stale
        }
    }

    private func matches(
        _ credentials: DigestCredentials, in value: UnsafeRawBufferPointer, _ request: Request,
        _ ha1: UnsafeRawBufferPointer?, _ hash: DigestHash.Function, _ function: DigestHashFunction
    ) -> Bool {
        let size = 2 * function.digestSize
        return withUnsafeTemporaryAllocation(byteCount: 2 * size, alignment: 8) { memory -> Bool in
            memory.initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "0"))
            let digits = UnsafeMutableRawBufferPointer(rebasing: memory[..<size])
            // Stands in for the secret of a user who does not exist.
            let decoy = UnsafeRawBufferPointer(rebasing: memory[size...])
            credentials.withUnquoted(in: value) { uri, nonce, cnonce in
                let input = DigestComputation.Input(
                    method: request.method, uri: uri, nonce: nonce, quality: credentials.quality,
                    nonceCount: credentials.nonceCountText.raw(in: value), cnonce: cnonce, body: request.body)
                DigestComputation.response(ha1: ha1 ?? decoy, input, hash, function, into: digits)
            }
            let isEqual = DigestComputation.areEqual(
                UnsafeRawBufferPointer(digits), credentials.response.raw(in: value))
            return isEqual && ha1 != nil
        }
    }
}

extension AuthParameterValue {
    /// Whether this `uri` parameter may stand for the Request-URI.
    fileprivate func allows(
        _ requestURI: UnsafeRawBufferPointer, in field: UnsafeRawBufferPointer, _ rule: DigestURIRule
    ) -> Bool {
        guard hasEscapes else { return rule.allows(raw(in: field), requestURI) }
        return unquoted(in: field).withUnsafeBytes { rule.allows($0, requestURI) }
    }
}

extension DigestCredentials {
    /// Calls `body` with uri, nonce and cnonce as they are hashed. Copies them only if one has quoted pairs.
    fileprivate func withUnquoted(
        in field: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) {
        guard uri.hasEscapes || nonce.hasEscapes || cnonce.hasEscapes else {
            return body(uri.raw(in: field), nonce.raw(in: field), cnonce.raw(in: field))
        }
        let (uri, nonce, cnonce) = (uri.unquoted(in: field), nonce.unquoted(in: field), cnonce.unquoted(in: field))
        uri.withUnsafeBytes { uri in
            nonce.withUnsafeBytes { nonce in
                cnonce.withUnsafeBytes { body(uri, nonce, $0) }
            }
        }
    }
}
