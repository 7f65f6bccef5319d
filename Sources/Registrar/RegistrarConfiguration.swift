/// What a registrar may be told.
public struct RegistrarConfiguration: Sendable, Hashable {
    /// The shortest expiration in seconds that is accepted; what is shorter gets 423 with Min-Expires (RFC 3261 §10.3
    /// step 7). Requests of an hour or more are never too brief, whatever stands here, as that step demands.
    public var minimumExpires: UInt32 = 60

    /// The longest expiration in seconds that is granted; what asks for more gets this (RFC 3261 §10.3 step 7).
    public var maximumExpires: UInt32 = 7_200

    /// The expiration in seconds for a contact that asks for none (RFC 3261 §10.3 step 7).
    public var defaultExpires: UInt32 = 3_600

    /// Bindings that an address of record may have, and contacts that one request may name; more get 403. At most
    /// `largestContactCount`.
    public var maximumContacts = 10

    /// Bytes that the URI and the parameters of a contact may have together, and the Call-ID; more gets 403. At most
    /// `largestFieldSize`.
    public var maximumFieldSize = 1_024

    /// Whether a request with Path is refused when its Supported lacks `path`, as RFC 3327 §5.3 recommends: then a proxy has
    /// put it in though the user agent knows nothing of it. Else it is kept, as most proxies need it.
    public var requiresPathSupport = false

    /// For each domain the Route values that user agents are told to send their requests by, as a list; none are told where
    /// it is empty or missing (RFC 3608 §6.3).
    public var serviceRoutes: [[UInt8]] = []

    /// The same for user agents that register a SIPS address: SIPS URIs, so that their requests are secure from the first hop
    /// (RFC 3608 §8, RFC 5630 §3.1.3); where it is missing the others are told.
    public var secureServiceRoutes: [[UInt8]] = []

    /// The seconds within which a user agent that keeps a flow must send something by it (Flow-Timer, RFC 5626 §4.4, §5.4); 0
    /// tells none, and then it goes by its own.
    public var flowTimer: UInt32 = 120

    /// The Retry-After in seconds of a 503: while bindings are loaded, or their journal lags (RFC 3261 §20.33).
    public var retryAfter: UInt32 = 5

    /// How long in seconds a repeated request is answered as at first, its expirations too: the lifetime of the server
    /// transaction that a registrar without state does not have (Timer J, RFC 3261 §17.2.2).
    public var repeatWindow: UInt32 = 32

    /// The push notification services whose user agents can be woken (`pn-provider`, RFC 8599 §5.4); others get 555.
    public var pushServices: [[UInt8]] = []

    /// How many seconds before the end of a binding its user agent is woken to refresh it (RFC 8599 §5.5).
    public static let pushLead: UInt32 = 120

    /// The shortest expiration in seconds of a binding whose user agent is to be woken; shorter ones would end before
    /// (RFC 8599 §5.6.1.1).
    public static let leastPushExpires: UInt32 = 2 * pushLead

    /// How often a datagram is sent to keep the way through a NAT open: with UDP every 24 to 29 s (RFC 5626 §4.4.2), as many
    /// NATs forget a mapping after 30. Zero sends none.
    public var pingInterval: Duration = .seconds(25)

    /// Keep-alives that one tick of a `PingSchedule` may send; what is above waits for the next.
    public var pingsPerTick = 1_000

    /// No maximum is larger: lengths are kept in 16 bits, and ten contacts must fit a datagram.
    public static let largestFieldSize = 4_096

    /// No maximum of contacts is larger, since each contact of a request is compared with each of the address.
    public static let largestContactCount = 100

    /// Parameters and headers that the URI of a contact may have; more gets 403. Each is looked for in all contacts of the
    /// address when they are compared.
    public static let largestPartCount = 32

    /// Only values below an hour may be refused as too brief (RFC 3261 §10.3 step 7).
    public static let briefExpiresLimit: UInt32 = 3_600

    /// What a malformed expiration counts as (RFC 3261 §10.2).
    public static let malformedExpires: UInt32 = 3_600

    public init() {}

    func serviceRoute(ofDomain domain: Int, isSecure: Bool) -> [UInt8] {
        if isSecure, secureServiceRoutes.indices.contains(domain) { return secureServiceRoutes[domain] }
        return serviceRoutes.indices.contains(domain) ? serviceRoutes[domain] : []
    }

    /// The expiration that is granted for a request, in seconds; nil when it is too brief. Zero, a removal, stays.
    public func grantedExpires(_ requested: UInt32) -> UInt32? {
        if requested == 0 { return 0 }
        if requested < minimumExpires, requested < Self.briefExpiresLimit { return nil }
        return min(requested, max(1, maximumExpires))
    }
}
