import Reactor
public import SIP
import SIPEndpoint
import Synchronization

/// A subscription to an event package of somebody else (RFC 6665), refreshed by itself.
public final class Subscription: Sendable {
    /// What happens to a subscription.
    public enum Event: Sendable {
        /// It stands; pending, the other side has yet to allow it.
        case accepted(isPending: Bool)
        /// The state of the resource; of several notifiers behind a fork, each tells its own.
        case notified(Message)
        /// It is over. Another attempt follows by itself after the duration, or none.
        case ended(SubscriptionEnding, retryAfter: Duration?)
    }

    /// What happens, from the beginning; ends when nothing follows. One reader.
    public let events: AsyncStream<Event>
    private let lane: Lane
    private let subscription: LaneBound<EventSubscription>
    private let first: Mutex<First>

    /// What became of the first SUBSCRIBE.
    private struct First {
        var result: Result<Void, RequestError>?
        var waiters: [CheckedContinuation<Result<Void, RequestError>, Never>] = []
    }

    /// Takes over a subscription; on its lane.
    init(_ subscription: EventSubscription, lane: Lane) {
        self.lane = lane
        self.subscription = LaneBound(subscription, on: lane)
        first = Mutex(First())
        let (events, end) = AsyncStream<Event>.makeStream()
        self.events = events
        // The agent keeps the subscription until it is over, whether anybody keeps its face or not.
        subscription.onEvent = { [weak self] event in
            switch event {
            case .accepted(let isPending):
                end.yield(.accepted(isPending: isPending))
                self?.began(.success(()))
            case .notified(let message): end.yield(.notified(message))
            case .notifierEnded: return
            case .ended(let ending, let retryAfter):
                end.yield(.ended(ending, retryAfter: retryAfter))
                self?.began(ending.result)
                if retryAfter == nil { end.finish() }
            }
        }
    }

    private func began(_ result: Result<Void, RequestError>) {
        let waiters = first.withLock { first in
            guard first.result == nil else { return [CheckedContinuation<Result<Void, RequestError>, Never>]() }
            first.result = result
            defer { first.waiters = [] }
            return first.waiters
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }

    /// Waits until a notifier has accepted.
    ///
    /// - Throws: `RequestError` when none does.
    public func accepted() async throws(RequestError) {
        let result: Result<Void, RequestError> = await withCheckedContinuation { continuation in
            let now: Result<Void, RequestError>? = first.withLock { first in
                if first.result == nil { first.waiters.append(continuation) }
                return first.result
            }
            if let now { continuation.resume(returning: now) }
        }
        try result.get()
    }

    /// Ends the subscription; the last notification may still follow.
    public func end() {
        let subscription = subscription
        lane.execute { _ in subscription.value.stop() }
    }
}

extension SubscriptionEnding {
    /// What it means for one who waits for the first notification: a fetch has succeeded with it.
    fileprivate var result: Result<Void, RequestError> {
        switch self {
        case .unsubscribed: .success(())
        case .refused(let status): .failure(RequestError(status: status, reason: status.phrase))
        case .silent: .failure(RequestError(status: 408, reason: "No notification came"))
        case .expired: .failure(RequestError(status: 408, reason: "The subscription was not refreshed"))
        case .terminated(let reason, _):
            .failure(RequestError(status: 603, reason: "The notifier has ended the subscription: \(reason)"))
        }
    }
}

/// Somebody who has subscribed to an event package of this side (RFC 6665 §4.2).
public final class Watcher: Sendable {
    private let lane: Lane
    private let subscription: LaneBound<NotifierSubscription>
    private let content: Mutex<MessageContent>
    /// The SUBSCRIBE.
    public let request: Message
    /// Yields nothing and ends with the subscription.
    private let life: AsyncStream<Never>

    /// Takes over a subscription; on its lane, before its first NOTIFY.
    init(_ subscription: NotifierSubscription, _ first: MessageContent, lane: Lane) {
        self.lane = lane
        self.subscription = LaneBound(subscription, on: lane)
        request = subscription.request
        content = Mutex(first)
        let (life, end) = AsyncStream<Never>.makeStream()
        self.life = life
        subscription.content = { [self] in content.withLock { $0 } }
        subscription.onEnd = { end.finish() }
    }

    /// Who has subscribed, as From says, which proves nothing by itself.
    public var subscriber: NameAddress? { request[.from].flatMap { try? NameAddress($0) } }

    /// Tells a new state of the resource, and allows a subscription that was pending. Of several states in short order the
    /// subscriber is sure to be told the last one.
    public func notify(_ state: MessageContent) {
        content.withLock { $0 = state }
        let subscription = subscription
        lane.execute { _ in
            subscription.value.allow()
            subscription.value.changed()
        }
    }

    /// Ends the subscription, for a reason that says whether to come again.
    public func end(_ reason: SubscriptionStateIndex.Reason = .noResource, retryAfter: Duration? = nil) {
        let subscription = subscription
        lane.execute { _ in subscription.value.terminate(reason, retryAfter: retryAfter) }
    }

    /// Waits until the subscription is over.
    public func ended() async { for await _ in life {} }
}
