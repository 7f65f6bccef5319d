/// Keeps one piece of event state published (RFC 3903 §4, §5): publishes, refreshes before its end, modifies, removes, and
/// publishes anew when the server has lost it.
///
/// ```
///            publish               2xx
///   +------+        +------------+      +-----------+ time to refresh, new state
///   | idle |------->| publishing |----->| published |------+
///   +------+        +------------+      +-----------+      |
///      ^              |  ^   ^  412, 423: again |          |
///      |              |  |   +------------------+----------+
///      |              v  | after a while        | remove
///      |          +---------+             +----------+
///      |          | waiting |             | removing |
///      |          +---------+             +----------+
///      +---------------------------------------+ 2xx, or no way
/// ```
///
/// A new request is sent only when the one before has its final response or has timed out (§4).
public struct PublicationClient: Sendable {
    /// How long, and how patiently.
    public struct Configuration: Hashable, Sendable {
        /// How long the state is to last before it is refreshed: 1 hour; the server decides.
        public var expires = Duration.seconds(3_600)
        /// The longest that a server may demand with 423: 1 day.
        public var longestExpires = Duration.seconds(86_400)
        /// The least time between a refresh and the end, if the state lasts at least twice as long: 40 s.
        public var leastRefreshLead = Duration.seconds(40)
        /// The wait before another attempt after a failure that may pass: 30 s.
        public var retryInterval = Duration.seconds(30)

        /// The defaults.
        public init() {}
    }

    /// How far the publication is.
    public enum State: UInt8, Hashable, Sendable {
        case idle, publishing, published, waiting, removing, failed
    }

    /// The operations (RFC 3903 §4.1, table 1).
    public enum Operation: UInt8, Hashable, Sendable {
        case initial, refresh, modify, remove

        /// Whether the request has the state as its body.
        public var hasBody: Bool { self == .initial || self == .modify }
    }

    /// Why an attempt failed.
    public enum Failure: Hashable, Sendable {
        /// No response in time, or the request could not be delivered.
        case unreachable
        /// The server refused.
        case rejected(StatusCode)
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable {
        /// The next refresh or attempt is due.
        case attempt
        /// The state ends at the server.
        case expiry
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Send a PUBLISH, with ``PublicationClient/entityTag`` as SIP-If-Match unless it is an initial one, with that Expires in
        /// whole seconds, and with the newest state as body if the operation has one.
        case send(Operation, expires: Duration)
        /// The state is published for that long.
        case published(expires: Duration)
        /// The state was removed, or there was none.
        case removed
        /// An attempt failed. The next one comes after the duration; nil: none comes by itself.
        case failed(Failure, retryAfter: Duration?)
        /// Start a timer anew.
        case set(Timer, Duration)
        /// Stop a timer.
        case stop(Timer)
    }

    /// The most times in a row that a longer interval is accepted (423), or a lost state is published anew (412).
    public static let mostRepetitions = 3

    /// How far the publication is.
    public private(set) var state = State.idle

    /// The name that the server gave to the state, nil when it has none (RFC 3903 §11.3.1).
    public private(set) var entityTag: String?

    /// How long, and how patiently.
    public let configuration: Configuration
    private var requested: Duration
    private var operation = Operation.initial
    /// The state has changed since the last request with a body was made.
    private var hasNews = false
    private var wantsRemoval = false
    private var repetitions = 0

    /// A publication that has not begun.
    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        requested = configuration.expires
    }

    // MARK: The user

    /// There is state to publish: the first, or a new one.
    public mutating func publish() -> [Action] {
        wantsRemoval = false
        hasNews = true
        switch state {
        case .publishing, .removing: return []
        case .idle, .published, .waiting, .failed: return begin()
        }
    }

    /// The state is to be removed.
    public mutating func remove() -> [Action] {
        hasNews = false
        switch state {
        case .idle: return []
        case .removing: return []
        case .publishing:
            wantsRemoval = true
            return []
        case .published, .waiting, .failed: return [.stop(.attempt)] + takeAway()
        }
    }

    // MARK: Time and transactions

    /// A timer fired.
    public mutating func fire(_ timer: Timer) -> [Action] {
        switch timer {
        case .attempt: return state == .published || state == .waiting ? begin() : []
        case .expiry:
            entityTag = nil
            guard state == .published || state == .waiting else { return [] }
            return begin()
        }
    }

    /// The transaction failed without a final response.
    public mutating func transactionFailed() -> [Action] {
        switch state {
        case .publishing: return fail(.unreachable, retryAfter: configuration.retryInterval)
        case .removing: return [.failed(.unreachable, retryAfter: nil)] + finish()
        default: return []
        }
    }

    /// A final response came.
    public mutating func receive(_ response: MessageView) -> [Action] {
        guard state == .publishing || state == .removing else { return [] }
        let status = response.statusCode
        switch status {
        case 200...299: return succeed(response)
        case 412: return forgotten()
        case 423: return lengthen(response)
        default:
            if state == .removing { return [.failed(.rejected(status), retryAfter: nil)] + finish() }
            let stated = (try? response.retryAfter).flatMap { $0 }.map { Duration.seconds(Int64($0.seconds)) }
            let isPassing = status == 408 || status == 480 || status == 491 || status.category == 5
            return fail(.rejected(status), retryAfter: stated ?? (isPassing ? configuration.retryInterval : nil))
        }
    }

    private mutating func begin() -> [Action] {
        state = .publishing
        operation = entityTag == nil ? .initial : hasNews ? .modify : .refresh
        hasNews = false
        return [.stop(.attempt), .send(operation, expires: requested)]
    }

    private mutating func takeAway() -> [Action] {
        guard entityTag != nil else { return finish() }
        state = .removing
        operation = .remove
        return [.send(.remove, expires: .zero)]
    }

    private mutating func finish() -> [Action] {
        state = .idle
        entityTag = nil
        wantsRemoval = false
        return [.stop(.expiry), .stop(.attempt), .removed] + (hasNews ? begin() : [])
    }

    // MARK: Outcomes

    private mutating func succeed(_ response: MessageView) -> [Action] {
        guard state == .publishing else { return finish() }
        repetitions = 0
        entityTag = response.value(of: .sipETag).map { response.text($0) }
        state = .published
        let stated = (try? response.expires).flatMap { $0 }.map { Duration.seconds($0) }
        let expires = min(stated ?? requested, requested)
        guard !wantsRemoval else { return takeAway() }
        let lead = min(expires / 2, max(configuration.leastRefreshLead, expires / 10))
        let actions: [Action] = [.published(expires: expires), .set(.expiry, expires)]
        return actions + (hasNews ? begin() : [.set(.attempt, expires - lead)])
    }

    /// RFC 3903 §5: the server does not have the state any more; it is published as a first one.
    private mutating func forgotten() -> [Action] {
        entityTag = nil
        guard state == .publishing, !wantsRemoval else { return finish() }
        guard repetitions < Self.mostRepetitions else {
            return fail(.rejected(412), retryAfter: configuration.retryInterval)
        }
        repetitions += 1
        return [.stop(.expiry)] + begin()
    }

    private mutating func lengthen(_ response: MessageView) -> [Action] {
        let stated = (try? response.number(.minExpires, maximum: UInt64(UInt32.max))).flatMap { $0 }
        guard state == .publishing, let stated, repetitions < Self.mostRepetitions,
            .seconds(stated) > requested, .seconds(stated) <= configuration.longestExpires
        else {
            if state == .removing { return [.failed(.rejected(423), retryAfter: nil)] + finish() }
            return fail(.rejected(423), retryAfter: nil)
        }
        repetitions += 1
        requested = .seconds(stated)
        if operation.hasBody { hasNews = true }
        return begin()
    }

    private mutating func fail(_ failure: Failure, retryAfter: Duration?) -> [Action] {
        repetitions = 0
        // What the request said may not have arrived.
        if operation.hasBody { hasNews = true }
        if wantsRemoval { return [.failed(failure, retryAfter: nil)] + takeAway() }
        guard let retryAfter else {
            state = .failed
            return [.failed(failure, retryAfter: nil)]
        }
        state = .waiting
        return [.failed(failure, retryAfter: retryAfter), .set(.attempt, retryAfter)]
    }
}
