/// What a 401 or 407 means for one request: send it again with credentials, or give up (RFC 3261 §22.1 to §22.3, RFC 8760 §2.4).
///
/// Make one for each request that a user wants sent, and keep it over the repetitions that challenges cause. Each repetition is a
/// new transaction with a higher CSeq number and the same Call-ID, From tag and To (RFC 3261 §8.1.3.5).
///
/// A realm whose challenge came in answer to credentials for a nonce that it gave during this retry has rejected them: they are not
/// sent again. If only the nonce was `stale`, one more attempt is made. A nonce left from an earlier request may always have
/// become too old, whatever the server says about it.
public struct AuthenticationRetry: Sendable {
    /// The most challenges that one request answers: enough for a chain of proxies with a realm each, an end to two that ask in
    /// turn for ever.
    public static let mostAttempts = 8

    /// What to do after a challenge.
    public enum Decision: Hashable, Sendable {
        /// Send the request again, with ``authorize(_:with:)``.
        case retry
        /// Deliver the 401 or 407 as the final response.
        case giveUp(Cause)
    }

    /// Why a challenge is not answered.
    public enum Cause: Hashable, Sendable {
        /// The response has no Digest challenge that can be read.
        case noChallenge
        /// No challenge has an algorithm and a quality of protection that are supported and allowed.
        case unsupported
        /// There is no account for the realm.
        case noAccount(realm: [UInt8])
        /// The realm did not accept the credentials: wrong username or password.
        case rejected(realm: [UInt8])
        /// The request was challenged too often.
        case tooManyAttempts

        /// The cause in words.
        public var reason: String {
            switch self {
            case .noChallenge: "the response asks for no Digest authentication that can be read"
            case .unsupported: "none of the offered Digest algorithms is supported and allowed"
            case .noAccount(let realm): "no account for the realm \"\(String(decoding: realm, as: UTF8.self))\""
            case .rejected(let realm):
                "the realm \"\(String(decoding: realm, as: UTF8.self))\" rejects username or password"
            case .tooManyAttempts: "challenged more than \(AuthenticationRetry.mostAttempts) times"
            }
        }
    }

    private struct Attempt: Sendable {
        var side: DigestClient.Side
        var realm: [UInt8]
        var wasStale = false
    }

    /// How many challenges were answered.
    public private(set) var attempts = 0

    private var answered: [Attempt] = []

    /// A retry for a request that has not been challenged yet.
    public init() {}

    /// The header fields with credentials for the next transmission of the request; none before the first challenge, unless
    /// earlier requests were challenged.
    public func authorize(_ request: DigestClient.Request, with client: inout DigestClient) -> [DigestClient.Field] {
        client.authorize(request)
    }

    /// Takes the challenges of a response.
    public mutating func receive(_ response: MessageView, with client: inout DigestClient) -> Decision {
        var challenges: [(side: DigestClient.Side, challenge: DigestChallenge)] = []
        for index in 0..<response.fieldCount {
            let field = response.field(index)
            let side: DigestClient.Side
            switch field.name {
            case .wwwAuthenticate: side = .origin
            case .proxyAuthenticate: side = .proxy
            default: continue
            }
            // A challenge that is not understood is ignored (RFC 8760 §2.4).
            if let challenge = try? DigestChallenge.parse(response.bytes(field.valueRange)) {
                challenges.append((side, challenge))
            }
        }
        return receive(challenges, with: &client)
    }

    /// Takes the challenges of a response, in their order.
    public mutating func receive(
        _ challenges: [(side: DigestClient.Side, challenge: DigestChallenge)], with client: inout DigestClient
    ) -> Decision {
        guard !challenges.isEmpty else { return .giveUp(.noChallenge) }
        guard attempts < Self.mostAttempts else { return .giveUp(.tooManyAttempts) }
        var isAnswerable = false
        var cause: Cause?
        for (index, (side, challenge)) in challenges.enumerated() {
            let isRepeated = challenges[..<index].contains {
                $0.side == side && $0.challenge.realm == challenge.realm
            }
            guard !isRepeated else { continue }
            let group = challenges[index...].filter { $0.side == side && $0.challenge.realm == challenge.realm }
            if let refusal = answer(group.map(\.challenge), side, with: &client) {
                cause = cause.map { max($0, refusal) } ?? refusal
            } else {
                isAnswerable = true
            }
        }
        guard isAnswerable else { return .giveUp(cause ?? .noChallenge) }
        attempts += 1
        return .retry
    }

    /// Answers the challenges of one realm; the cause if that cannot be done.
    private mutating func answer(
        _ challenges: [DigestChallenge], _ side: DigestClient.Side, with client: inout DigestClient
    ) -> Cause? {
        let realm = challenges[0].realm
        let before = answered.firstIndex { $0.side == side && $0.realm == realm }
        if let before {
            guard challenges.contains(where: \.isStale), !answered[before].wasStale else {
                client.forget(realm, side)
                return .rejected(realm: realm)
            }
        }
        switch client.adopt(challenges, side) {
        case .adopted:
            if let before {
                answered[before].wasStale = true
            } else {
                answered.append(Attempt(side: side, realm: realm))
            }
            return nil
        case .unsupported: return .unsupported
        case .noAccount: return .noAccount(realm: realm)
        }
    }

    /// Of two causes the one that tells a person more.
    private func max(_ first: Cause, _ second: Cause) -> Cause {
        first.rank >= second.rank ? first : second
    }
}

extension AuthenticationRetry.Cause {
    fileprivate var rank: Int {
        switch self {
        case .noChallenge: 0
        case .unsupported: 1
        case .noAccount: 2
        case .tooManyAttempts: 3
        case .rejected: 4
        }
    }
}
