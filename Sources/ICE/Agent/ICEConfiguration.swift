/// The timers and limits of an agent.
public struct ICEConfiguration: Hashable, Sendable {
    /// Time between new transactions, `Ta`: 50 ms (RFC 8445 §14.2). The larger of both sides' is used.
    public var pacing = Duration.milliseconds(50)
    /// The least time between new transactions that is used, whatever is asked for: 5 ms (RFC 8445 §14.2).
    public static let leastPacing = Duration.milliseconds(5)
    /// The longest time between new transactions that a peer may ask for: 1 s.
    public static let mostPacing = Duration.seconds(1)
    /// How requests are sent again (RFC 8445 §14.3).
    public var timing = STUNClientTransaction.Timing()
    /// How long a stream is not given up for want of pairs: 39.5 s (RFC 8863 §4).
    public var patience = Duration.milliseconds(39_500)
    /// How long a stream may take in all before it has failed: 120 s. Nothing in the RFCs ends the wait for a nomination.
    public var longestTime = Duration.seconds(120)
    /// How long the controlling agent waits for a better pair when there is a valid one for each component: 1 s.
    public var nominationWait = Duration.seconds(1)
    /// The mean time between consent checks: 5 s, each between 0.8 and 1.2 times that (RFC 7675 §5.1).
    public var consentInterval = Duration.seconds(5)
    /// When consent expires: 30 s behind the last answer (RFC 7675 §5.1).
    public var consentExpiry = Duration.seconds(30)
    /// The time between keep-alives of a lite agent, `Tr`: 15 s (RFC 8445 §11).
    public var keepAlive = Duration.seconds(15)
    /// How long relays are kept that nothing selected needs: 3 s (RFC 8445 §8.3.1).
    public var freeing = Duration.seconds(3)
    /// The most pairs of all streams: 100 (RFC 8445 §6.1.2.5). Those of the lowest priority are left out.
    public var mostPairs = 100
    /// The most candidates of the other side for a stream, learned ones included: 100.
    public var mostRemoteCandidates = 100
    /// The most candidates of this side for a stream: 100.
    public var mostLocalCandidates = 100
    /// The most checks that are kept until the credentials of the other side have come: 32.
    public var mostEarlyChecks = 32
    /// The most addresses of the other side, for a component, that data is taken from: 32.
    public var mostSources = 32
    /// The most Binding Requests in a second that are looked at: 250. Two agents send at most 200 each (RFC 8445 §14.2).
    public var requestsPerSecond = 250

    /// Servers that are asked for reflexive and relayed candidates.
    public var servers: [ICEServer] = []

    /// Whether data goes by TURN servers alone, so that the other side learns no address of this host: no other candidate is told of,
    /// and nothing is sent to the other side but through relays.
    public var usesRelaysOnly = false

    public init() {}
}

/// A server that an agent gathers candidates from.
public struct ICEServer: Hashable, Sendable {
    public var address: STUNAddress
    /// Set for a TURN server.
    public var credentials: LongTermCredentials?
    /// Whether it is reached by a connection, TCP or TLS, which the owner of the agent makes (RFC 8656 §3.1); else by UDP.
    public var isReliable = false

    /// A STUN server.
    public init(stun address: STUNAddress) {
        self.address = address
        credentials = nil
    }

    /// A TURN server.
    ///
    /// - Parameter isReliable: whether it is reached by a connection, TCP or TLS; else by UDP.
    public init(turn address: STUNAddress, credentials: LongTermCredentials, isReliable: Bool = false) {
        self.address = address
        self.credentials = credentials
        self.isReliable = isReliable
    }
}

/// Who picks the pairs that are used (RFC 8445 §6.1.1).
public enum ICERole: Hashable, Sendable {
    case controlling, controlled

    var other: ICERole { self == .controlling ? .controlled : .controlling }
}

/// What proves the checks of one side (RFC 8445 §5.3).
public struct ICEParameters: Hashable, Sendable {
    /// The username fragment.
    public var fragment: [UInt8]
    public var password: [UInt8]

    public init(fragment: [UInt8], password: [UInt8]) {
        self.fragment = fragment
        self.password = password
    }

    /// Characters of a new fragment: 4 have the 24 bits that are the least, these have 48.
    static let fragmentLength = 8
    /// Characters of a new password: 132 bits; 128 are the least.
    static let passwordLength = 22

    /// New ones.
    ///
    /// - Parameter random: numbers that nobody can guess.
    public static func random(_ random: () -> UInt64) -> ICEParameters {
        ICEParameters(fragment: text(fragmentLength, random), password: text(passwordLength, random))
    }

    /// Characters of `ice-char`, six random bits each (RFC 8839 §5.1).
    private static func text(_ count: Int, _ random: () -> UInt64) -> [UInt8] {
        let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        return (0..<count).map { _ in alphabet[Int(random() & 63)] }
    }
}

/// What the other side says of itself in the exchange of candidates.
public struct ICERemote: Hashable, Sendable {
    public var parameters: ICEParameters
    /// Whether it only answers checks (RFC 8445 §2.5).
    public var isLite: Bool
    /// The time between its checks, of `a=ice-pacing`.
    public var pacing: Duration
    public var candidates: [Candidate]
    /// Whether no others follow: false for one that trickles (RFC 8838).
    public var isComplete: Bool
    /// Whether it follows RFC 8445, as the option `ice2` says (§10): it nominates one pair of each component, so that a stream has
    /// failed when that one cannot be used (§7.3.1.5). Others may nominate several.
    public var nominatesOnce: Bool

    public init(
        _ parameters: ICEParameters, candidates: [Candidate] = [], isLite: Bool = false,
        pacing: Duration = .milliseconds(50), isComplete: Bool = true, nominatesOnce: Bool = false
    ) {
        self.parameters = parameters
        self.candidates = candidates
        self.isLite = isLite
        self.pacing = pacing
        self.isComplete = isComplete
        self.nominatesOnce = nominatesOnce
    }
}
