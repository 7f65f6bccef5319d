import Crypto
public import Routing
public import SIP
public import SIPEndpoint

/// Asks for and checks Digest credentials, for all lanes (RFC 3261 §22, RFC 7616, RFC 8760).
public final class Authenticator: Sendable {
    /// What came of checking a request.
    public enum Outcome: Sendable {
        /// The credentials are right; the user's name without domain, unescaped.
        case accepted(user: [UInt8])
        /// The request was answered: with a challenge, since it has no credentials or wrong ones, or with why not.
        case refused
        /// The request was answered with a challenge, since its credentials are right but used or old.
        case stale
    }

    /// What a lane has counted.
    public struct Counters: Sendable, Hashable {
        public var accepted: UInt64 = 0
        public var challenged: UInt64 = 0
        public var stale: UInt64 = 0
        public var refused: UInt64 = 0
        public var replayed: UInt64 = 0

        /// Nothing counted.
        public init() {}
    }

    private let directory: any Directory
    /// An object for each realm: a copy of a `DigestServer` takes a reference to each of its parts.
    private final class Realm: Sendable {
        let server: DigestServer

        init(_ server: DigestServer) { self.server = server }
    }

    private let realms: [Realm]
    private let window: ReplayWindow

    /// Makes an authenticator for the realms of the domains.
    ///
    /// - Parameters:
    ///   - nonces: the nonces of this run.
    ///   - lifetime: how long a nonce is good.
    public init(
        domains: DomainTable, directory: any Directory, nonces: NonceSource, lifetime: Duration,
        policy: DigestServer.Policy = .init()
    ) {
        self.directory = directory
        let issuer = nonces.issuer(lifetime: lifetime)
        realms = domains.domains.map {
            Realm(DigestServer(realm: Array($0.realm.utf8), hash: .crypto, issuer: issuer, policy: policy))
        }
        window = nonces.window
    }

    /// Checks the credentials of a request for a domain.
    ///
    /// - Parameters:
    ///   - asProxy: whether 407 with Proxy-Authenticate is asked with, instead of 401.
    ///   - counters: the counts of the lane.
    public func authenticate(
        _ request: IncomingRequest, domain: Int, asProxy: Bool, counting counters: inout Counters,
        in layer: TransactionLayer
    ) -> Outcome {
        let view = request.view
        let realm = realms[domain]
        switch realm.server.search(view, asProxy ? .proxyAuthorization : .authorization) {
        case .none:
            challenge(request, realm, asProxy, isStale: false, &counters, layer)
            return .refused
        case .malformed:
            layer.respondStatelessly(to: request, 400, reason: "The credentials are malformed")
            return .refused
        case .found(let credentials, let value):
            return check(request, credentials, view.bytes(value), domain, asProxy, &counters, layer)
        }
    }

    private func check(
        _ request: IncomingRequest, _ credentials: DigestCredentials, _ value: UnsafeRawBufferPointer, _ domain: Int,
        _ asProxy: Bool, _ counters: inout Counters, _ layer: TransactionLayer
    ) -> Outcome {
        if let user = credentials.plainUser(in: value) {
            return check(request, credentials, value, user, domain, asProxy, &counters, layer)
        }
        guard let name = (try? credentials.decodedUsername(in: value)).flatMap({ DigestUsername($0) }) else {
            layer.respondStatelessly(to: request, 400, reason: "The credentials have no user name")
            return .refused
        }
        return name.user.withUnsafeBytes {
            check(request, credentials, value, $0, domain, asProxy, &counters, layer)
        }
    }

    private func check(
        _ request: IncomingRequest, _ credentials: DigestCredentials, _ value: UnsafeRawBufferPointer,
        _ user: UnsafeRawBufferPointer, _ domain: Int, _ asProxy: Bool, _ counters: inout Counters,
        _ layer: TransactionLayer
    ) -> Outcome {
        let realm = realms[domain]
        let view = request.view
        let algorithm: DigestAlgorithmName = realm.server.function(for: credentials) == .sha256 ? .sha256 : .md5
        let secret = directory.secret(user: user, domain: domain, algorithm: algorithm)
        let digest = DigestServer.Request(
            method: view.bytes(view.startLine.methodRange), uri: view.bytes(view.startLine.uriRange),
            body: view.bytes(view.body))
        let now = layer.driver.now
        let verdict: DigestVerdict
        if let secret {
            verdict = secret.withUnsafeBytes { realm.server.verify(credentials, in: value, digest, ha1: $0, now: now) }
        } else {
            verdict = realm.server.verify(credentials, in: value, digest, ha1: nil, now: now)
        }
        switch verdict {
        case .accepted(let use):
            switch window.record(use, by: repeatable(request)) {
            case .fresh:
                counters.accepted &+= 1
                return .accepted(user: Array(user))
            case .repeated: return .accepted(user: Array(user))
            case .replayed: counters.replayed &+= 1
            case .forgotten: counters.stale &+= 1
            }
            challenge(request, realm, asProxy, isStale: true, &counters, layer)
            return .stale
        case .stale:
            counters.stale &+= 1
            challenge(request, realm, asProxy, isStale: true, &counters, layer)
            return .stale
        case .badURI:
            layer.respondStatelessly(to: request, 400, reason: "The uri of the credentials is not that of the request")
        default:
            counters.refused &+= 1
            challenge(request, realm, asProxy, isStale: false, &counters, layer)
        }
        return .refused
    }

    /// What stands for a request that is answered without a transaction and may be sent again because its answer was lost: a
    /// REGISTER by UDP, with all of its bytes and its sender. To take it twice does nothing that it has not done (RFC 3261 §10.3,
    /// step 7). 0 for all others.
    private func repeatable(_ request: IncomingRequest) -> UInt64 {
        guard request.view.method == .register, !request.flow.transport.isReliable else { return 0 }
        // Its key is made anew by each run of the program, so nobody can make two requests that stand for one another.
        var hasher = Hasher()
        hasher.combine(bytes: request.view.bytes)
        hasher.combine(request.flow.remote)
        return UInt64(bitPattern: Int64(hasher.finalize())) | 1
    }

    private func challenge(
        _ request: IncomingRequest, _ realm: Realm, _ asProxy: Bool, isStale: Bool,
        _ counters: inout Counters, _ layer: TransactionLayer
    ) {
        // An ACK cannot be challenged (RFC 3261 §22.1), a CANCEL neither.
        guard request.view.method != .ack, request.view.method != .cancel else { return }
        counters.challenged &+= 1
        let now = layer.driver.now
        let salt = layer.driver.random()
        layer.respondStatelessly(to: request, asProxy ? 407 : 401) { writer in
            realm.server.writeChallenge(asProxy: asProxy, isStale: isStale, now: now, salt: salt, into: &writer)
        }
    }
}

extension DigestHash {
    /// MD5 and SHA-256 of swift-crypto.
    public static let crypto = DigestHash(
        md5: { input, output in
            var hash = Insecure.MD5()
            hash.update(bufferPointer: input)
            hash.finalize().withUnsafeBytes { output.copyMemory(from: $0) }
        },
        sha256: { input, output in
            var hash = SHA256()
            hash.update(bufferPointer: input)
            hash.finalize().withUnsafeBytes { output.copyMemory(from: $0) }
        })
}
