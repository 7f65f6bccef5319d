/// The client's side of Digest authentication: it holds the accounts and, for each realm, the challenge that is answered and how
/// often its nonce was used (RFC 7616 §3.6, RFC 8760 §2.4, RFC 3261 §22).
///
/// Requests go through an ``AuthenticationRetry``, which decides what a challenge means for one request. Credentials of a proxy
/// are not kept beyond a dialog, unless it is the own outbound proxy (RFC 3261 §22.3): keep one client per dialog, and copy the
/// account's client to start it.
public struct DigestClient: Sendable {
    /// Who asks for credentials.
    public enum Side: UInt8, Hashable, Sendable {
        /// A user agent server, registrar or redirect server: 401, WWW-Authenticate, Authorization.
        case origin
        /// A proxy: 407, Proxy-Authenticate, Proxy-Authorization.
        case proxy

        /// The header field that carries the credentials.
        public var credentials: HeaderName { self == .origin ? .authorization : .proxyAuthorization }

        /// The header field that carries the challenge.
        public var challenge: HeaderName { self == .origin ? .wwwAuthenticate : .proxyAuthenticate }
    }

    /// The parts of a request that credentials cover.
    public struct Request: Hashable, Sendable {
        /// The method.
        public var method: [UInt8]
        /// The Request-URI.
        public var uri: [UInt8]
        /// The body.
        public var body: [UInt8]

        /// The parts of a request.
        public init(method: [UInt8], uri: [UInt8], body: [UInt8] = []) {
            self.method = method
            self.uri = uri
            self.body = body
        }
    }

    /// A header field with credentials, to be added to a request.
    public struct Field: Hashable, Sendable {
        /// Authorization or Proxy-Authorization.
        public var name: HeaderName
        /// Its value.
        public var value: [UInt8]
    }

    /// The answer to a challenge of one realm, as it goes on from request to request.
    struct Session: Sendable {
        var side: Side
        var challenge: DigestChallenge
        var algorithm: DigestAlgorithm
        var quality: DigestQuality?
        var username: [UInt8]
        var ha1: [UInt8]
        var cnonce: [UInt8]
        var count: UInt32 = 0
    }

    private let accounts: [DigestAccount]
    private let hash: DigestHash
    private let allowed: Set<DigestHashFunction>
    private let makeCnonce: @Sendable () -> UInt64
    private var sessions: [Session] = []

    /// A client that has not been challenged yet.
    ///
    /// - Parameters:
    ///   - accounts: usernames and secrets; of those that fit a realm the first is taken.
    ///   - hash: the hash functions; challenges with others are passed over.
    ///   - allowed: the functions that may be used. Without MD5 nobody on the way can bring the client to use it (RFC 8760 §3).
    ///   - makeCnonce: gives a number that nobody can guess.
    public init(
        accounts: [DigestAccount], hash: DigestHash,
        allowed: Set<DigestHashFunction> = Set(DigestHashFunction.allCases),
        makeCnonce: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        self.accounts = accounts
        self.hash = hash
        self.allowed = allowed
        self.makeCnonce = makeCnonce
    }

    /// The realms whose challenges are being answered.
    public var realms: [(side: Side, realm: [UInt8])] { sessions.map { ($0.side, $0.challenge.realm) } }

    /// Credentials for every realm that has challenged so far, each use counted.
    public mutating func authorize(_ request: Request) -> [Field] {
        // A nonce whose count is used up cannot be used again; the server will give a new one.
        sessions.removeAll { $0.count == .max }
        return sessions.indices.map { index in
            sessions[index].count += 1
            if !sessions[index].algorithm.isSession { sessions[index].cnonce = newCnonce() }
            return Field(name: sessions[index].side.credentials, value: credentials(sessions[index], request))
        }
    }

    /// What becomes of a challenge.
    enum Adoption: Hashable, Sendable {
        case adopted, unsupported, noAccount
    }

    /// Takes up the topmost of the challenges of one realm that can be answered (RFC 8760 §2.4).
    mutating func adopt(_ challenges: [DigestChallenge], _ side: Side) -> Adoption {
        guard let challenge = challenges.first(where: { supported($0) != nil }),
            let algorithm = supported(challenge)
        else { return .unsupported }
        guard let account = accounts.first(where: { $0.realm == nil || $0.realm == challenge.realm }) else {
            return .noAccount
        }
        let cnonce = newCnonce()
        guard let ha1 = ha1(account, challenge, algorithm, cnonce) else { return .noAccount }
        forget(challenge.realm, side)
        sessions.append(
            Session(
                side: side, challenge: challenge, algorithm: algorithm, quality: quality(challenge),
                username: username(account, challenge, algorithm), ha1: ha1, cnonce: cnonce))
        return .adopted
    }

    /// Sends no more credentials to a realm.
    mutating func forget(_ realm: [UInt8], _ side: Side) {
        sessions.removeAll { $0.side == side && $0.challenge.realm == realm }
    }

    /// The algorithm of a challenge that this client can answer, otherwise nil.
    private func supported(_ challenge: DigestChallenge) -> DigestAlgorithm? {
        guard let algorithm = challenge.algorithm, allowed.contains(algorithm.function),
            hash.function(algorithm.function) != nil
        else { return nil }
        if let qualities = challenge.qualities {
            guard !qualities.isEmpty else { return nil }
        } else if algorithm.isSession {
            // The session key needs a cnonce, which may not be sent without qop (RFC 3261 §22.4 item 8).
            return nil
        }
        return algorithm
    }

    private func quality(_ challenge: DigestChallenge) -> DigestQuality? {
        challenge.qualities.map { $0.contains(.auth) ? .auth : .authInt }
    }

    private func ha1(
        _ account: DigestAccount, _ challenge: DigestChallenge, _ algorithm: DigestAlgorithm, _ cnonce: [UInt8]
    ) -> [UInt8]? {
        let plain: [UInt8]? =
            switch account.secret {
            case .password(let password):
                hash.ha1(
                    username: account.username, realm: challenge.realm, password: password, algorithm.function)
            case .ha1(let secrets): secrets[algorithm.function]
            }
        guard let plain, algorithm.isSession else { return plain }
        let colon = [UInt8(ascii: ":")]
        return hash.hexadecimal(of: plain + colon + challenge.nonce + colon + cnonce, algorithm.function)
    }

    private func username(
        _ account: DigestAccount, _ challenge: DigestChallenge, _ algorithm: DigestAlgorithm
    ) -> [UInt8] {
        guard challenge.acceptsUserhash else { return account.username }
        let text = account.username + [UInt8(ascii: ":")] + challenge.realm
        return hash.hexadecimal(of: text, algorithm.function) ?? account.username
    }

    private func newCnonce() -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: makeCnonce())
        return writer.array
    }

    private func credentials(_ session: Session, _ request: Request) -> [UInt8] {
        let challenge = session.challenge
        let count = Self.nonceCountText(session.count)
        var writer = ByteWriter(capacity: 512)
        writer.append("Digest username=")
        writer.appendQuoted(session.username)
        writer.append(",realm=")
        writer.appendQuoted(challenge.realm)
        writer.append(",nonce=")
        writer.appendQuoted(challenge.nonce)
        writer.append(",uri=")
        writer.appendQuoted(request.uri)
        writer.append(",response=")
        writer.appendQuoted(response(session, request, count))
        writer.append(",algorithm=")
        writer.append(session.algorithm.name)
        if let quality = session.quality {
            writer.append(",cnonce=")
            writer.appendQuoted(session.cnonce)
            writer.append(",qop=")
            writer.append(quality.name)
            writer.append(",nc=")
            writer.append(count)
        }
        if let opaque = challenge.opaque {
            writer.append(",opaque=")
            writer.appendQuoted(opaque)
        }
        if challenge.acceptsUserhash { writer.append(",userhash=true") }
        return writer.array
    }

    private static func nonceCountText(_ count: UInt32) -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: UInt64(count))
        return Array(writer.array.suffix(8))
    }

    private func response(_ session: Session, _ request: Request, _ count: [UInt8]) -> [UInt8] {
        let function = session.algorithm.function
        let size = 2 * function.digestSize
        // `adopt` took only algorithms whose function is there.
        guard let hash = hash.function(function) else { return [] }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
            let digits = UnsafeMutableRawBufferPointer(buffer)
            withBytes(request.method, request.uri, request.body) { method, uri, body in
                withBytes(session.challenge.nonce, count, session.cnonce) { nonce, count, cnonce in
                    session.ha1.withUnsafeBytes { ha1 in
                        let input = DigestComputation.Input(
                            method: method, uri: uri, nonce: nonce, quality: session.quality, nonceCount: count,
                            cnonce: cnonce, body: body)
                        DigestComputation.response(ha1: ha1, input, hash, function, into: digits)
                    }
                }
            }
            initialized = size
        }
    }

    private func withBytes(
        _ first: [UInt8], _ second: [UInt8], _ third: [UInt8],
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) {
        first.withUnsafeBytes { first in
            second.withUnsafeBytes { second in
                third.withUnsafeBytes { body(first, second, $0) }
            }
        }
    }
}
