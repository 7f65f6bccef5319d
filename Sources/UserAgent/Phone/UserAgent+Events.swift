import Reactor
public import SIP
import SIPEndpoint

// Subscriptions, publications, and requests outside of dialogs.
extension UserAgent {
    /// What a SUBSCRIBE to a package of this side gets.
    public enum WatcherDecision: Sendable {
        /// It is accepted, allowed, and told this state.
        case allow(MessageContent)
        /// It is accepted, and pending until `Watcher.notify(_:)`.
        case pend
        /// It is refused.
        case refuse(StatusCode)
    }

    /// Subscribes to an event package of somebody (RFC 6665) and returns when he has accepted.
    ///
    /// - Parameters:
    ///   - target: a SIP URI, or a user of the account's domain.
    ///   - request: the package, what it may send, and how long.
    /// - Throws: `RequestError` when it is refused, `MessageDefect` when the target is malformed.
    public func subscribe(to target: String, _ request: EventSubscription.Request) async throws -> Subscription {
        let uri = try account.resolve(target)
        let (core, surroundings) = (core, surroundings)
        let subscription = await surroundings.lane.run { _ in
            Subscription(
                core.agent.subscribe(request, to: uri, as: surroundings.identity), lane: surroundings.lane)
        }
        try await subscription.accepted()
        return subscription
    }

    /// Publishes event state (RFC 3903) and returns when the server has taken it; refreshes follow by themselves.
    ///
    /// - Parameters:
    ///   - package: the event package, such as `presence`.
    ///   - state: the state.
    ///   - resource: whose state it is; nil for the account's.
    /// - Throws: `RequestError` when it is refused, `MessageDefect` when the resource is malformed.
    public func publish(
        _ package: String, _ state: MessageContent, of resource: String? = nil,
        _ configuration: PublicationClient.Configuration = .init()
    ) async throws -> Publication {
        let uri = try resource.map { (text) throws(MessageDefect) in try account.resolve(text) } ?? account.uri
        let (core, surroundings) = (core, surroundings)
        let publication = await surroundings.lane.run { _ in
            Publication(
                core.agent.publish(package, of: uri, as: surroundings.identity, state, configuration),
                lane: surroundings.lane)
        }
        do throws(RequestError) {
            try await publication.published()
        } catch {
            publication.abandon()
            throw error
        }
        return publication
    }

    /// Sends a request outside of any dialog, and waits for the response.
    ///
    /// - Returns: the final response of 2xx.
    /// - Throws: `RequestError` when it is refused or gets no response, `MessageDefect` when the target is malformed.
    @discardableResult
    public func send(_ request: OutOfDialogRequest) async throws -> Message {
        let uri = try account.resolve(request.target)
        let (core, surroundings) = (core, surroundings)
        let result: Result<Message, RequestError> = await withCheckedContinuation { continuation in
            surroundings.lane.execute { _ in
                core.agent.send(request.method, to: uri, as: surroundings.identity, request.content) {
                    response, status, reason in
                    continuation.resume(returning: RequestError.judge(response, status, reason))
                }
            }
        }
        return try result.get()
    }

    /// Serves an event package: those who subscribe to it come as watchers, until `shutDown`.
    ///
    /// - Parameters:
    ///   - package: the name, such as `presence`.
    ///   - types: the media types of its notifications; who takes none of them is refused.
    ///   - configuration: what is granted.
    ///   - decide: judges a SUBSCRIBE; called on the lane, and must not block.
    public func serve(
        _ package: String, types: [String] = [], configuration: Notifier.Configuration = .init(),
        decide: @escaping @Sendable (Message) -> WatcherDecision
    ) async -> AsyncStream<Watcher> {
        let (watchers, arrivals) = AsyncStream<Watcher>.makeStream()
        let (core, lane) = (core, surroundings.lane)
        await lane.run { _ in
            // Set by the decision for the subscription that follows at once.
            var first = MessageContent()
            core.agent.packages[package] = EventPackage(package, types: types, configuration: configuration) {
                request in
                switch decide(request) {
                case .allow(let state):
                    first = state
                    return .allow
                case .pend:
                    first = MessageContent()
                    return .pend
                case .refuse(let status): return .refuse(status)
                }
            } begin: { subscription in
                arrivals.yield(Watcher(subscription, first, lane: lane))
            }
        }
        return watchers
    }
}
