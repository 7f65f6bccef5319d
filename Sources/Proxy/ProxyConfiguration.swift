public import SIP

/// What a proxy may be told.
public struct ProxyConfiguration: Sendable {
    /// The largest Max-Breadth, and what a request without one gets (RFC 5393 §5.3.3: 60).
    public var maxBreadth = 60
    /// The Max-Forwards a request without one gets (RFC 3261 §16.6 step 3: 70).
    public var maxForwards = 70
    /// Branches of one request, all groups together; further targets are left out.
    public var branchLimit = 32
    /// How long the targets of one preference ring before those of the next are tried (RFC 3261 §16.6).
    public var ringTime: Duration = .seconds(20)
    /// What a caller is told when no contact of a user of ours has answered in time: 408 (RFC 3261 §16.7), or 480 as RFC 3665 §3.10
    /// draws it. The 408 of another server goes back as it is.
    public var noAnswerStatus: StatusCode = 408
    /// How many redirections are followed one after another; the response to the last goes back (RFC 3261 §16.7 step 4).
    public var redirectionLimit = 5
    /// When History-Info is kept (RFC 7044).
    public var history = HistoryRule.whenSupported
    /// Whether those to whom a 3xx leads are told from whom the call was diverted (RFC 5806).
    public var addsDiversion = true
    /// Whether the proxy stays in the path of dialogs (RFC 3261 §16.6 step 4).
    public var recordsRoute = true
    /// How long an INVITE waits for a user agent that is being woken: the Bucket Timer (RFC 8599 §5.2). Other requests wait for 15 s
    /// at most.
    public var parkingTime: Duration = .seconds(20)
    /// Requests that wait on a lane at the same time; further ones are answered 480.
    public var parkingLimit = 10_000
    /// The key of the tokens in our Record-Route values; it must outlive a restart, or the dialogs of before are cut off.
    public var routeKey: SipHash
    /// Extensions that Proxy-Require may name.
    public var supportedExtensions: Set<String> = []

    public init(routeKey: SipHash) { self.routeKey = routeKey }

    /// When History-Info is kept.
    public enum HistoryRule: Sendable, Hashable {
        /// Never: what comes is passed on as it is.
        case never
        /// Where the sender supports it or has begun it.
        case whenSupported
        /// For each request outside of a dialog.
        case always
    }
}

/// What the proxy of a lane has counted since start.
public struct ProxyCounters: Sendable, Hashable {
    /// Requests forwarded, each once however many branches it had.
    public var forwarded: UInt64 = 0
    /// Requests forwarded without state, each time they came.
    public var stateless: UInt64 = 0
    /// Branches tried.
    public var branches: UInt64 = 0
    /// ACKs passed on.
    public var acks: UInt64 = 0
    /// Requests refused since they came around (482), had gone too far (483), or too broad (440).
    public var loops: UInt64 = 0
    public var tooManyHops: UInt64 = 0
    public var tooBroad: UInt64 = 0
    /// Requests whose Route named us with a token that we did not make.
    public var forgedTokens: UInt64 = 0
    /// Branches that went on by another flow of the same device.
    public var failOvers: UInt64 = 0
    /// Branches that went on to the next server of a name.
    public var nextServers: UInt64 = 0
    /// Responses 3xx that were followed.
    public var redirections: UInt64 = 0
    /// Requests answered with the contacts of the user, in place of being forwarded.
    public var redirected: UInt64 = 0
    public init() {}
}
