public import SIP
public import SIPEndpoint

/// What the callee has to say to an INVITE, beside its machine.
struct IncomingCall {
    /// A provisional response that is to be sent reliably.
    struct Progress {
        var status: StatusCode
        var body: [UInt8]
    }

    /// Whether the caller understands, and whether it demands, reliable provisional responses (RFC 3262 §3).
    var allowsReliable = false
    var requiresReliable = false
    /// The reliable responses; nil before the first.
    var reliable: ReliableResponses?
    /// Those that were not sent yet, by their numbers.
    var waiting: [UInt32: Progress] = [:]
    /// The answer to the offer of the INVITE once it is made, so that a preview and the 2xx say the same.
    var answer: [UInt8]?
    /// The body of the next response.
    var body: [UInt8] = []
    /// Whether the next provisional response is reliable.
    var isReliable = false
    /// The addresses in a 3xx.
    var contacts: [NameAddress] = []
    /// Whether the call is answered as soon as reliable responses are acknowledged.
    var acceptsSoon = false
}

// The callee's side.
extension CallLeg {
    /// The call has come in.
    func begin(_ machine: IncomingInvite, _ transaction: ServerTransaction) {
        guard let invitation else { return }
        role = .callee(machine, transaction)
        transaction.user = self
        let dialog = CallDialog(
            AgentDialog(agent, machine.dialog, flow: transaction.flow, ownsCallID: false), session, SessionExchange())
        current = dialog
        dialog.dialog.join(self)
        invitation.withView { view in
            dialog.dialog.learn(view)
            dialog.exchange.pass(.invite, from: .remote, hasDescription: view.sessionDescription != nil)
            answering.requiresReliable = view.optionTags(.require).contains(.reliableProvisional)
            answering.allowsReliable =
                answering.requiresReliable || view.optionTags(.supported).contains(.reliableProvisional)
        }
        withCallee { $0.start() }
    }

    func withCallee(_ input: (inout IncomingInvite) -> [IncomingInvite.Action]) {
        guard case .callee(var machine, let transaction) = role else { return }
        let actions = input(&machine)
        role = .callee(machine, transaction)
        perform(actions)
    }

    private var isPending: Bool {
        if case .callee(let machine, _) = role { machine.state == .pending } else { false }
    }

    // MARK: Commands

    /// Rings: 180 to the caller, or another provisional response.
    ///
    /// - Parameter withMedia: whether the caller is to hear this side before the answer (RFC 3960): the response has a session
    ///   description, and is reliable if the caller knows how (RFC 3262).
    public func ring(_ status: StatusCode = 180, withMedia: Bool = false) {
        guard isPending, let current, status > 100, status.isProvisional else { return }
        let isReliable =
            answering.requiresReliable || answering.reliable != nil
            || answering.allowsReliable && (withMedia || agent.configuration.reliableProgress == .always)
        let duty = current.exchange.duty(of: isReliable ? .reliableResponse : .unreliableResponse)
        switch duty {
        case .offer: break
        case .mayAnswer where withMedia, .mayPreview where withMedia: break
        default: return progress(status, isReliable, [])
        }
        describe(current) { [weak self] result in
            guard let self, isPending else { return }
            switch result {
            case .success(let body): progress(status, isReliable, body)
            case .failure(let refusal): refuse(refusal)
            }
        }
    }

    /// Answers a call that came in.
    public func answer() {
        guard isPending, let current else { return }
        if let reliable = answering.reliable, !reliable.allowsSuccess {
            // RFC 3262 §5: a 2xx waits for the PRACK of a response with a session description.
            answering.acceptsSoon = true
            return
        }
        switch current.exchange.duty(of: .success) {
        case .answer, .offer:
            describe(current) { [weak self] result in
                guard let self, isPending else { return }
                switch result {
                case .success(let body): accept(body)
                case .failure(let refusal): refuse(refusal)
                }
            }
        default:
            guard current.exchange.state == .settled else {
                answering.acceptsSoon = true
                return
            }
            accept([])
        }
    }

    /// Refuses a call that came in.
    public func reject(_ status: StatusCode, _ reason: String = "") {
        guard case .callee = role else { return }
        endReason = reason
        withCallee { $0.reject(status) }
    }

    /// Refuses a call whose description cannot be used.
    func refuse(_ refusal: SessionRefusal) {
        failure = Ending(refusal)
        reject(refusal.status, refusal.reason)
    }

    /// Refuses a call at once whose media would not be encrypted as it must be: nobody need be asked.
    ///
    /// - Returns: whether it was refused.
    func refusesUnencrypted() -> Bool {
        guard let offer = invitation?.withView({ $0.sessionDescription }),
            let refusal = (session as? NegotiatedSession)?.refusal(of: offer)
        else { return false }
        refuse(refusal)
        return true
    }

    /// Sends the caller elsewhere (RFC 3261 §8.3).
    public func redirect(to contacts: [NameAddress], _ status: StatusCode = 302) {
        guard status.category == 3 else { return }
        answering.contacts = contacts
        reject(status)
    }

    private func accept(_ body: [UInt8]) {
        answering.acceptsSoon = false
        answering.body = body
        withCallee { $0.accept(200) }
    }

    private func progress(_ status: StatusCode, _ isReliable: Bool, _ body: [UInt8]) {
        answering.isReliable = isReliable
        answering.body = body
        withCallee { $0.progress(status, isReliable: isReliable) }
    }

    /// The answer to the offer of the INVITE, or an offer when it has none (RFC 3261 §13.3.1).
    private func describe(_ call: CallDialog, _ completion: @escaping (Result<[UInt8], SessionRefusal>) -> Void) {
        if let answer = answering.answer { return completion(.success(answer)) }
        guard let offer = invitation?.withView({ $0.sessionDescription }) else {
            return completion(Result { () throws(SessionRefusal) in try call.session.makeOffer() })
        }
        call.session.answer(offer) { [weak self] result in
            if case .success(let answer) = result { self?.answering.answer = answer }
            completion(result)
        }
    }

    // MARK: The machine

    private func perform(_ actions: [IncomingInvite.Action]) {
        for action in actions {
            guard case .callee(_, let transaction) = role else { return }
            switch action {
            case .send(let status): send(status, transaction)
            case .resend: agent.layer.resend(transaction)
            case .sendBye: sendBye()
            case .confirmed: confirmed()
            case .ended(let ending): end(Ending(ending, reason: endReason))
            case .set(.success, let delay): set(.success, delay)
            case .set(.progress, let delay): set(.progress, delay)
            case .set(.expires, let delay): set(.inviteExpires, delay)
            case .stop(.success): stop(.success)
            case .stop(.progress): stop(.progress)
            case .stop(.expires): stop(.inviteExpires)
            }
        }
    }

    private func confirmed() {
        isAnswered = true
        tell(.answered)
        tellFollowingCandidates()
        pursueChange()
    }

    private func send(_ status: StatusCode, _ transaction: ServerTransaction) {
        let body = answering.body
        answering.body = []
        if status.isProvisional {
            if answering.isReliable { return sendReliably(status, body, transaction) }
            current?.exchange.pass(.unreliableResponse, from: .local, hasDescription: !body.isEmpty)
            return write(status, body, transaction)
        }
        if var reliable = answering.reliable {
            let actions = reliable.finish()
            answering.reliable = reliable
            perform(actions)
        }
        if status.isSuccess {
            current?.exchange.pass(.success, from: .local, hasDescription: !body.isEmpty)
            current?.dialog.state.confirm()
        }
        let fields = status.isSuccess ? invitation.map { $0.withView { acceptTimer($0) } } ?? [] : []
        write(status, body, transaction, fields)
    }

    private func write(
        _ status: StatusCode, _ body: [UInt8], _ transaction: ServerTransaction,
        _ fields: [MessageContent.Field] = [], number: UInt32? = nil
    ) {
        agent.layer.respond(transaction, status: status) { writer in
            agent.layer.writeHead(transaction, status, nil, status < 300, into: &writer)
            if status < 300 { agent.writeContact(transaction, into: &writer) }
            let saysInfoPackages = invitation?[.recvInfo] != nil
            agent.writeCapabilities(saysInfoPackages: saysInfoPackages, into: &writer)
            var content = MessageContent.session(body)
            content.fields = fields
            if let number { content.fields += [.init(.require, "100rel"), .init(.rSeq, "\(number)")] }
            if status.category == 3 {
                content.fields += answering.contacts.map { .init(.contact, $0.description) }
            }
            if status >= 300, !endReason.isEmpty { content.fields.append(CallAgent.warning(endReason)) }
            content.write(into: &writer)
        }
    }

    // MARK: Reliable provisional responses (RFC 3262 §3)

    private func sendReliably(_ status: StatusCode, _ body: [UInt8], _ transaction: ServerTransaction) {
        guard let sequence = invitation.flatMap({ message in try? message.withView { try $0.cSeq.number } }) else {
            return
        }
        var reliable =
            answering.reliable
            ?? ReliableResponses(
                random: agent.layer.driver.random(), sequence: sequence, timers: agent.layer.configuration.timers)
        let (number, actions) = reliable.send(hasDescription: !body.isEmpty)
        answering.reliable = reliable
        answering.waiting[number] = .init(status: status, body: body)
        current?.exchange.pass(.reliableResponse, from: .local, hasDescription: !body.isEmpty)
        perform(actions)
    }

    private func perform(_ actions: [ReliableResponses.Action]) {
        for action in actions {
            guard case .callee(_, let transaction) = role else { return }
            switch action {
            case .send(let number):
                guard let next = answering.waiting.removeValue(forKey: number) else { continue }
                write(next.status, next.body, transaction, number: number)
            case .resend: agent.layer.resend(transaction)
            case .set(let delay): set(.reliableProgress, delay)
            case .stop: stop(.reliableProgress)
            case .giveUp: reject(504, "A provisional response was never acknowledged")
            }
        }
    }

    func fireReliableProgress() {
        guard var reliable = answering.reliable else { return }
        let actions = reliable.fire()
        answering.reliable = reliable
        perform(actions)
    }

    /// A PRACK of the caller, with the answer to an offer or with one more offer (RFC 3262 §5).
    func receivePrack(_ request: IncomingRequest, _ call: CallDialog) {
        guard request.view.hasUsableBody else {
            // The response counts as not acknowledged: it is repeated, and a PRACK that is understood may follow.
            return agent.answer(request, 415, MessageContent([.init(.accept, "application/sdp")]))
        }
        guard let rAck = try? request.view.rAck else {
            return agent.answer(request, 400, MessageContent([CallAgent.warning("PRACK needs a RAck")]))
        }
        guard var reliable = answering.reliable else { return agent.answer(request, 481) }
        let (receipt, actions) = reliable.receive(rAck)
        answering.reliable = reliable
        guard case .acknowledged = receipt else { return agent.answer(request, 481) }
        guard let transaction = agent.layer.accept(request, user: nil) else { return }
        let body = request.view.sessionDescription
        let fields = agent.infoFields(answering: request.view)
        switch call.exchange.pass(.prack, from: .remote, hasDescription: body != nil) {
        case .answer:
            agent.respond(transaction, 200, MessageContent(fields))
            do throws(SessionRefusal) {
                try call.session.take(answer: body ?? [], isPreview: false)
            } catch {
                return refuse(error)
            }
        case .offer:
            call.session.answer(body ?? []) { [weak self] result in
                self?.answerPrack(transaction, fields, call, result)
            }
        case .missing:
            agent.respond(transaction, 200, MessageContent(fields))
            return reject(488, "The PRACK does not answer the offer")
        case .none, .preview:
            agent.respond(transaction, 200, MessageContent(fields))
        }
        perform(actions)
        if answering.acceptsSoon { answer() }
        pursueChange()
    }

    private func answerPrack(
        _ transaction: ServerTransaction, _ fields: [MessageContent.Field], _ call: CallDialog,
        _ result: Result<[UInt8], SessionRefusal>
    ) {
        switch result {
        case .success(let body):
            call.exchange.pass(.prackSuccess, from: .local, hasDescription: true)
            var content = MessageContent.session(body)
            content.fields = fields
            agent.respond(transaction, 200, content)
        case .failure(let refusal):
            call.exchange.refuse(.prack, from: .remote)
            agent.respond(transaction, refusal.status, MessageContent([CallAgent.warning(refusal.reason)]))
        }
        if answering.acceptsSoon { answer() }
    }
}

extension CallLeg: ServerTransactionUser {
    public func cancelled(_ transaction: ServerTransaction, in layer: TransactionLayer) {
        if current?.received?.transaction === transaction { return cancelReinvite() }
        guard case .callee(_, let own) = role, own === transaction else { return }
        withCallee { $0.receiveCancel() }
    }

    public func failed(_ transaction: ServerTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        // A 2xx is repeated by the machine of the INVITE, which gives up on its own.
    }
}
