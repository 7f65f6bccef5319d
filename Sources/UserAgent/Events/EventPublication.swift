public import SIP
import SIPEndpoint

/// Event state that this side publishes (RFC 3903 §4).
///
/// Bound to its lane. `CallAgent` makes it; `Publication` is its face above the lanes.
public final class EventPublication {
    /// What happens to a publication.
    public enum Event: Sendable, Hashable {
        /// The state is published for that long.
        case published(expires: Duration)
        /// The state was removed.
        case removed
        /// An attempt failed; another one follows after the duration, or none.
        case failed(PublicationClient.Failure, retryAfter: Duration?)
    }

    let agent: CallAgent
    /// The event package.
    public let package: String
    private let origin: RequestOrigin
    private var machine: PublicationClient
    private var content: MessageContent
    private var timers: [PublicationClient.Timer: CallAgent.RunningTimer] = [:]
    /// Told what happens, on the lane.
    public var onEvent: (Event) -> Void = { _ in }

    init(
        _ agent: CallAgent, _ package: String, of resource: URI, as identity: CallAgent.Identity,
        _ content: MessageContent, _ configuration: PublicationClient.Configuration
    ) {
        self.agent = agent
        self.package = package
        self.content = content
        origin = RequestOrigin(agent, to: resource, as: identity)
        machine = PublicationClient(configuration)
    }

    /// The name of the state at the server; nil while it has none.
    public var entityTag: String? { machine.entityTag }

    /// Publishes another state.
    public func modify(_ content: MessageContent) {
        self.content = content
        drive { $0.publish() }
    }

    /// Takes the state away.
    public func remove() { drive { $0.remove() } }

    func start() { drive { $0.publish() } }

    private func drive(_ input: (inout PublicationClient) -> [PublicationClient.Action]) {
        for action in input(&machine) {
            switch action {
            case .send(let operation, let expires): send(operation, expires)
            case .published(let expires): onEvent(.published(expires: expires))
            case .removed:
                agent.release(self)
                onEvent(.removed)
            case .failed(let failure, let retryAfter): onEvent(.failed(failure, retryAfter: retryAfter))
            case .set(let timer, let delay):
                stop(timer)
                timers[timer] = agent.schedule(delay) { [weak self] in
                    self?.timers[timer] = nil
                    self?.drive { $0.fire(timer) }
                }
            case .stop(let timer): stop(timer)
            }
        }
    }

    private func stop(_ timer: PublicationClient.Timer) {
        if let running = timers.removeValue(forKey: timer) { agent.cancel(running) }
    }

    private func send(_ operation: PublicationClient.Operation, _ expires: Duration) {
        agent.keep(self)
        var content = operation.hasBody ? content : MessageContent()
        content.fields += [.init(.event, package), .init(.expires, "\(expires.components.seconds)")]
        if let tag = machine.entityTag { content.fields.append(.init(.sipIfMatch, tag)) }
        agent.send(.publish, content, in: origin) { [weak self] outcome in
            self?.drive { machine in
                if case .response(let view) = outcome { machine.receive(view) } else { machine.transactionFailed() }
            }
        }
    }
}

extension EventPublication: AgentEffort {
    func agentEnded() {
        for timer in timers.keys { stop(timer) }
        onEvent(.failed(.unreachable, retryAfter: nil))
    }
}
