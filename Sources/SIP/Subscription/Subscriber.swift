/// The subscriber's side of one subscription (RFC 6665 §4.1).
///
/// ```
///                 SUBSCRIBE                  NOTIFY pending
///   +------+     +-------------+            +-----------+
///   | idle |---->| notify wait |----------->|  pending  |
///   +------+     +-------------+            +-----------+
///                   |       |                  |     |
///                   |       | NOTIFY active    |     | NOTIFY active
///                   |       v                  |     v
///                   |    +--------------------------------+ time to refresh: SUBSCRIBE
///                   |    |            active              |---+
///                   |    +--------------------------------+ <-+
///                   | Timer N, refusal         | NOTIFY terminated, Timer N, refusal, end
///                   v                          v
///                +---------------------------------+
///                |           terminated            |
///                +---------------------------------+
/// ```
///
/// A SUBSCRIBE that forks makes several subscriptions, each with a machine of its own (``init(forkedFrom:)``), in a dialog that its
/// first NOTIFY makes (§4.4.1). A machine that terminated is done: another subscription is another machine.
public struct Subscriber: Sendable {
    /// How long, and how patiently.
    public struct Configuration: Hashable, Sendable {
        /// How long the subscription is to last before it is refreshed: 1 hour; the notifier decides. Zero fetches the state once
        /// (RFC 6665 §4.4.3).
        public var expires = Duration.seconds(3_600)
        /// The longest that a notifier may demand with 423: 1 day.
        public var longestExpires = Duration.seconds(86_400)
        /// The least time between a refresh and the end, if the subscription lasts at least twice as long: 40 s, in which a refresh
        /// can time out.
        public var leastRefreshLead = Duration.seconds(40)
        /// Whether the subscription is refreshed before its end.
        public var refreshes = true

        /// The defaults.
        public init() {}
    }

    /// How far the subscription is.
    public enum State: UInt8, Hashable, Sendable {
        case idle, notifyWait, pending, active, terminated
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable {
        /// Timer N: a NOTIFY must follow each SUBSCRIBE (RFC 6665 §4.1.2.4).
        case n
        /// A refresh is due.
        case refresh
        /// The subscription ends.
        case expiry
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Send a SUBSCRIBE, outside of a dialog for the first one, with that Expires in whole seconds.
        case subscribe(expires: Duration)
        /// The notifier keeps the subscription, and has or has not yet allowed it.
        case changed(State)
        /// It is over, and so is its part of the dialog.
        case ended(SubscriptionEnding)
        /// Start a timer anew.
        case set(Timer, Duration)
        /// Stop a timer.
        case stop(Timer)
    }

    /// The most times in a row that a longer interval is accepted (423).
    public static let mostIntervalChanges = 3

    /// How long after a refresh that failed without ending the subscription the next is tried: 10 s.
    public static let refreshRetry = Duration.seconds(10)

    /// How far the subscription is.
    public private(set) var state = State.idle

    /// Whether this side has asked for the end.
    public private(set) var isUnsubscribing = false

    /// How long, and how patiently.
    public let configuration: Configuration
    private let timers: TransactionTimers
    private var requested: Duration
    /// What the last SUBSCRIBE asked for.
    private var sent: Duration?
    private var isInFlight = false
    private var intervalChanges = 0

    /// A subscription that has not begun.
    public init(_ configuration: Configuration = Configuration(), timers: TransactionTimers = TransactionTimers()) {
        self.configuration = configuration
        self.timers = timers
        requested = configuration.expires
    }

    /// The subscription of another notifier that the SUBSCRIBE of `first` has reached; its first NOTIFY follows.
    public init(forkedFrom first: Subscriber) {
        configuration = first.configuration
        timers = first.timers
        requested = first.requested
        state = .notifyWait
    }

    // MARK: The user

    /// Subscribes.
    public mutating func start() -> [Action] {
        guard state == .idle else { return [] }
        state = .notifyWait
        return subscribe()
    }

    /// A request that subscribes by itself was sent, such as REFER (RFC 3515 §2.4.4): its NOTIFY must come.
    public mutating func startImplicitly() -> [Action] {
        guard state == .idle else { return [] }
        state = .notifyWait
        return [.set(.n, timers.timerF)]
    }

    /// Wants no more (RFC 6665 §4.1.2.3). The subscription ends with the notifier's last NOTIFY.
    public mutating func stop() -> [Action] {
        guard !isUnsubscribing, state != .idle, state != .terminated else { return [] }
        isUnsubscribing = true
        requested = .zero
        // Without a NOTIFY there is no dialog to say it in: it is said when one has come.
        guard state != .notifyWait else { return [] }
        return [.stop(.refresh)] + (isInFlight ? [] : subscribe())
    }

    /// Refreshes before it is due, as when the address of this side has changed.
    public mutating func refresh() -> [Action] {
        guard state == .pending || state == .active, !isInFlight, !isUnsubscribing else { return [] }
        return subscribe()
    }

    private mutating func subscribe() -> [Action] {
        isInFlight = true
        sent = requested
        return [.subscribe(expires: requested), .set(.n, timers.timerF)]
    }

    // MARK: Responses

    /// A final response to a SUBSCRIBE of this subscription came.
    public mutating func receive(_ response: MessageView) -> [Action] {
        guard isInFlight else { return [] }
        isInFlight = false
        let status = response.statusCode
        guard status.isSuccess else { return refused(response) }
        intervalChanges = 0
        if isUnsubscribing {
            // The wish came while the response was on its way; what it says cannot be said before the first NOTIFY.
            return sent == .zero || state == .notifyWait ? [] : subscribe()
        }
        let stated = (try? response.expires).flatMap { $0 }.map { Duration.seconds($0) }
        // RFC 5839 §6: 204 says that no NOTIFY follows.
        return (status == 204 ? [.stop(.n)] : []) + run(min(stated ?? requested, requested))
    }

    private mutating func refused(_ response: MessageView) -> [Action] {
        let status = response.statusCode
        if status == 423, let longer = longerInterval(response) {
            requested = longer
            return subscribe()
        }
        if state == .notifyWait || isUnsubscribing || RefusalEffect(status) != .transaction {
            return end(isUnsubscribing && state != .notifyWait ? .unsubscribed : .refused(status))
        }
        // What was agreed goes on until its end (RFC 6665 §4.1.2.2).
        return [.stop(.n), .set(.refresh, Self.refreshRetry)]
    }

    private mutating func longerInterval(_ response: MessageView) -> Duration? {
        guard let seconds = (try? response.number(.minExpires, maximum: UInt64(UInt32.max))).flatMap({ $0 }),
            intervalChanges < Self.mostIntervalChanges
        else { return nil }
        let minimum = Duration.seconds(seconds)
        guard requested > .zero, minimum > requested, minimum <= configuration.longestExpires else { return nil }
        intervalChanges += 1
        return minimum
    }

    /// A SUBSCRIBE got no final response.
    public mutating func transactionFailed() -> [Action] {
        guard isInFlight else { return [] }
        isInFlight = false
        guard state != .notifyWait else { return end(.silent) }
        if isUnsubscribing { return end(.unsubscribed) }
        // A first SUBSCRIBE whose NOTIFY has come made the subscription; that of a refresh is what Timer N waits for.
        return [.set(.refresh, Self.refreshRetry)]
    }

    // MARK: Notifications

    /// A NOTIFY of this subscription came; it is answered 200 in any case, and its body is for the user.
    public mutating func receive(_ notification: SubscriptionStateIndex) -> [Action] {
        guard state != .idle, state != .terminated else { return [] }
        switch notification.state {
        case .terminated:
            let wait = notification.retryAfter.map { Duration.seconds(Int64($0)) }
            if isUnsubscribing || requested == .zero { return end(.unsubscribed) }
            return end(.terminated(notification.reason, retryAfter: wait))
        case .active, .other: return notified(.active, notification)
        case .pending: return notified(.pending, notification)
        }
    }

    private mutating func notified(_ next: State, _ notification: SubscriptionStateIndex) -> [Action] {
        let isFirst = state == .notifyWait
        var actions: [Action] = state == next ? [] : [.changed(next)]
        state = next
        if isUnsubscribing { return actions + (isInFlight || sent == .zero ? [] : subscribe()) }
        // Who fetches once waits for the NOTIFY that ends it.
        guard requested > .zero else { return actions }
        actions.append(.stop(.n))
        // What the notifier states here counts more than the Expires of its response (RFC 6665 §4.1.3).
        if let seconds = notification.expires {
            actions += run(.seconds(Int64(seconds)))
        } else if isFirst, !isInFlight {
            actions += run(requested)
        }
        return actions
    }

    // MARK: Time

    /// A timer fired.
    public mutating func fire(_ timer: Timer) -> [Action] {
        guard state != .idle, state != .terminated else { return [] }
        switch timer {
        case .n: return end(isUnsubscribing && state != .notifyWait ? .unsubscribed : .silent)
        case .expiry: return end(isUnsubscribing ? .unsubscribed : .expired)
        case .refresh: return isInFlight || isUnsubscribing ? [] : subscribe()
        }
    }

    /// The dialog is lost to this side, whatever the notifier thinks.
    public mutating func lose(_ status: StatusCode) -> [Action] {
        state == .idle || state == .terminated ? [] : end(.refused(status))
    }

    private mutating func run(_ expires: Duration) -> [Action] {
        let lead = min(expires / 2, max(configuration.leastRefreshLead, expires / 10))
        guard configuration.refreshes, expires > .zero else { return [.set(.expiry, expires)] }
        return [.set(.expiry, expires), .set(.refresh, expires - lead)]
    }

    private mutating func end(_ ending: SubscriptionEnding) -> [Action] {
        state = .terminated
        isInFlight = false
        return [.stop(.n), .stop(.refresh), .stop(.expiry), .ended(ending)]
    }
}
