public import SIP
import SIPEndpoint

/// What this side subscribes to: one event package of one resource, at all notifiers that a SUBSCRIBE reaches (RFC 6665 §4.1).
///
/// Bound to its lane. `CallAgent` makes it; `Subscription` is its face above the lanes.
public final class EventSubscription {
    /// What happens to a subscription.
    public enum Event: Sendable {
        /// A notifier has accepted it; pending, it has yet to be allowed.
        case accepted(isPending: Bool)
        /// A notifier has told the state of the resource.
        case notified(Message)
        /// One of several notifiers has ended; others go on.
        case notifierEnded(SubscriptionEnding)
        /// It is over at all notifiers. Another attempt follows by itself after the duration, or none.
        case ended(SubscriptionEnding, retryAfter: Duration?)
    }

    /// What is subscribed to.
    public struct Request: Sendable, Hashable {
        /// The event package, such as `presence`.
        public var package: String
        /// The `id` parameter of Event, where several subscriptions share a dialog.
        public var id: String?
        /// The media types that notifications may have; empty says nothing.
        public var types: [String]
        /// Further header fields, and a filter as body.
        public var content: MessageContent
        /// How long, and how patiently.
        public var subscriber = Subscriber.Configuration()
        /// Whether another subscription takes the place of one that has ended for a reason that passes.
        public var renews = true
        /// The most notifiers that one SUBSCRIBE may reach; further ones are refused.
        public var mostNotifiers = 16

        /// A request for a package.
        public init(_ package: String, types: [String] = [], content: MessageContent = MessageContent()) {
            self.package = package
            self.types = types
            self.content = content
        }

        /// The value of Event.
        var event: String { package + (id.map { ";id=\($0)" } ?? "") }
    }

    let agent: CallAgent
    /// What is subscribed to.
    public let request: Request
    let target: URI
    let identity: CallAgent.Identity
    /// Told what happens, on the lane.
    public var onEvent: (Event) -> Void = { _ in }
    private(set) var origin: RequestOrigin?
    /// The subscriptions at the notifiers; the first one may still wait for its dialog.
    private var notifiers: [NotifierLink] = []
    private var wasAccepted = false
    private var isWanted = true
    private var forkTimer: CallAgent.RunningTimer?
    private var retryTimer: CallAgent.RunningTimer?

    init(_ agent: CallAgent, _ request: Request, to target: URI, as identity: CallAgent.Identity) {
        self.agent = agent
        self.request = request
        self.target = target
        self.identity = identity
    }

    // MARK: Commands

    /// Wants no more.
    public func stop() {
        isWanted = false
        if let retryTimer {
            agent.cancel(retryTimer)
            self.retryTimer = nil
            return finish(.unsubscribed)
        }
        for notifier in notifiers { notifier.stop() }
    }

    /// Refreshes at all notifiers, as when the address of this side has changed.
    func refresh() { for notifier in notifiers { notifier.refresh() } }

    func start() {
        retryTimer = nil
        agent.keep(self)
        let origin = RequestOrigin(agent, to: target, as: identity)
        self.origin = origin
        wasAccepted = false
        expectNotifiers(of: origin)
        let first = NotifierLink(self, Subscriber(request.subscriber, timers: agent.layer.configuration.timers))
        notifiers = [first]
        first.start()
    }

    /// A request of another method that subscribes by itself is sent in a dialog, or outside of one: its NOTIFYs follow.
    func startImplicitly(_ origin: RequestOrigin?, in dialog: AgentDialog?) {
        agent.keep(self)
        self.origin = origin
        if let origin { expectNotifiers(of: origin) }
        let first = NotifierLink(self, Subscriber(request.subscriber, timers: agent.layer.configuration.timers))
        notifiers = [first]
        first.startImplicitly(in: dialog)
    }

    /// The request that would have subscribed was refused.
    func refuseImplicitly(_ status: StatusCode) { for notifier in notifiers { notifier.lose(status) } }

    // MARK: Notifiers

    /// For as long as NOTIFYs of further notifiers are expected (RFC 6665 §4.1.2.4).
    private func expectNotifiers(of origin: RequestOrigin) {
        agent.expect(self, origin)
        forkTimer = agent.schedule(agent.layer.configuration.timers.timerF) { [weak self] in
            self?.forkTimer = nil
            self?.agent.expectNoMore(origin)
        }
    }

    /// The first NOTIFY of a notifier; whether it belongs here.
    func receiveFirst(_ notify: IncomingRequest) -> Bool {
        let view = notify.view
        guard isMeant(view), let origin else { return false }
        let isFork = notifiers.first?.dialog != nil
        guard notifiers.count < request.mostNotifiers || !isFork else { return false }
        do throws(MessageDefect) {
            let state = try Dialog(notifying: view, localSequence: origin.sequence)
            let link: NotifierLink
            if let first = notifiers.first, !isFork {
                link = first
            } else {
                guard let first = notifiers.first?.machine else { return false }
                link = NotifierLink(self, Subscriber(forkedFrom: first))
                notifiers.append(link)
            }
            link.enter(AgentDialog(agent, state, flow: notify.flow, ownsCallID: true))
            link.take(notify)
        } catch {
            agent.layer.respondStatelessly(to: notify, 400, reason: error.reason)
        }
        return true
    }

    /// Whether a NOTIFY is of this subscription by its Event (RFC 6665 §8.2.1).
    func isMeant(_ view: MessageView) -> Bool {
        guard let event = (try? view.event).flatMap({ $0 }) else { return false }
        let id = view.text(event.id)
        guard view.text(event.type) == request.package else { return false }
        // The first REFER of a dialog need not be named by its number (RFC 3515 §2.4.6).
        return id == request.id ?? "" || id.isEmpty && request.package == "refer"
    }

    fileprivate func accepted(isPending: Bool) {
        wasAccepted = true
        onEvent(.accepted(isPending: isPending))
    }

    fileprivate func ended(_ link: NotifierLink, _ ending: SubscriptionEnding) {
        notifiers.removeAll { $0 === link }
        guard notifiers.isEmpty else { return onEvent(.notifierEnded(ending)) }
        if let forkTimer { agent.cancel(forkTimer) }
        forkTimer = nil
        if let origin { agent.expectNoMore(origin) }
        guard isWanted, request.renews, wasAccepted else { return finish(ending) }
        switch ending.next {
        case .never: finish(ending)
        case .now: retry(ending, .zero)
        case .after(let delay): retry(ending, delay)
        }
    }

    /// Nothing follows.
    private func finish(_ ending: SubscriptionEnding) {
        agent.release(self)
        onEvent(.ended(ending, retryAfter: nil))
    }

    /// RFC 6665 §4.1.2.2: another subscription is a new one, in a new dialog.
    private func retry(_ ending: SubscriptionEnding, _ delay: Duration) {
        onEvent(.ended(ending, retryAfter: delay))
        guard isWanted else { return }
        retryTimer = agent.schedule(delay) { [weak self] in self?.start() }
    }
}

extension EventSubscription: AgentEffort {
    func agentEnded() {
        isWanted = false
        for notifier in notifiers { notifier.lose(503) }
        // One that waits for another attempt has no notifier.
        if retryTimer != nil { finish(.silent) }
    }
}

/// The subscription at one notifier, in its dialog.
final class NotifierLink: DialogUsage {
    private let owner: EventSubscription
    private(set) var machine: Subscriber
    private(set) var dialog: AgentDialog?
    private var timers: [Subscriber.Timer: CallAgent.RunningTimer] = [:]
    /// The value of Event, as the notifier writes it (RFC 3515 §2.4.6).
    private var event: String

    init(_ owner: EventSubscription, _ machine: Subscriber) {
        self.owner = owner
        self.machine = machine
        event = owner.request.event
    }

    func start() { drive { $0.start() } }

    func startImplicitly(in dialog: AgentDialog?) {
        if let dialog { enter(dialog) }
        drive { $0.startImplicitly() }
    }

    func stop() { drive { $0.stop() } }

    func refresh() { drive { $0.refresh() } }

    func enter(_ dialog: AgentDialog) {
        self.dialog = dialog
        dialog.join(self)
    }

    // MARK: DialogUsage

    func receive(_ request: IncomingRequest, in dialog: AgentDialog) -> Bool {
        guard request.view.method == .notify, owner.isMeant(request.view) else { return false }
        take(request)
        return true
    }

    func dialogLost(_ dialog: AgentDialog, _ status: StatusCode) { lose(status) }

    func relocate() { refresh() }

    func lose(_ status: StatusCode) { drive { $0.lose(status) } }

    /// A NOTIFY of this subscription (RFC 6665 §4.1.3).
    func take(_ request: IncomingRequest) {
        guard let state = (try? request.view.subscriptionState).flatMap({ $0 }) else {
            return owner.agent.answer(
                request, 400, MessageContent([CallAgent.warning("Subscription-State is missing")]))
        }
        let message = request.keep()
        event = message[.event] ?? event
        owner.agent.answer(request, 200)
        try? request.view.keepTarget(in: dialog)
        let actions = machine.receive(state)
        // The state that came is told before what becomes of the subscription.
        let changes = actions.prefix { if case .changed = $0 { true } else { false } }
        perform(Array(changes))
        owner.onEvent(.notified(message))
        perform(Array(actions.dropFirst(changes.count)))
    }

    // MARK: The machine

    private func drive(_ input: (inout Subscriber) -> [Subscriber.Action]) { perform(input(&machine)) }

    private func perform(_ actions: [Subscriber.Action]) {
        for action in actions {
            switch action {
            case .subscribe(let expires): subscribe(expires)
            case .changed(let state): owner.accepted(isPending: state == .pending)
            case .ended(let ending):
                dialog?.leave(self)
                owner.ended(self, ending)
            case .set(let timer, let delay):
                stop(timer)
                timers[timer] = owner.agent.schedule(delay) { [weak self] in
                    self?.timers[timer] = nil
                    self?.drive { $0.fire(timer) }
                }
            case .stop(let timer): stop(timer)
            }
        }
    }

    private func stop(_ timer: Subscriber.Timer) {
        if let running = timers.removeValue(forKey: timer) { owner.agent.cancel(running) }
    }

    private func subscribe(_ expires: Duration) {
        var content = owner.request.content
        content.fields += [.init(.event, event), .init(.expires, "\(expires.components.seconds)")]
        if !owner.request.types.isEmpty {
            content.fields.append(.init(.accept, owner.request.types.joined(separator: ", ")))
        }
        let completion: (OutgoingRequest.Outcome) -> Void = { [weak self] outcome in
            self?.drive { machine in
                if case .response(let view) = outcome { machine.receive(view) } else { machine.transactionFailed() }
            }
        }
        if let dialog {
            dialog.send(.subscribe, content, completion)
        } else if let origin = owner.origin {
            owner.agent.send(.subscribe, content, in: origin, hasContact: true, completion)
        }
    }
}

extension MessageView {
    /// A NOTIFY or SUBSCRIBE refreshes the target of its dialog.
    fileprivate func keepTarget(in dialog: AgentDialog?) throws(MessageDefect) {
        try dialog?.state.refreshTarget(from: self)
    }
}
