import Reactor
import SIP
import SIPEndpoint

/// A change of the session that this side wants, and those who wait for it.
struct WantedChange {
    /// Whether an offer is to be sent.
    var isWanted = false
    /// Whether its offer is on its way.
    var isUnderWay = false
    /// Whether the re-INVITE on its way has changed the session already, by a reliable provisional response.
    var hasTakenEffect = false
    private var waiters: [(Result<Void, SessionRefusal>) -> Void] = []

    mutating func want(_ waiter: @escaping (Result<Void, SessionRefusal>) -> Void) {
        isWanted = true
        waiters.append(waiter)
    }

    /// The change is done.
    mutating func succeed() { complete(.success(())) }

    /// The change was refused.
    mutating func fail(_ refusal: SessionRefusal) { complete(.failure(refusal)) }

    private mutating func complete(_ result: Result<Void, SessionRefusal>) {
        isWanted = false
        isUnderWay = false
        hasTakenEffect = false
        let told = waiters
        waiters = []
        for waiter in told { waiter(result) }
    }
}

// Changing the session (RFC 3261 §14.1, RFC 3311 §5.1): one offer at a time, and again after a collision.
extension CallLeg {
    /// Wants something else of the session, and says so to the far side as soon as that is allowed: by re-INVITE in the call,
    /// by PRACK or UPDATE before the answer.
    ///
    /// - Parameters:
    ///   - wish: changes what is wanted.
    ///   - completion: told on the lane when the far side has agreed, refused, or the call is over.
    func renegotiate(
        _ wish: (NegotiatedSession) -> Void, _ completion: @escaping (Result<Void, SessionRefusal>) -> Void = { _ in }
    ) {
        guard !isEnded else { return completion(.failure(SessionRefusal(481, "The call is over"))) }
        var sessions = [session] + early.values.map(\.session)
        if let current { sessions.append(current.session) }
        for case let session as NegotiatedSession in sessions { wish(session) }
        change.want(completion)
        pursueChange()
    }

    /// This side is reached at another address: its media moves, and the far side is told by a re-INVITE with the new Contact and
    /// a new offer (RFC 3261 §14). A call that is not answered yet is made anew from there.
    func addressChanged() {
        guard !isEnded, let address = agent.layer.listeners.first?.address else { return }
        do throws(SocketError) {
            try media.move(near: address)
        } catch {
            return hangUp(because: Ending(500, "The audio cannot move: \(error)", .local))
        }
        // An INVITE that waits, for servers to be asked or to be found, goes from there anyway.
        let isSent = calling == nil || role != nil
        gather { [weak self] in
            guard let self, !isEnded, isSent else { return }
            if calling != nil, !isAnswered, restart() { return }
            change.want { _ in }
            pursueChange()
        }
    }

    /// Sends the offer of a change that is wanted, if it may go now. Called whenever something that was in its way is over.
    func pursueChange() {
        guard change.isWanted, !change.isUnderWay, !isEnded else { return }
        if isAnswered {
            guard let current, current.exchange.allowsInvite else { return }
            return sendReinvite(current)
        }
        let dialogs = early.values + (current.map { [$0] } ?? [])
        guard let dialog = dialogs.first(where: { $0.exchange.allowsOfferInUpdate && $0.dialog.peerAllows(.update) })
        else { return }
        sendUpdate(dialog)
    }

    private func sendUpdate(_ call: CallDialog) {
        guard let offer = makeOffer(call) else { return }
        call.exchange.pass(.update, from: .local, hasDescription: true)
        change.isUnderWay = true
        var content = MessageContent.session(offer)
        content.fields = agent.capabilityFields + timerFields
        call.dialog.send(.update, content) { [weak self] outcome in self?.takeOutcome(outcome, of: .update, call) }
    }

    /// The final response to an UPDATE or PRACK with an offer.
    func takeOutcome(_ outcome: OutgoingRequest.Outcome, of place: SessionExchange.Place, _ call: CallDialog) {
        guard !isEnded else { return }
        guard case .response(let view) = outcome, view.statusCode.isSuccess else {
            call.exchange.refuse(place, from: .local)
            if case .response(let view) = outcome, place == .update, timer.lengthen(after: view) {
                call.session.rollBack()
                return sendUpdate(call)
            }
            let refusal: ChangeRefusal =
                if case .response(let view) = outcome { ChangeRefusal(view) } else { .lost(outcome.status) }
            return refuseChange(refusal, call, outcome.reason)
        }
        if place == .update { receiveTimer(view) }
        let body = view.sessionDescription
        let answered: SessionExchange.Place = place == .update ? .updateSuccess : .prackSuccess
        takeAnswer(body, call.exchange.pass(answered, from: .remote, hasDescription: body != nil), call)
    }

    private func sendReinvite(_ call: CallDialog) {
        guard let offer = makeOffer(call) else { return }
        call.exchange.pass(.invite, from: .local, hasDescription: true)
        change.isUnderWay = true
        change.hasTakenEffect = false
        ReinviteTransaction(self, call, offer).send()
    }

    private func makeOffer(_ call: CallDialog) -> [UInt8]? {
        do throws(SessionRefusal) {
            return try call.session.makeOffer()
        } catch {
            call.session.abandonChange(error)
            change.fail(error)
            return nil
        }
    }

    // MARK: What the far side says

    /// A reliable provisional response to a re-INVITE.
    func reinviteProgressed(_ view: MessageView, _ number: UInt32, _ call: CallDialog) {
        let body = view.sessionDescription
        if call.exchange.pass(.reliableResponse, from: .remote, hasDescription: body != nil) == .answer,
            (try? call.session.take(answer: body ?? [], isPreview: false)) != nil
        {
            change.hasTakenEffect = true
        }
        guard let sequence = try? view.cSeq.number else { return }
        call.dialog.send(.prack, MessageContent([.init(.rAck, "\(number) \(sequence) INVITE")]))
    }

    /// The 2xx to a re-INVITE: it is acknowledged, whatever it answers.
    func reinviteAccepted(_ view: MessageView, _ call: CallDialog, _ invite: Message) {
        _ = try? call.dialog.state.receive(view, to: .invite)
        call.dialog.learn(view)
        receiveTimer(view)
        let body = view.sessionDescription
        let meaning = call.exchange.pass(.success, from: .remote, hasDescription: body != nil)
        call.sendAck(to: invite, body: [])
        takeAnswer(body, meaning, call)
    }

    private func takeAnswer(_ body: [UInt8]?, _ meaning: SessionExchange.Meaning, _ call: CallDialog) {
        guard !isEnded else { return }
        switch meaning {
        case .answer:
            do throws(SessionRefusal) {
                try call.session.take(answer: body ?? [], isPreview: false)
                change.succeed()
            } catch {
                hangUp(because: Ending(error))
            }
        case .missing:
            call.session.rollBack()
            let refusal = SessionRefusal(488, "The far side did not answer the offer")
            call.session.abandonChange(refusal)
            change.fail(refusal)
        default:
            // Answered before, in a provisional response.
            change.succeed()
        }
    }

    /// A re-INVITE was refused.
    func reinviteRefused(_ refusal: ChangeRefusal, _ call: CallDialog, _ reason: String) {
        guard !isEnded else { return }
        call.exchange.refuse(.invite, from: .local)
        refuseChange(refusal, call, reason)
    }

    private func refuseChange(_ refusal: ChangeRefusal, _ call: CallDialog, _ reason: String) {
        call.session.rollBack()
        change.isUnderWay = false
        switch refusal {
        case .glare:
            let delay = SessionExchange.retryDelay(
                ownsCallID: call.dialog.ownsCallID, random: agent.layer.driver.random())
            set(.retryChange, delay)
        case .later(let delay):
            set(.retryChange, delay)
        case .rejected(let status):
            let mustSynchronize = change.hasTakenEffect
            call.session.abandonChange(SessionRefusal(status, reason))
            change.fail(SessionRefusal(status, reason))
            guard mustSynchronize else { return }
            // RFC 6141 §3.4: what a provisional response has changed is changed back, so that both sides agree.
            change.want { _ in }
            pursueChange()
        case .lost(let status):
            lose(status, reason)
        }
    }
}

/// A re-INVITE on its way.
final class ReinviteTransaction: ClientTransactionUser {
    private let leg: CallLeg
    private let call: CallDialog
    private let offer: [UInt8]
    private var machine = OutgoingReinvite()
    private var retry = AuthenticationRetry()
    private var transaction: ClientTransaction?
    private var request: Message?
    /// The server that the request went to, and those that are left when it is of no use.
    private var server: Target?
    private var alternatives = TargetSet()

    init(_ leg: CallLeg, _ call: CallDialog, _ offer: [UInt8]) {
        self.leg = leg
        self.call = call
        self.offer = offer
    }

    func send() {
        let agent = leg.agent
        agent.targets(call.dialog.nextHop, flow: call.dialog.flow) { [self] targets in
            alternatives = TargetSet(targets)
            if !sendToNextServer() { refuse(.lost(503), "The far side has no address") }
        }
    }

    /// Sends the request to the next server (RFC 3263 §4.3); false when there is none.
    private func sendToNextServer() -> Bool {
        guard let next = alternatives.next(in: leg.agent.layer) else { return false }
        send(to: next)
        return true
    }

    private func send(to target: Target) {
        let agent = leg.agent
        server = target
        let sequence = call.dialog.nextSequence()
        let fields = leg.timerFields
        let credentials = retry.authorize(
            .init(method: Array("INVITE".utf8), uri: call.dialog.requestURI.bytes, body: offer),
            with: &agent.credentials)
        let sent = agent.layer.send(.invite, to: target, user: self) { writer, via, flow in
            call.dialog.writeHead(of: .invite, sequence: sequence, via: via, into: &writer)
            CallAgent.write(credentials, into: &writer)
            agent.writeContact(flow, isSecure: call.dialog.demandsSecureContact, into: &writer)
            agent.writeCapabilities(into: &writer)
            var content = MessageContent.session(offer)
            content.fields = fields
            content.write(into: &writer)
        }
        guard let sent, let message = try? Message(sent.sentRequest) else {
            if sendToNextServer() { return }
            return refuse(.lost(503), "No listener of ours reaches \(target.address)")
        }
        transaction = sent
        request = message
        if sent.isTerminated { failed(sent, .transport("the connection cannot be made"), in: agent.layer) }
    }

    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        guard transaction === self.transaction else { return }
        let view = response.view
        if view.statusCode == 401 || view.statusCode == 407, !leg.isEnded,
            retry.receive(view, with: &leg.agent.credentials) == .retry, let server
        {
            return send(to: server)
        }
        if !leg.isEnded, leg.timer.lengthen(after: view), let server { return send(to: server) }
        if TargetSet.leadsOn(view.statusCode), !leg.isEnded, sendToNextServer() { return }
        for action in machine.receive(view) {
            switch action {
            case .progress(_, reliable: let number):
                if let number { leg.reinviteProgressed(view, number, call) }
            case .accepted: if let request { leg.reinviteAccepted(view, call, request) }
            case .resendAck: call.resendAck()
            case .refused(let refusal): refuse(refusal, CallLeg.reason(of: view))
            }
        }
    }

    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        guard transaction === self.transaction else { return }
        if TargetSet.leadsOn(transaction), !leg.isEnded, sendToNextServer() { return }
        guard !machine.transactionFailed().isEmpty else { return }
        switch failure {
        case .timeout: refuse(.lost(408), "The far side does not answer")
        case .transport(let reason): refuse(.lost(503), reason)
        }
    }

    private func refuse(_ refusal: ChangeRefusal, _ reason: String) { leg.reinviteRefused(refusal, call, reason) }
}
