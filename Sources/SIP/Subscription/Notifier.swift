/// The notifier's side of one subscription (RFC 6665 §4.2).
///
/// ```
///    SUBSCRIBE: 200, NOTIFY           allowed: NOTIFY
///   +------+          +-----------+          +----------+ refresh: 200, NOTIFY
///   | init |--------->|  pending  |--------->|  active  |---+
///   +------+          +-----------+          +----------+ <-+
///       |  allowed at once    |                 ^    |
///       +---------------------|-----------------+    |
///                             | end, refused, Expires: 0, NOTIFY failed
///                             v                      v
///                          +----------------------------+
///                          |         terminated         |
///                          +----------------------------+
/// ```
///
/// One NOTIFY is on its way at a time, so that the subscriber sees them in order; what changes meanwhile goes with the next one,
/// which carries the newest state.
public struct Notifier: Sendable {
    /// What a notifier grants.
    public struct Configuration: Hashable, Sendable {
        /// The duration of a subscription whose SUBSCRIBE asks for none: 1 hour.
        public var usualExpires = Duration.seconds(3_600)
        /// The shortest that is granted; less gets 423, unless it is an hour or more (RFC 6665 §4.2.1.1): 60 s.
        public var leastExpires = Duration.seconds(60)
        /// The longest that is granted: 1 day.
        public var longestExpires = Duration.seconds(86_400)
        /// The least time between two NOTIFYs; the last one of a subscription is not held back.
        public var leastInterval = Duration.zero

        /// The defaults.
        public init() {}

        /// What a SUBSCRIBE gets that asks for a duration, or for none.
        public func grant(_ requested: Duration?) -> Grant {
            let wanted = requested ?? usualExpires
            if wanted > .zero, wanted < .seconds(3_600), wanted < leastExpires { return .tooBrief(leastExpires) }
            return .granted(min(wanted, longestExpires))
        }
    }

    /// What a SUBSCRIBE gets.
    public enum Grant: Hashable, Sendable {
        /// 200 with that Expires; zero fetches the state once.
        case granted(Duration)
        /// 423 with that Min-Expires.
        case tooBrief(Duration)
    }

    /// Whether the subscription stands.
    public enum State: Hashable, Sendable {
        case pending, active
        case terminated(SubscriptionStateIndex.Reason, retryAfter: Duration?)
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable {
        /// The subscription ends.
        case expiry
        /// The next NOTIFY may go.
        case interval
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Send a NOTIFY with the present state of the resource, and ``Notifier/subscriptionState(at:)``.
        case notify
        /// Start a timer anew.
        case set(Timer, Duration)
        /// Stop a timer.
        case stop(Timer)
        /// Nothing follows: forget the subscription.
        case finished
    }

    /// Whether the subscription stands.
    public private(set) var state: State

    /// What is granted.
    public let configuration: Configuration
    private var expiresAt: ContinuousClock.Instant
    private var isInFlight = false
    private var isDue = false
    private var isHeldBack = false
    private var isFinished = false

    /// A subscription whose SUBSCRIBE gets a 2xx; ``start(at:)`` goes on.
    ///
    /// - Parameters:
    ///   - expires: what was granted.
    ///   - isAllowed: whether it is allowed at once; else it is pending until ``allow()``.
    ///   - now: the time.
    public init(
        _ configuration: Configuration = Configuration(), expires: Duration, isAllowed: Bool,
        at now: ContinuousClock.Instant
    ) {
        self.configuration = configuration
        state = isAllowed ? .active : .pending
        expiresAt = now + expires
        if expires <= .zero { state = .terminated(.timeout, retryAfter: nil) }
    }

    /// Whether the subscription is over, but for its last NOTIFY.
    public var isTerminated: Bool {
        if case .terminated = state { true } else { false }
    }

    /// The value of Subscription-State in a NOTIFY that is sent now (RFC 6665 §4.2.2).
    public func subscriptionState(at now: ContinuousClock.Instant) -> String {
        let left = max(0, (expiresAt - now).components.seconds)
        switch state {
        case .pending: return "pending;expires=\(left)"
        case .active: return "active;expires=\(left)"
        case .terminated(let reason, let wait):
            let why = reason == .other ? "" : ";reason=\(reason.text)"
            return "terminated" + why + (wait.map { ";retry-after=\($0.components.seconds)" } ?? "")
        }
    }

    // MARK: The subscriber

    /// The 2xx to the SUBSCRIBE was sent: the first NOTIFY follows (RFC 6665 §4.2.1.2).
    public mutating func start(at now: ContinuousClock.Instant) -> [Action] {
        (isTerminated ? [] : [.set(.expiry, expiresAt - now)]) + notify()
    }

    /// A SUBSCRIBE refreshes, or ends with a duration of zero, and got its 2xx.
    public mutating func refresh(_ expires: Duration, at now: ContinuousClock.Instant) -> [Action] {
        guard !isTerminated else { return [] }
        guard expires > .zero else { return terminate(.timeout) }
        expiresAt = now + expires
        return [.set(.expiry, expires)] + notify()
    }

    // MARK: The resource and its owner

    /// The state of the resource has changed.
    public mutating func changed() -> [Action] { isTerminated ? [] : notify() }

    /// The subscription is allowed.
    public mutating func allow() -> [Action] {
        guard state == .pending else { return [] }
        state = .active
        return notify()
    }

    /// The subscription is over, for a reason that tells the subscriber whether to come again.
    public mutating func terminate(
        _ reason: SubscriptionStateIndex.Reason, retryAfter: Duration? = nil
    ) -> [Action] {
        guard !isTerminated else { return [] }
        state = .terminated(reason, retryAfter: retryAfter)
        return [.stop(.expiry)] + notify()
    }

    // MARK: NOTIFY

    private mutating func notify() -> [Action] {
        isDue = true
        guard !isInFlight, !isHeldBack || isTerminated else { return [] }
        isDue = false
        isInFlight = true
        guard configuration.leastInterval > .zero, !isTerminated else { return [.notify] }
        isHeldBack = true
        return [.notify, .set(.interval, configuration.leastInterval)]
    }

    /// The NOTIFY got its final response.
    public mutating func receive(_ status: StatusCode) -> [Action] {
        guard isInFlight, !isFinished else { return [] }
        isInFlight = false
        if !status.isSuccess, RefusalEffect(status) != .transaction { return finish() }
        // The last NOTIFY was on its way, and not an earlier one.
        if isTerminated, !isDue { return finish() }
        return isDue ? notify() : []
    }

    /// The NOTIFY got no answer: the subscriber has gone (RFC 6665 §4.2.2).
    public mutating func transactionFailed() -> [Action] {
        isInFlight && !isFinished ? finish() : []
    }

    /// The dialog is over: nobody can be told of anything any more.
    public mutating func lose() -> [Action] { isFinished ? [] : finish() }

    /// A timer fired.
    public mutating func fire(_ timer: Timer) -> [Action] {
        switch timer {
        case .expiry: return terminate(.timeout)
        case .interval:
            isHeldBack = false
            return isDue && !isFinished ? notify() : []
        }
    }

    private mutating func finish() -> [Action] {
        isFinished = true
        if !isTerminated { state = .terminated(.other, retryAfter: nil) }
        return [.stop(.expiry), .stop(.interval), .finished]
    }
}
