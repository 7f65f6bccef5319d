public import SIP

/// What became of a REGISTER, for the log and the statistics.
public struct RegistrationOutcome: Sendable {
    /// What was answered.
    public var status: StatusCode
    /// Why, in words; the reason phrase of the answer.
    public var reason: StaticString
    /// Bindings that were made.
    public var added = 0
    /// Bindings that were there and were set anew.
    public var refreshed = 0
    /// Bindings that the request removed.
    public var removed = 0
    /// A contact that was bound and whose user agent can be woken (RFC 8599), and its user, unescaped; nil when there is none.
    public var pushContact: [UInt8]?
    public var pushUser: [UInt8] = []
    /// Whether the request had been answered before, so that nothing changed.
    public var isRepeat = false

    init(_ status: StatusCode, _ reason: StaticString? = nil) {
        self.status = status
        self.reason = reason ?? status.reasonPhrase
    }
}

/// What the registrar of a lane has counted since start.
public struct RegistrarCounters: Sendable, Hashable {
    /// Requests answered 200.
    public var accepted: UInt64 = 0
    /// Among them those without Contact, which only ask.
    public var queries: UInt64 = 0
    /// Among them repeats of what was answered before.
    public var repeats: UInt64 = 0
    /// Bindings made, set anew and removed by requests.
    public var added: UInt64 = 0
    public var refreshed: UInt64 = 0
    public var removed: UInt64 = 0
    /// Requests that broke the grammar or contradicted themselves: 400, 405, 420.
    public var malformed: UInt64 = 0
    /// Requests for somebody else's address, or with more than is allowed: 403.
    public var forbidden: UInt64 = 0
    /// Requests for users that are not: 404.
    public var unknownUsers: UInt64 = 0
    /// Requests that wanted to refresh too often: 423.
    public var tooBrief: UInt64 = 0
    /// Requests that came out of order: 500.
    public var outOfOrder: UInt64 = 0
    /// Requests put off: 503.
    public var deferred: UInt64 = 0

    public init() {}

    mutating func count(_ outcome: RegistrationOutcome) {
        switch outcome.status {
        case 200:
            accepted &+= 1
            if outcome.isRepeat { repeats &+= 1 }
            added &+= UInt64(outcome.added)
            refreshed &+= UInt64(outcome.refreshed)
            removed &+= UInt64(outcome.removed)
        case 403: forbidden &+= 1
        case 404: unknownUsers &+= 1
        case 423: tooBrief &+= 1
        case 500: outOfOrder &+= 1
        case 503: deferred &+= 1
        default: malformed &+= 1
        }
    }
}
