public import SIP
import SIPEndpoint

/// What somebody else has subscribed to here (RFC 6665 §4.2).
///
/// Bound to its lane. `CallAgent` makes it when a SUBSCRIBE, or a request that subscribes by itself, was accepted.
public final class NotifierSubscription {
    let agent: CallAgent
    /// The event package.
    public let package: String
    /// The `id` parameter of Event; nil when there is none.
    public let id: String?
    /// The request that made the subscription.
    public let request: Message
    private let dialog: AgentDialog
    private var machine: Notifier
    private var timers: [Notifier.Timer: CallAgent.RunningTimer] = [:]
    private let allowedTypes: [String]
    /// Makes the state of the resource for a NOTIFY, when it is sent; by default none.
    public var content: () -> MessageContent = { MessageContent() }
    /// Told once, on the lane, when the subscription is over and nothing follows.
    public var onEnd: () -> Void = {}

    init(
        _ agent: CallAgent, _ package: EventPackage, id: String?, request: Message, in dialog: AgentDialog,
        _ machine: Notifier
    ) {
        self.agent = agent
        self.package = package.name
        self.id = id
        self.request = request
        self.dialog = dialog
        self.machine = machine
        allowedTypes = package.types
        dialog.join(self)
    }

    /// Who has subscribed, as From says.
    public var subscriber: NameAddress? { request[.from].flatMap { try? NameAddress($0) } }

    /// Whether it is over, but for its last NOTIFY.
    public var isTerminated: Bool { machine.isTerminated }

    // MARK: Commands

    /// Allows a subscription that is pending.
    public func allow() { drive { $0.allow() } }

    /// The state of the resource has changed: a NOTIFY follows, with what ``content`` makes then.
    public func changed() { drive { $0.changed() } }

    /// Ends the subscription, with a last NOTIFY.
    public func terminate(_ reason: SubscriptionStateIndex.Reason = .noResource, retryAfter: Duration? = nil) {
        drive { $0.terminate(reason, retryAfter: retryAfter) }
    }

    func start() {
        let now = agent.layer.driver.now
        drive { $0.start(at: now) }
    }

    // MARK: The machine

    private func drive(_ input: (inout Notifier) -> [Notifier.Action]) {
        for action in input(&machine) {
            switch action {
            case .notify: notify()
            case .set(let timer, let delay):
                stop(timer)
                timers[timer] = agent.schedule(delay) { [weak self] in
                    self?.timers[timer] = nil
                    self?.drive { $0.fire(timer) }
                }
            case .stop(let timer): stop(timer)
            case .finished:
                dialog.leave(self)
                onEnd()
                // Nothing follows, and who makes the state keeps the subscription.
                onEnd = {}
                content = { MessageContent() }
            }
        }
    }

    private func stop(_ timer: Notifier.Timer) {
        if let running = timers.removeValue(forKey: timer) { agent.cancel(running) }
    }

    private func notify() {
        var content = content()
        content.fields += [
            .init(.event, package + (id.map { ";id=\($0)" } ?? "")),
            .init(.subscriptionState, machine.subscriptionState(at: agent.layer.driver.now)),
        ]
        dialog.send(.notify, content) { [weak self] outcome in
            self?.drive { machine in
                if case .response(let view) = outcome {
                    machine.receive(view.statusCode)
                } else {
                    machine.transactionFailed()
                }
            }
        }
    }
}

extension NotifierSubscription: DialogUsage {
    func receive(_ request: IncomingRequest, in dialog: AgentDialog) -> Bool {
        let view = request.view
        guard view.method == .subscribe, let event = (try? view.event).flatMap({ $0 }),
            view.text(event.type) == package,
            view.text(event.id) == id ?? "", !machine.isTerminated
        else { return false }
        let requested: Duration?
        do throws(MessageDefect) {
            requested = try view.expires.map { .seconds($0) }
        } catch {
            agent.answer(request, 400)
            return true
        }
        switch machine.configuration.grant(requested) {
        case .tooBrief(let minimum):
            agent.answer(request, 423, MessageContent([.init(.minExpires, "\(minimum.components.seconds)")]))
        case .granted(let expires):
            guard let transaction = agent.layer.accept(request, user: nil) else { return true }
            try? dialog.state.refreshTarget(from: view)
            agent.respond(
                transaction, 200, MessageContent([.init(.expires, "\(expires.components.seconds)")]), hasContact: true)
            let now = agent.layer.driver.now
            drive { $0.refresh(expires, at: now) }
        }
        return true
    }

    func dialogLost(_ dialog: AgentDialog, _ status: StatusCode) { drive { $0.lose() } }

    /// A NOTIFY refreshes the target (RFC 6665 §4.4.1).
    func relocate() { changed() }
}

/// An event package that this side serves as a notifier.
public struct EventPackage {
    /// What a SUBSCRIBE to the package gets.
    public enum Decision {
        /// It is accepted and allowed.
        case allow
        /// It is accepted; whether it is allowed is said later.
        case pend
        /// It is refused.
        case refuse(StatusCode)
    }

    /// The name, such as `presence`.
    public var name: String
    /// The media types of its notifications; empty when the package does not say.
    public var types: [String]
    /// What is granted.
    public var configuration: Notifier.Configuration
    /// Judges a SUBSCRIBE, on the lane.
    public var decide: (Message) -> Decision
    /// Takes a subscription, on the lane, before its first NOTIFY.
    public var begin: (NotifierSubscription) -> Void

    /// A package.
    public init(
        _ name: String, types: [String] = [], configuration: Notifier.Configuration = .init(),
        decide: @escaping (Message) -> Decision = { _ in .allow }, begin: @escaping (NotifierSubscription) -> Void
    ) {
        self.name = name
        self.types = types
        self.configuration = configuration
        self.decide = decide
        self.begin = begin
    }
}
