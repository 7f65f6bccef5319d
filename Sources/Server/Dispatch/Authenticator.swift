import Crypto
public import Routing
public import SIP
public import SIPEndpoint
import Synchronization

/// Asks for and checks Digest credentials, for all lanes (RFC 3261 §22, RFC 7616, RFC 8760).
public final class Authenticator: Sendable {
    /// What came of checking a request.
    public enum Outcome: Sendable {
        /// The credentials are right; the user's name without domain, unescaped.
        case accepted(user: [UInt8])
        /// The request was answered: with a challenge, or with why not.
        case answered
    }

    /// What was counted.
    public struct Counters: Sendable, Hashable {
        public var accepted: UInt64 = 0
        public var challenged: UInt64 = 0
        public var stale: UInt64 = 0
        public var refused: UInt64 = 0
        public var replayed: UInt64 = 0
    }

    private let directory: any Directory
    private let realms: [DigestServer]
    private let counts: [Shard]
    private let totals = Mutex(Counters())

    /// Makes an authenticator for the realms of the domains.
    ///
    /// - Parameters:
    ///   - key: the key of the nonces; a new one at each start makes those of before stale.
    ///   - lifetime: how long a nonce is good.
    public init(
        domains: DomainTable, directory: any Directory, key: SipHash, epoch: ContinuousClock.Instant,
        lifetime: Duration, policy: DigestServer.Policy = .init()
    ) {
        self.directory = directory
        let issuer = NonceIssuer(key: key, epoch: epoch, lifetime: lifetime)
        realms = domains.domains.map {
            DigestServer(realm: Array($0.realm.utf8), hash: .crypto, issuer: issuer, policy: policy)
        }
        counts = (0..<Self.shardCount).map { _ in Shard() }
    }

    /// Tables of nonce counts, so that lanes seldom meet.
    private static let shardCount = 16

    /// A part of the nonce counts.
    private final class Shard: Sendable {
        let counts = Mutex(NonceCounts(capacity: NonceCounts.defaultCapacity / Authenticator.shardCount))
    }

    /// What was counted since start.
    public var counters: Counters { totals.withLock { $0 } }

    /// Checks the credentials of a request for a domain.
    ///
    /// - Parameter asProxy: whether 407 with Proxy-Authenticate is asked with, instead of 401.
    public func authenticate(
        _ request: IncomingRequest, domain: Int, asProxy: Bool, in layer: TransactionLayer
    ) -> Outcome {
        let view = request.view
        let realm = realms[domain]
        switch realm.search(view, asProxy ? .proxyAuthorization : .authorization) {
        case .none:
            challenge(request, realm, asProxy, isStale: false, layer)
            return .answered
        case .malformed(let defect):
            _ = defect
            layer.respondStatelessly(to: request, 400, reason: "The credentials are malformed")
            return .answered
        case .found(let credentials, let value):
            return check(request, credentials, view.bytes(value), domain, asProxy, layer)
        }
    }

    private func check(
        _ request: IncomingRequest, _ credentials: DigestCredentials, _ value: UnsafeRawBufferPointer, _ domain: Int,
        _ asProxy: Bool, _ layer: TransactionLayer
    ) -> Outcome {
        let realm = realms[domain]
        let view = request.view
        guard let name = (try? credentials.decodedUsername(in: value)).flatMap({ DigestUsername($0) }) else {
            layer.respondStatelessly(to: request, 400, reason: "The credentials have no user name")
            return .answered
        }
        let algorithm: DigestAlgorithmName = realm.function(for: credentials) == .sha256 ? .sha256 : .md5
        let secret = name.user.withUnsafeBytes { directory.secret(user: $0, domain: domain, algorithm: algorithm) }
        let digest = DigestServer.Request(
            method: view.bytes(view.startLine.methodRange), uri: view.bytes(view.startLine.uriRange),
            body: view.bytes(view.body))
        let now = layer.driver.now
        let verdict: DigestVerdict
        if let secret {
            verdict = secret.withUnsafeBytes { realm.verify(credentials, in: value, digest, ha1: $0, now: now) }
        } else {
            verdict = realm.verify(credentials, in: value, digest, ha1: nil, now: now)
        }
        switch verdict {
        case .accepted(let use):
            let shard = Int(use.identifier % UInt64(Self.shardCount))
            switch counts[shard].counts.withLock({ $0.record(use) }) {
            case .fresh:
                totals.withLock { $0.accepted += 1 }
                return .accepted(user: name.user)
            case .replayed:
                totals.withLock { $0.replayed += 1 }
                challenge(request, realm, asProxy, isStale: true, layer)
            case .forgotten:
                totals.withLock { $0.stale += 1 }
                challenge(request, realm, asProxy, isStale: true, layer)
            }
        case .stale:
            totals.withLock { $0.stale += 1 }
            challenge(request, realm, asProxy, isStale: true, layer)
        case .badURI:
            layer.respondStatelessly(to: request, 400, reason: "The uri of the credentials is not that of the request")
        default:
            totals.withLock { $0.refused += 1 }
            challenge(request, realm, asProxy, isStale: false, layer)
        }
        return .answered
    }

    private func challenge(
        _ request: IncomingRequest, _ realm: DigestServer, _ asProxy: Bool, isStale: Bool, _ layer: TransactionLayer
    ) {
        // An ACK cannot be challenged (RFC 3261 §22.1), a CANCEL neither.
        guard request.view.method != .ack, request.view.method != .cancel else { return }
        totals.withLock { $0.challenged += 1 }
        let now = layer.driver.now
        let salt = layer.driver.random()
        layer.respondStatelessly(to: request, asProxy ? 407 : 401) { writer in
            for index in 0..<realm.challengeCount {
                writer.append(asProxy ? "Proxy-Authenticate: " : "WWW-Authenticate: ")
                realm.writeChallenge(index, isStale: isStale, now: now, salt: salt, into: &writer)
                writer.append("\r\n")
            }
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
