import Routing
import Synchronization

/// Has user agents woken, and tells all lanes when they come back, or cannot be woken (RFC 8599 §5.6.2).
final class PushCenter: Sendable {
    /// What became of waking a user agent.
    enum News: Sendable {
        /// It has registered: its user, unescaped, and the domain.
        case registered(user: [UInt8], domain: Int)
        /// The service did not take the notification.
        case failed
    }

    /// What was counted.
    struct Counters: Sendable, Hashable {
        var requested: UInt64 = 0
        var refreshes: UInt64 = 0
        var refused: UInt64 = 0
    }

    private let sender: any PushSender
    private let lanes = Mutex<[@Sendable (PushTarget, News) -> Void]>([])
    private let totals = Mutex(Counters())

    init(_ sender: any PushSender) { self.sender = sender }

    /// What was counted since start.
    var counters: Counters { totals.withLock { $0 } }

    /// Those who hear the news: one for each lane, called from any thread.
    func connect(_ lanes: [@Sendable (PushTarget, News) -> Void]) { self.lanes.withLock { $0 = lanes } }

    /// Has a user agent woken.
    func wake(_ target: PushTarget, _ reason: PushReason) {
        totals.withLock { $0.requested &+= 1 }
        if reason == .refresh { totals.withLock { $0.refreshes &+= 1 } }
        sender.send(target, reason) { [weak self] isTaken in
            guard !isTaken, let self else { return }
            self.totals.withLock { $0.refused &+= 1 }
            self.tell(target, .failed)
        }
    }

    /// A user agent has registered.
    func registered(_ target: PushTarget, user: [UInt8], domain: Int) {
        tell(target, .registered(user: user, domain: domain))
    }

    private func tell(_ target: PushTarget, _ news: News) {
        for lane in lanes.withLock({ $0 }) { lane(target, news) }
    }
}
