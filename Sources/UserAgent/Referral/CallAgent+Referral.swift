public import SIP
import SIPEndpoint

// REFER, Replaces and Join.
extension CallAgent {
    /// Refers somebody outside of any call (RFC 3515 §2).
    public func refer(
        _ uri: URI, to target: ReferTarget, as identity: Identity, _ options: OutgoingReferral.Options = .init()
    ) -> OutgoingReferral {
        let referral = OutgoingReferral(self)
        referral.start(target, options, to: uri, as: identity)
        return referral
    }

    /// A REFER, in a dialog or outside of one (RFC 3515 §2.4.2).
    func receiveRefer(_ request: IncomingRequest, in dialog: AgentDialog?) {
        let view = request.view
        guard view.fieldCount(of: .referTo) == 1, let value = view.value(of: .referTo),
            let target = try? ReferTarget(view.text(value))
        else { return answer(request, 400, MessageContent([Self.warning("REFER needs one Refer-To")])) }
        guard target.uri.index.isSIP, target.method == .invite else {
            // RFC 3515 §2.4.2: what this side cannot access, it does not accept.
            return answer(request, target.uri.index.isSIP ? 403 : 416)
        }
        var call = dialog?.call
        if let text = view.value(of: .targetDialog).map({ view.text($0) }) {
            guard let reference = try? DialogReference(targetDialog: text) else { return answer(request, 400) }
            // RFC 4538 §4: who knows the dialog may speak for it.
            call = leg(reference)
            if call == nil { return answer(request, 481) }
        }
        guard let transaction = layer.accept(request, user: nil), let message = transaction.request else { return }
        let isSilent = view.value(of: .referSub).map { view.text($0).lowercased().hasPrefix("false") } ?? false
        let made: AgentDialog? = dialog ?? (try? makeDialog(request, transaction))
        let number = (try? view.cSeq.number).map { "\($0)" }
        // RFC 3515 §2.4.6: the first REFER of a dialog need not be named; each later one must.
        let id = dialog?.countReferral() == true ? number : nil
        onReferral?(
            IncomingReferral(self, message, target, transaction, call: call, id: id, isSilent: isSilent) { made })
    }

    /// The call that an INVITE is to replace or join (RFC 3891 §3, RFC 3911 §4).
    ///
    /// - Throws: the refusal, when there is none, or none that may be.
    func findRelation(of view: MessageView) throws(SessionRefusal) -> CallLeg.Relation? {
        let replaces = view.value(of: .replaces).map { view.text($0) }
        let join = view.value(of: .join).map { view.text($0) }
        guard view.fieldCount(of: .replaces) + view.fieldCount(of: .join) <= 1 else {
            throw SessionRefusal(400, "There is more than one Replaces or Join")
        }
        guard let text = replaces ?? join else { return nil }
        guard let reference = try? DialogReference(text) else {
            throw SessionRefusal(400, "Replaces or Join names no dialog")
        }
        guard let leg = leg(reference), !leg.isEnded else {
            // RFC 3891 §3: what has ended is declined, what is not known does not exist.
            let isOver = leg(reference) != nil || hasEnded(reference)
            throw isOver ? SessionRefusal(603, "That call is over") : SessionRefusal(481, "There is no such call")
        }
        guard replaces != nil else { return .joins(leg) }
        if leg.isAnswered {
            guard !reference.isEarlyOnly else { throw SessionRefusal(486, "That call was answered") }
            return .replaces(leg)
        }
        // RFC 3891 §3: early dialogs are replaced at the caller only.
        guard leg.invitation == nil else { throw SessionRefusal(481, "That call has not been answered yet") }
        return .replaces(leg)
    }
}

extension CallLeg {
    /// What a call that comes in has to do with another one of this side.
    public enum Relation {
        /// It takes the place of the other one (RFC 3891).
        case replaces(CallLeg)
        /// It wants to take part in the other one (RFC 3911).
        case joins(CallLeg)
    }

    /// How others name this call; nil before it has a dialog.
    public var reference: DialogReference? {
        (current?.dialog ?? early.values.first?.dialog).map { DialogReference(forPeerOf: $0.state.id) }
    }

    /// Refers the far side to somebody else: a transfer (RFC 5589).
    public func refer(
        to target: ReferTarget, as identity: CallAgent.Identity, _ options: OutgoingReferral.Options = .init()
    ) -> OutgoingReferral? {
        guard let current, !isEnded else { return nil }
        let referral = OutgoingReferral(agent)
        referral.start(target, options, in: current.dialog, as: identity)
        return referral
    }
}
