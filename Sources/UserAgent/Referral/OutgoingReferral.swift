public import SIP
import SIPEndpoint

/// A REFER of this side, and what becomes of it (RFC 3515).
///
/// Bound to its lane.
public final class OutgoingReferral {
    /// What happens to a referral.
    public enum Event: Sendable, Hashable {
        /// The far side will try.
        case accepted
        /// How its request gets on.
        case progress(StatusFragment)
        /// It is over; nothing follows.
        case ended(Outcome)
    }

    /// What became of a referral.
    public enum Outcome: Sendable, Hashable {
        /// The far side has reached the one whom it was referred to.
        case succeeded(StatusFragment)
        /// It could not, or did not want to.
        case failed(StatusFragment)
        /// It refused to try.
        case refused(StatusCode, reason: String)
        /// It does not say; without a subscription that is all one gets (RFC 4488).
        case unknown
    }

    /// How a referral is made.
    public struct Options: Sendable, Hashable {
        /// Who refers, as the one who is contacted will be told (RFC 3892); nil for nobody.
        public var referredBy: NameAddress?
        /// Whether the far side is asked not to report (RFC 4488).
        public var isSilent = false

        /// The usual way.
        public init() {}
    }

    /// Told what happens, on the lane.
    public var onEvent: (Event) -> Void = { _ in }
    private let agent: CallAgent
    private var subscription: EventSubscription?
    private var last: StatusFragment?
    private var outcome: Outcome?

    init(_ agent: CallAgent) { self.agent = agent }

    /// Sends the REFER in a dialog, or outside of one.
    func start(_ target: ReferTarget, _ options: Options, in dialog: AgentDialog, as identity: CallAgent.Identity) {
        // RFC 7647 §4: a peer whose Contact is a GRUU can be reached outside of the dialog, which is then not shared.
        let isShared = dialog.state.remoteTarget.parameter("gr") == nil
        guard !isShared else { return send(target, options, nil, in: dialog, as: identity) }
        let reference = DialogReference(forPeerOf: dialog.state.id)
        let origin = RequestOrigin(agent, to: dialog.state.remoteTarget, as: identity)
        send(target, options, reference, in: origin, as: identity)
    }

    /// Sends the REFER outside of a dialog.
    func start(_ target: ReferTarget, _ options: Options, to uri: URI, as identity: CallAgent.Identity) {
        send(target, options, nil, in: RequestOrigin(agent, to: uri, as: identity), as: identity)
    }

    /// No more reports are wanted; the far side's request goes on (RFC 3515 §2.4.4).
    public func stopReports() { subscription?.stop() }

    private func send(
        _ target: ReferTarget, _ options: Options, _ reference: DialogReference?, in scope: any RequestScope,
        as identity: CallAgent.Identity
    ) {
        var content = MessageContent([.init(.referTo, target.description)])
        if let referrer = options.referredBy { content.fields.append(.init(.referredBy, referrer.description)) }
        if options.isSilent { content.fields.append(.init(.referSub, "false")) }
        if let reference {
            content.fields += [.init(.targetDialog, reference.targetDialogValue), .init(.require, "tdialog")]
        }
        let completion: (OutgoingRequest.Outcome) -> Void = { [weak self] in self?.answered($0) }
        let dialog = scope as? AgentDialog
        let origin = scope as? RequestOrigin
        let sent: OutgoingRequest?
        if let dialog {
            sent = dialog.send(.refer, content, completion)
        } else if let origin {
            sent = agent.send(.refer, content, in: origin, hasContact: true, completion)
        } else {
            sent = nil
        }
        guard outcome == nil else { return }
        var request = EventSubscription.Request("refer", types: ["message/sipfrag"])
        request.id = dialog == nil ? nil : sent.map { "\($0.sequence)" }
        request.renews = false
        request.subscriber.refreshes = false
        let subscription = EventSubscription(agent, request, to: target.uri, as: identity)
        self.subscription = subscription
        subscription.onEvent = { [weak self] in self?.notified($0) }
        subscription.startImplicitly(origin, in: dialog)
    }

    private func answered(_ outcome: OutgoingRequest.Outcome) {
        guard self.outcome == nil else { return }
        guard case .response(let view) = outcome, view.statusCode.isSuccess else {
            end(.refused(outcome.status, reason: outcome.reason))
            subscription?.refuseImplicitly(outcome.status)
            return
        }
        onEvent(.accepted)
        guard view.list(.referSub, contains: "false") || view.value(of: .referSub).map({ view.text($0) }) == "false"
        else {
            return
        }
        end(.unknown)
        subscription?.refuseImplicitly(outcome.status)
    }

    private func notified(_ event: EventSubscription.Event) {
        guard outcome == nil else { return }
        switch event {
        case .accepted: return
        case .notified(let message):
            guard let fragment = StatusFragment(message.body) else { return }
            last = fragment
            // The first final status is the outcome, whatever becomes of the subscription.
            guard fragment.status.isFinal else { return onEvent(.progress(fragment)) }
            end(fragment.status.isSuccess ? .succeeded(fragment) : .failed(fragment))
        case .notifierEnded, .ended: end(.unknown)
        }
    }

    private func end(_ outcome: Outcome) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        onEvent(.ended(outcome))
    }
}
