public import Routing
public import SIP
public import SIPEndpoint

// Requests that wait until a user agent has been woken: the SIP Request Push Bucket (RFC 8599 §5.2).
extension Proxy {
    /// A branch that waits.
    struct Parked {
        let context: ResponseContext
        let branch: Int
        let timer: UInt64
    }

    /// What was counted of requests that wait.
    public struct WakingCounters: Sendable, Hashable {
        /// Branches that have waited.
        public var parked: UInt64 = 0
        /// Those that went on since their user agent came back.
        public var delivered: UInt64 = 0
        /// Those whose user agent did not come in time.
        public var expired: UInt64 = 0
        /// Those that could not wait, since too many did, or the push notification failed.
        public var failed: UInt64 = 0

        public init() {}
    }

    /// Marks the timers of branches that wait, beside `timerMark`.
    static let wakingMark: UInt64 = 1 << 56

    /// Branches that wait now.
    public var parkedCount: Int { parked.count }

    /// Has a branch wait for its user agent, which is woken unless it is being woken already; false when it cannot wait.
    func park(_ context: ResponseContext, _ branch: Int, for target: PushTarget, _ layer: TransactionLayer) -> UInt64? {
        guard let policy, parked.count < configuration.parkingLimit else {
            waking.failed &+= 1
            return nil
        }
        lastRingTimer &+= 1
        let number = lastRingTimer & (Self.wakingMark - 1)
        let time = context.isInvite ? configuration.parkingTime : min(configuration.parkingTime, Self.briefParkingTime)
        let timer = layer.schedule(Self.timerMark | Self.wakingMark | number, after: time)
        let isFirst = waiting[target]?.isEmpty ?? true
        parked[number] = Parked(context: context, branch: branch, timer: timer)
        waiting[target, default: []].append(number)
        waking.parked &+= 1
        if isFirst, !policy.wake(target) {
            forget(number, target, layer)
            waking.failed &+= 1
            return nil
        }
        return number
    }

    /// The longest that other requests than INVITE wait: their answer must be there before their sender gives up after 32 s
    /// (RFC 8599 §5.6.2, RFC 4320).
    static let briefParkingTime: Duration = .seconds(15)

    /// Takes a branch out that waits no longer.
    func forget(_ number: UInt64, _ target: PushTarget, _ layer: TransactionLayer) {
        guard let found = parked.removeValue(forKey: number) else { return }
        layer.cancel(timer: found.timer)
        waiting[target]?.removeAll { $0 == number }
        if waiting[target]?.isEmpty ?? false { waiting[target] = nil }
    }

    /// Whether requests wait for a user agent.
    public func isAwaited(_ target: PushTarget) -> Bool { waiting[target] != nil }

    /// A user agent has come back: the requests that wait for it go to its binding.
    ///
    /// - Parameter contact: where a request goes now; nil refuses it.
    public func awake(
        _ target: PushTarget, in layer: TransactionLayer, _ contact: (MessageView) -> ProxyTarget?
    ) {
        for number in waiting.removeValue(forKey: target) ?? [] {
            guard let found = parked.removeValue(forKey: number) else { continue }
            layer.cancel(timer: found.timer)
            let next = found.context.message.withView { contact($0) }
            if next == nil { waking.failed &+= 1 } else { waking.delivered &+= 1 }
            found.context.unpark(found.branch, to: next, layer)
        }
    }

    /// A branch has waited for long enough.
    func parkingIsOver(_ number: UInt64, _ layer: TransactionLayer) {
        guard let found = parked.removeValue(forKey: number) else { return }
        waking.expired &+= 1
        if let target = found.context.targets[found.branch].push {
            waiting[target]?.removeAll { $0 == number }
            if waiting[target]?.isEmpty ?? false { waiting[target] = nil }
        }
        found.context.unpark(found.branch, to: nil, layer)
    }
}
