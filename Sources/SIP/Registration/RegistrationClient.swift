/// Keeps one contact registered: registers, refreshes before the binding ends, answers challenges, waits and tries again after
/// failures, and takes the binding away at the end (RFC 3261 §10.2).
///
/// ```
///            start                        2xx
///   +------+       +-------------+                +------------+
///   | idle |------>| registering |--------------->| registered |
///   +------+       |             |<---------------|            |
///     ^            +-------------+ time to refresh +------------+
///     |  (retry)    ^   |   ^ 401, 407, 423: again        |
///     |             |   |   +---- at once                 |
///     |        +---------+                                |
///     |        | waiting | failure: after a while         |
///     |        +---------+                                | stop
///     |             | stop          wrong password, …     |
///     |             v                +--------+           |
///     |      +---------------+       | failed |           |
///     +------| unregistering |<------+--------+-----------+
///   2xx, or  +---------------+
///   no way
/// ```
///
/// A new request is sent only when the one before has its final response or has timed out (RFC 3261 §10.2), with the same
/// Call-ID and the next number.
public struct RegistrationClient: Sendable {
    /// How far the registration is.
    public enum State: UInt8, Hashable, Sendable {
        /// Nothing is wanted.
        case idle
        /// A REGISTER is on its way.
        case registering
        /// The contact is bound; the refresh is due later.
        case registered
        /// The last attempt failed; the next is due later.
        case waiting
        /// The REGISTER that takes the binding away is on its way.
        case unregistering
        /// Given up until ``RegistrationClient/start()`` is called again.
        case failed
    }

    /// Why an attempt failed.
    public enum Failure: Hashable, Sendable {
        /// No response in time.
        case timedOut
        /// The request could not be delivered.
        case transportFailed
        /// The registrar or a proxy refused.
        case rejected(StatusCode)
        /// The challenge cannot be answered.
        case authentication(AuthenticationRetry.Cause)
        /// The registrar demands a longer binding than the configuration allows.
        case intervalTooBrief(minimum: Duration)
        /// The 2xx does not list the contact (RFC 3261 §10.2.4).
        case notBound

        /// The cause in words.
        public var reason: String {
            switch self {
            case .timedOut: "the registrar did not answer"
            case .transportFailed: "the registrar could not be reached"
            case .rejected(let status): "the registrar refused: \(status)"
            case .authentication(let cause): cause.reason
            case .intervalTooBrief(let minimum): "the registrar demands a binding of at least \(minimum)"
            case .notBound: "the registrar accepted the request, but does not list the contact"
            }
        }
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable {
        /// The next refresh or attempt is due.
        case attempt
        /// The binding ends at the registrar.
        case expiry
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Send a REGISTER (``RegistrationClient/writeHead(via:into:)``) in a new transaction.
        case send
        /// The contact is bound for that long.
        case registered(expires: Duration)
        /// The binding was taken away, or there was none.
        case unregistered
        /// The binding has ended, since it could not be refreshed.
        case expired
        /// An attempt failed. The next one comes after the duration; nil: none comes by itself.
        case failed(Failure, retryAfter: Duration?)
        /// The flow has failed by which the contact was bound. The next attempt comes after the duration.
        case flowFailed(retryAfter: Duration)
        /// Start a timer anew.
        case set(Timer, Duration)
        /// Stop a timer.
        case stop(Timer)
    }

    /// The most times in a row that a longer interval is accepted (423).
    public static let mostIntervalChanges = 3

    /// The shortest wait that a Retry-After brings about: 1 s.
    public static let shortestRetry = Duration.seconds(1)

    /// How far the registration is.
    public private(set) var state = State.idle

    /// Whether the contact is bound at the registrar, as far as is known.
    public private(set) var isBound = false

    /// The URI that leads to this device alone, as long as the account is there (RFC 5627 §3.1.1); nil when the registrar gave
    /// none, or the contact is not bound.
    public internal(set) var publicGRUU: URI?

    /// The last URI that leads to this device and hides whose it is, as long as the contact is bound (RFC 5627 §3.1.2).
    public internal(set) var temporaryGRUU: URI?

    /// What names this registration in the contacts of dialogs, so that requests in them wake the user agent: the last
    /// `+sip.pnspurr` (RFC 8599 §6.1.1); nil when none was told.
    public internal(set) var registrationReference: String?

    /// Whether the registrar, and who stands before it, keep the flow: `outbound` in Require of the last 2xx (RFC 5626 §4.2.1).
    public private(set) var isOutbound = false

    /// Within which time something must go by the flow (Flow-Timer, RFC 5626 §4.4); nil when the registrar names none.
    public private(set) var flowTimer: Duration?

    /// Whether the next REGISTER asks for a binding of its flow.
    var asksForOutbound: Bool { configuration.instance != nil && configuration.flowID != nil && !lacksOutbound }

    /// What is registered.
    public private(set) var configuration: RegistrationConfiguration

    /// The contact that the next REGISTER takes away, since the user agent has moved.
    private(set) var formerContact: URI?

    /// Answers the challenges.
    public private(set) var authentication: DigestClient

    /// The number of the last REGISTER.
    public private(set) var sequence: UInt32

    let callID: [UInt8]
    let fromTag: [UInt8]
    private(set) var credentials: [DigestClient.Field] = []
    private(set) var requestedExpires: Duration

    private var retry = AuthenticationRetry()
    private var intervalChanges = 0
    private var failures = 0
    /// Whether the first hop cannot keep flows (439).
    private var lacksOutbound = false
    /// Whether the flow of the binding has failed and no other one was registered yet.
    private var hasLostFlow = false
    /// Flows in a row that have failed before a keep-alive was answered on them.
    private var flowLosses = 0
    /// What the user wanted while a request was on its way: the other of registering and taking away.
    private var wantsOther = false
    private var numbers: SplitMix64

    /// A registration that has not begun.
    ///
    /// - Parameters:
    ///   - configuration: what is registered.
    ///   - authentication: the account.
    ///   - callID: one for all registrations with this registrar from one start of the user agent (RFC 3261 §10.2.4).
    ///   - fromTag: the From tag.
    ///   - seed: for the random part of waits, so that many user agents do not come at the same time.
    ///   - sequence: the number before the first.
    public init(
        configuration: RegistrationConfiguration, authentication: DigestClient, callID: [UInt8], fromTag: [UInt8],
        seed: UInt64, sequence: UInt32 = 0
    ) {
        self.configuration = configuration
        self.authentication = authentication
        self.callID = callID
        self.fromTag = fromTag
        numbers = SplitMix64(seed: seed)
        self.sequence = sequence
        requestedExpires = configuration.expires
    }

    // MARK: The user

    /// Registers, and keeps registered until ``stop()``.
    public mutating func start() -> [Action] {
        switch state {
        case .registering:
            wantsOther = false
            return []
        case .unregistering:
            wantsOther = true
            return []
        case .registered:
            return []
        case .idle, .waiting, .failed:
            failures = 0
            return [.stop(.attempt)] + beginAttempt(.registering)
        }
    }

    /// Takes the binding away, if there is one.
    public mutating func stop() -> [Action] {
        switch state {
        case .registering:
            // The request on its way may still bind the contact: what is to be done is known when it is answered.
            wantsOther = true
            return []
        case .unregistering:
            wantsOther = false
            return []
        case .idle:
            return []
        case .registered, .waiting, .failed:
            return [.stop(.attempt)] + remove()
        }
    }

    /// Refreshes the binding at once, or registers: a push notification has come (RFC 8599 §4.1.3).
    public mutating func refresh() -> [Action] {
        switch state {
        case .registered: return [.stop(.attempt)] + beginAttempt(.registering)
        case .registering: return []
        case .idle, .waiting, .failed, .unregistering: return start()
        }
    }

    /// The user agent has moved: it is reached at another contact now, and the binding of the old one is taken away with the next
    /// request, which goes at once when there is a binding.
    public mutating func move(to contact: URI) -> [Action] {
        guard !contact.isEquivalent(to: configuration.contact) else { return [] }
        // The binding of a flow is replaced by its name (RFC 5626 §6).
        if isBound, !isOutbound { formerContact = formerContact ?? configuration.contact }
        configuration.contact = contact
        switch state {
        case .registered, .waiting: return [.stop(.attempt)] + beginAttempt(.registering)
        // The request on its way names the old contact; its answer, if it arrives, is of no use.
        case .registering: return beginAttempt(.registering)
        case .idle, .unregistering, .failed: return []
        }
    }

    /// The flow that the binding was made by has failed (RFC 5626 §4.5): another one is made, at once, or after a while when no
    /// keep-alive was answered on this one either.
    public mutating func flowFailed() -> [Action] {
        if isBound { hasLostFlow = true }
        guard state == .registered || state == .registering else { return [] }
        flowLosses += 1
        guard flowLosses > 1 else {
            return [.stop(.attempt), .flowFailed(retryAfter: .zero)] + beginAttempt(.registering)
        }
        // The request that is on its way fails by itself.
        guard state == .registered else { return [] }
        failures = max(failures, flowLosses - 1)
        let delay = backOff()
        state = .waiting
        return [.flowFailed(retryAfter: delay), .set(.attempt, delay)]
    }

    /// A keep-alive was answered on the flow (RFC 5626 §4.5).
    public mutating func flowProven() { flowLosses = 0 }

    // MARK: Time and transactions

    /// A timer fired.
    public mutating func fire(_ timer: Timer) -> [Action] {
        switch (timer, state) {
        case (.attempt, .registered), (.attempt, .waiting):
            return beginAttempt(.registering)
        case (.expiry, _) where isBound:
            isBound = false
            forgetGRUUs()
            return [.expired]
        default:
            return []
        }
    }

    /// The transaction failed without a final response.
    public mutating func transactionFailed(isTimeout: Bool) -> [Action] {
        isInFlight ? fail(isTimeout ? .timedOut : .transportFailed, retryAfter: nil) : []
    }

    /// The server that the request went to is of no use: it goes to another one (RFC 3263 §4.3).
    public mutating func sendElsewhere() -> [Action] { isInFlight ? send() : [] }

    /// A response came. Those to earlier requests are ignored.
    public mutating func receive(_ response: MessageView) -> [Action] {
        let status = response.statusCode
        guard isInFlight, status.isFinal, (try? response.cSeq.number) == sequence else { return [] }
        if wantsOther, state == .registering, !status.isSuccess { return remove() }
        switch status {
        case 200...299:
            return succeed(response)
        case 401, 407:
            switch retry.receive(response, with: &authentication) {
            case .retry: return send()
            case .giveUp(let cause): return fail(.authentication(cause), retryAfter: nil)
            }
        case 423 where state == .registering:
            return lengthen(response)
        case 439 where asksForOutbound:
            // RFC 5626 §4.2.1: without, then.
            lacksOutbound = true
            return send()
        default:
            return fail(.rejected(status), retryAfter: response.retryTime)
        }
    }

    private var isInFlight: Bool { state == .registering || state == .unregistering }

    private mutating func beginAttempt(_ state: State) -> [Action] {
        self.state = state
        wantsOther = false
        retry = AuthenticationRetry()
        intervalChanges = 0
        return send()
    }

    private mutating func send() -> [Action] {
        sequence = min(sequence + 1, Dialog.highestSequence)
        let request = DigestClient.Request(method: Array("REGISTER".utf8), uri: configuration.registrar.bytes)
        credentials = retry.authorize(request, with: &authentication)
        return [.send]
    }

    /// Sends the REGISTER with Expires 0, if there is something to take away.
    private mutating func remove() -> [Action] {
        guard isBound else { return finish() }
        return beginAttempt(.unregistering)
    }

    private mutating func finish() -> [Action] {
        let isWantedAgain = state == .unregistering && wantsOther
        state = .idle
        isBound = false
        forgetGRUUs()
        return [.stop(.expiry), .unregistered] + (isWantedAgain ? beginAttempt(.registering) : [])
    }

    // MARK: Outcomes

    private mutating func succeed(_ response: MessageView) -> [Action] {
        guard state == .registering else { return finish() }
        formerContact = nil
        guard let expires = grantedExpires(response), expires > .zero else {
            return fail(.notBound, retryAfter: nil)
        }
        failures = 0
        hasLostFlow = false
        isBound = true
        isOutbound = asksForOutbound && response.optionTags(.require).contains(.outbound)
        flowTimer = (try? response.number(.flowTimer, maximum: UInt64(UInt32.max))).flatMap { $0 }.map { .seconds($0) }
        learnGRUUs(response)
        learnReference(response)
        state = .registered
        guard !wantsOther else { return [.set(.expiry, expires)] + remove() }
        let lead = configuration.refreshLead(expires)
        // Up to a tenth of the lead earlier, so that those who registered together do not refresh together.
        let delay = configuration.refreshDelay(expires) - lead * (numbers.fraction() / 10)
        return [.registered(expires: expires), .set(.expiry, expires), .set(.attempt, delay)]
    }

    private mutating func fail(_ failure: Failure, retryAfter: Duration?) -> [Action] {
        if state == .unregistering { return [.failed(failure, retryAfter: nil)] + finish() }
        if wantsOther {
            // A request that was not answered may have bound the contact all the same.
            if failure == .timedOut { isBound = true }
            return [.failed(failure, retryAfter: nil)] + remove()
        }
        guard let delay = delay(after: failure, retryAfter) else {
            state = .failed
            return [.failed(failure, retryAfter: nil)]
        }
        state = .waiting
        return [.failed(failure, retryAfter: delay), .set(.attempt, delay)]
    }

    /// How long to wait after a failure; nil if waiting does not help.
    private mutating func delay(after failure: Failure, _ retryAfter: Duration?) -> Duration? {
        if !isBound || hasLostFlow || failures == 0 { failures += 1 }
        switch failure {
        case .authentication: return nil
        case .intervalTooBrief: return configuration.longestRetry
        case .timedOut, .transportFailed, .notBound: return backOff()
        case .rejected(let status):
            if let retryAfter { return max(min(retryAfter, configuration.longestRetryAfter), Self.shortestRetry) }
            let isPassing = status == 408 || status == 480 || status == 486 || status == 491 || status.category == 5
            return isPassing ? backOff() : configuration.longestRetry
        }
    }

    /// RFC 5626 §4.5: between half and the whole of base · 2^failures, up to a limit. While the contact is bound the failures do
    /// not add up: what is left of the binding is to be used. One whose flow has failed is of no use.
    private mutating func backOff() -> Duration {
        let whole = min(configuration.longestRetry, configuration.retryBase * (1 << min(failures, 20)))
        return whole * (0.5 + numbers.fraction() / 2)
    }

    /// RFC 3261 §10.2.8: 423 names the shortest binding that the registrar makes.
    private mutating func lengthen(_ response: MessageView) -> [Action] {
        guard let seconds = try? response.number(.minExpires, maximum: UInt64(UInt32.max)) else {
            return fail(.rejected(423), retryAfter: response.retryTime)
        }
        let minimum = Duration.seconds(seconds)
        guard minimum > requestedExpires, minimum <= configuration.longestExpires,
            intervalChanges < Self.mostIntervalChanges
        else { return fail(.intervalTooBrief(minimum: minimum), retryAfter: nil) }
        intervalChanges += 1
        requestedExpires = minimum
        return send()
    }
}
