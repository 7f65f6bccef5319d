import SIP
public import SIPEndpoint

/// How a call is to be made.
public struct OutgoingCallOptions: Sendable, Hashable {
    /// Further header fields of the INVITE.
    public var fields: [MessageContent.Field] = []
    /// Whether the far side is to make the offer (RFC 3261 §13.2.1): the INVITE has none.
    public var offersLate = false
    /// Whether a 3xx is followed to the addresses that it names (RFC 3261 §8.1.3.4); else it ends the call.
    public var followsRedirection = true
    /// Whether provisional responses must come reliably (RFC 3262 §4): a callee that cannot do that refuses.
    public var requiresReliableProgress = false

    /// The usual way.
    public init() {}
}

/// What the INVITE of a call that goes out is made of.
struct OutgoingCall {
    let origin: RequestOrigin
    let options: OutgoingCallOptions
    var transaction: ClientTransaction?
    var retry = AuthenticationRetry()
    /// Where responses have redirected the INVITE to.
    var redirects: RedirectTargets
    /// The server that the INVITE went to, and those that are left when it is of no use.
    var server: Target?
    var alternatives = TargetSet()
    /// Where the offer of the INVITE stands; each early dialog goes on with a copy.
    var exchange = SessionExchange()
    /// The answer that goes with the ACK, or why there is none; nil while it is awaited.
    var acceptance: Result<[UInt8], SessionRefusal>?
    /// Whether the 2xx waits for its ACK.
    var isAckDue = false

    init(_ origin: RequestOrigin, _ options: OutgoingCallOptions) {
        self.origin = origin
        self.options = options
        redirects = RedirectTargets(origin.requestURI)
    }
}

// The caller's side.
extension CallLeg {
    func begin(to uri: URI, as identity: CallAgent.Identity, _ options: OutgoingCallOptions) {
        calling = OutgoingCall(RequestOrigin(agent, to: uri, as: identity), options)
        gather { [weak self] in
            guard let self, !isEnded else { return }
            sendInvite()
        }
    }

    /// Finds the servers and sends the INVITE, also again with credentials.
    private func sendInvite() {
        guard let origin = calling?.origin else { return }
        agent.layer.locate(origin.nextHop) { [self] targets in
            guard !isEnded else { return }
            var set = TargetSet(targets)
            guard let first = set.next(in: agent.layer) else {
                return end(Ending(503, "\(origin.nextHop.host) has no address", .local))
            }
            calling?.alternatives = set
            sendInvite(to: first)
        }
    }

    /// Sends the INVITE to the next server (RFC 3263 §4.3); false when there is none.
    private func sendToNextServer() -> Bool {
        guard let next = calling?.alternatives.next(in: agent.layer) else { return false }
        renewInvite()
        sendInvite(to: next)
        return true
    }

    private func sendInvite(to target: Target) {
        guard var calling else { return }
        calling.server = target
        var body: [UInt8] = []
        do throws(SessionRefusal) {
            if !calling.options.offersLate { body = try session.makeOffer() }
        } catch {
            return end(Ending(error))
        }
        let origin = calling.origin
        let sequence = origin.nextSequence()
        let credentials = calling.retry.authorize(
            .init(method: Array("INVITE".utf8), uri: origin.requestURI.bytes, body: body), with: &agent.credentials)
        var content = MessageContent.session(body)
        content.fields = timerFields + calling.options.fields
        if calling.options.requiresReliableProgress { content.fields.append(.init(.require, "100rel")) }
        let sent = agent.layer.send(.invite, to: target, user: self) { writer, via, flow in
            origin.writeHead(of: .invite, sequence: sequence, via: via, into: &writer)
            CallAgent.write(credentials, into: &writer)
            agent.writeContact(flow, isSecure: origin.demandsSecureContact, into: &writer)
            agent.writeCapabilities(into: &writer)
            content.write(into: &writer)
        }
        guard let sent, let request = try? Message(sent.sentRequest) else {
            if sendToNextServer() { return }
            return end(Ending(503, "No listener of ours reaches \(target.address)", .local))
        }
        calling.transaction = sent
        calling.exchange = SessionExchange()
        calling.exchange.pass(.invite, from: .local, hasDescription: !body.isEmpty)
        self.calling = calling
        role = .caller(OutgoingInvite(request: request, timers: agent.layer.configuration.timers))
        withCaller { $0.start() }
        // A connection that cannot be had may have failed before the leg knew its transaction.
        if sent.isTerminated, !isEnded { failed(sent, .transport("the connection cannot be made"), in: agent.layer) }
    }

    // MARK: The machine

    func withCaller(_ input: (inout OutgoingInvite) -> [OutgoingInvite.Action]) {
        guard case .caller(var machine) = role else { return }
        let actions = input(&machine)
        role = .caller(machine)
        perform(actions, nil)
    }

    private func perform(_ actions: [OutgoingInvite.Action], _ response: MessageView?) {
        for action in actions {
            guard case .caller(let machine) = role else { return }
            switch action {
            case .progress(let status, let index): progress(status, index, response)
            case .sendPrack(let index, let number): acknowledge(number, index, response)
            case .accepted(let index): accept(index, response)
            case .sendAck(let index): sendAck(index, machine, response)
            case .resendAck(let index): early[index]?.resendAck()
            case .sendBye(let index): early[index]?.sendBye()
            case .sendCancel: if let invite = calling?.transaction { agent.layer.sendCancel(invite) }
            case .dialogEnded(let index): early[index]?.dialog.leave(self)
            case .ended(let ending): end(Ending(ending, reason: endReason))
            case .set(.expires, let delay): set(.expires, delay)
            case .set(.moreSuccesses, let delay): set(.moreSuccesses, delay)
            case .finished: finished()
            }
        }
    }

    /// No further response to the INVITE will come: early dialogs that were not chosen are over.
    private func finished() {
        guard !isEnded else { return forget() }
        for (index, dialog) in early where dialog !== current {
            dialog.dialog.leave(self)
            early[index] = nil
        }
    }

    /// The dialog at a place of the machine, made when a response has made it.
    private func dialog(_ index: Int) -> CallDialog? {
        if let dialog = early[index] { return dialog }
        guard case .caller(let machine) = role, let calling else { return nil }
        let dialog = CallDialog(
            AgentDialog(agent, machine.dialogs[index], flow: calling.transaction?.flow, ownsCallID: true),
            session.fork(), calling.exchange)
        early[index] = dialog
        dialog.dialog.join(self)
        return dialog
    }

    // MARK: Provisional responses

    private func progress(_ status: StatusCode, _ index: Int?, _ response: MessageView?) {
        var hasEarlyMedia = false
        if let index, let response, let dialog = dialog(index) {
            dialog.dialog.learn(response)
            if response.reliableNumber == nil, let body = response.sessionDescription,
                dialog.exchange.pass(.unreliableResponse, from: .remote, hasDescription: true) == .preview,
                (try? dialog.session.take(answer: body, isPreview: true)) != nil
            {
                dialog.preview = body
                hasEarlyMedia = true
            }
        }
        tell(.progress(status))
        if hasEarlyMedia { tell(.earlyMedia) }
    }

    /// Acknowledges a reliable provisional response by PRACK, with the answer to an offer in it (RFC 3262 §5).
    private func acknowledge(_ number: UInt32, _ index: Int, _ response: MessageView?) {
        guard let response, let dialog = dialog(index), let sequence = try? response.cSeq.number else { return }
        let rAck = "\(number) \(sequence) INVITE"
        let body = response.sessionDescription
        switch dialog.exchange.pass(.reliableResponse, from: .remote, hasDescription: body != nil) {
        case .answer:
            let taken = Result { () throws(SessionRefusal) in
                try dialog.session.take(answer: body ?? [], isPreview: false)
            }
            // Acknowledged in any case; with one more offer when this side wants one.
            sendPrack(rAck, dialog)
            switch taken {
            case .success: tell(.earlyMedia)
            case .failure(let refusal): hangUp(because: Ending(refusal))
            }
        case .offer:
            dialog.session.answer(body ?? []) { [weak self] result in
                guard let self, !isEnded else { return }
                switch result {
                case .success(let answer):
                    dialog.exchange.pass(.prack, from: .local, hasDescription: true)
                    sendPrack(rAck, dialog, body: answer)
                    tell(.earlyMedia)
                case .failure(let refusal):
                    hangUp(because: Ending(refusal))
                }
            }
        default:
            sendPrack(rAck, dialog)
        }
    }

    /// Sends a PRACK; a change of the session that is wanted and allowed goes with it as an offer (RFC 3262 §5).
    private func sendPrack(_ rAck: String, _ dialog: CallDialog, body answer: [UInt8] = []) {
        var body = answer
        if body.isEmpty, change.isWanted, !change.isUnderWay, dialog.exchange.duty(of: .prack) == .mayOffer,
            let offer = try? dialog.session.makeOffer()
        {
            dialog.exchange.pass(.prack, from: .local, hasDescription: true)
            change.isUnderWay = true
            body = offer
        }
        let hasOffer = answer.isEmpty && !body.isEmpty
        var content = MessageContent.session(body)
        content.fields = [.init(.rAck, rAck)]
        dialog.dialog.send(.prack, content) { [weak self] outcome in
            guard let self, hasOffer else { return }
            takeOutcome(outcome, of: .prack, dialog)
        }
    }

    // MARK: The answer

    private func accept(_ index: Int, _ response: MessageView?) {
        guard let response, let dialog = dialog(index) else { return }
        try? dialog.dialog.state.confirm(by: response)
        dialog.dialog.learn(response)
        // Whatever was thought of the dialog before, it is the call.
        dialog.isOver = false
        dialog.dialog.join(self)
        current = dialog
        timer.forgetMinimum()
        receiveTimer(response)
        let body = response.sessionDescription ?? dialog.preview
        switch dialog.exchange.pass(.success, from: .remote, hasDescription: body != nil) {
        case .answer:
            do throws(SessionRefusal) {
                try dialog.session.take(answer: body ?? [], isPreview: false)
                calling?.acceptance = .success([])
            } catch {
                calling?.acceptance = .failure(error)
            }
        case .offer:
            dialog.session.answer(body ?? []) { [weak self] result in
                guard let self else { return }
                calling?.acceptance = result
                finishAcceptance()
            }
        case .missing:
            calling?.acceptance = .failure(SessionRefusal(488, "The answer has no session description"))
        case .none, .preview:
            // Agreed before, in reliable responses; other early dialogs may have had the media since.
            dialog.session.select()
            calling?.acceptance = .success([])
        }
    }

    private func sendAck(_ index: Int, _ machine: OutgoingInvite, _ response: MessageView?) {
        guard let dialog = dialog(index) else { return }
        guard dialog === current, !isEnded else {
            // A further answer of a fork, or one that comes after the call was given up.
            if let response { try? dialog.dialog.state.confirm(by: response) }
            return dialog.sendAck(to: machine.request, body: [])
        }
        calling?.isAckDue = true
        finishAcceptance()
    }

    private func finishAcceptance() {
        guard case .caller(let machine) = role, let calling, calling.isAckDue, let acceptance = calling.acceptance,
            let current
        else { return }
        self.calling?.isAckDue = false
        switch acceptance {
        case .success(let body):
            current.sendAck(to: machine.request, body: body)
            guard !isEnded else { return }
            isAnswered = true
            tell(.answered)
            pursueChange()
        case .failure(let refusal):
            current.sendAck(to: machine.request, body: [])
            current.sendBye()
            end(Ending(refusal))
        }
    }
}

extension CallLeg: ClientTransactionUser {
    public func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        if let invite = abandoned[ObjectIdentifier(transaction)] { return invite.receive(response.view) }
        guard transaction === calling?.transaction, case .caller(var machine) = role else { return }
        let view = response.view
        let status = view.statusCode
        if status >= 300 { endReason = CallLeg.reason(of: view) }
        if !isEnded, !machine.isGivenUp, retries(after: view) { return }
        let actions = machine.receive(view)
        role = .caller(machine)
        perform(actions, view)
    }

    /// Whether the INVITE goes once more after a refusal: with credentials, or to the next server.
    private func retries(after view: MessageView) -> Bool {
        switch view.statusCode {
        case 401, 407:
            switch calling?.retry.receive(view, with: &agent.credentials) {
            case .retry: break
            case .giveUp(let cause):
                endReason = cause.reason
                return false
            case nil: return false
            }
            return sendAgain()
        case 422 where timer.lengthen(after: view): return sendAgain()
        case 503: return sendToNextServer() || redirects(after: view)
        case 300...599: return redirects(after: view)
        default: return false
        }
    }

    /// Sends the INVITE to the server that wants it otherwise: another one may know nothing of its challenge.
    private func sendAgain() -> Bool {
        guard let server = calling?.server else { return false }
        renewInvite()
        sendInvite(to: server)
        return true
    }

    /// Whether another address is left that a redirection has named: after 3xx, and after one of them has failed.
    private func redirects(after view: MessageView) -> Bool {
        guard var calling, calling.options.followsRedirection else { return false }
        calling.redirects.receive(view)
        let next = calling.redirects.next()
        self.calling = calling
        guard let next else { return false }
        calling.origin.requestURI = next
        renewInvite()
        sendInvite()
        return true
    }

    /// This side is reached elsewhere: the INVITE goes once more from there, and the one before is given up.
    ///
    /// - Returns: false when it was answered already, so that the far side is to be told in the call.
    func restart() -> Bool {
        // What waits for its servers goes from there.
        guard case .caller(let machine) = role else { return true }
        guard machine.state == .calling || machine.state == .proceeding else { return false }
        // Whoever has hung up does not call again.
        guard !machine.isGivenUp else { return true }
        abandon(machine)
        renewInvite()
        sendInvite()
        return true
    }

    /// Gives an INVITE up that another one takes the place of; what still comes of it is not the call's.
    private func abandon(_ machine: OutgoingInvite) {
        guard let transaction = calling?.transaction, !transaction.isTerminated else { return }
        let key = ObjectIdentifier(transaction)
        let invite = AbandonedInvite(agent, transaction, machine, early, session) { [weak self] in
            self?.abandoned[key] = nil
        }
        abandoned[key] = invite
        invite.cancel()
    }

    /// The INVITE goes once more: what the one before has made is over. Until it goes there is nothing to cancel.
    private func renewInvite() {
        stop(.expires)
        for dialog in early.values { dialog.dialog.leave(self) }
        early = [:]
        role = nil
    }

    public func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        if let invite = abandoned[ObjectIdentifier(transaction)] { return invite.fail() }
        guard transaction === calling?.transaction, case .caller(let machine) = role else { return }
        if machine.state == .calling, !machine.isGivenUp {
            if sendToNextServer() { return }
            if let next = calling?.redirects.next() {
                calling?.origin.requestURI = next
                renewInvite()
                return sendInvite()
            }
        }
        if case .transport(let reason) = failure { endReason = reason }
        withCaller { $0.transactionFailed(isTimeout: failure == .timeout) }
    }

    /// What a refusal says for itself: Warning before the reason phrase.
    static func reason(of view: MessageView) -> String {
        if let warning = view.value(of: .warning) {
            let text = view.text(warning)
            if let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""), first < last {
                return String(text[text.index(after: first)..<last])
            }
        }
        return view.text(view.startLine.reasonRange)
    }
}
