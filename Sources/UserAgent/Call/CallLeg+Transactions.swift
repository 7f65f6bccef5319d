import SDP
import SIP
public import SIPEndpoint

// What the transactions of a call report: responses to our INVITE, requests of the far side in the dialog.
extension CallLeg: ClientTransactionUser {
    public func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        guard transaction === invite || transaction.isInvite, case .caller(var machine) = role else { return }
        let view = response.view
        let status = view.statusCode
        if flow == nil, status != 100 { flow = transaction.flow }
        if status == 401 || status == 407, !isEnded, retryWithCredentials(view, machine) { return }
        if status >= 300 { endReason = CallLeg.reason(of: view) }
        let wasUp = isAnswered
        let isRefusedAnswer = status.isSuccess && !wasUp && !isEnded && !takeFirstAnswer(view)
        let actions = machine.receive(view)
        role = .caller(machine)
        perform(actions)
        guard actions.contains(where: { if case .accepted = $0 { true } else { false } }) else { return }
        if isRefusedAnswer {
            sendBye()
            return end(Ending(488, endReason.isEmpty ? "No common media" : endReason, .local))
        }
        isAnswered = true
        onEvent(.answered)
    }

    /// The answer, or the offer that must be answered in the ACK.
    private func takeFirstAnswer(_ view: MessageView) -> Bool {
        let body = view.array(view.body)
        if negotiation.state == .offerSent { return takeAnswer(body) }
        return !negotiation.streams.isEmpty
    }

    /// What a refusal says for itself: Reason or Warning before the reason phrase.
    static func reason(of view: MessageView) -> String {
        if let warning = view.value(of: .warning) {
            let text = view.text(warning)
            if let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""), first < last {
                return String(text[text.index(after: first)..<last])
            }
        }
        return view.text(view.startLine.reasonRange)
    }

    private func retryWithCredentials(_ view: MessageView, _ machine: OutgoingInvite) -> Bool {
        guard !machine.hasSentCancel else { return false }
        switch retry.receive(view, with: &agent.credentials) {
        case .retry:
            guard let destination else { return false }
            agent.sendInvite(self, to: destination, again: true)
            return true
        case .giveUp(let cause):
            endReason = cause.reason
            return false
        }
    }

    public func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        guard transaction === invite, case .caller(var machine) = role else { return }
        if !alternatives.isEmpty, machine.state == .calling {
            return agent.sendInvite(self, to: alternatives.removeFirst())
        }
        if case .transport(let reason) = failure { endReason = reason }
        let actions = machine.transactionFailed(isTimeout: failure == .timeout)
        role = .caller(machine)
        perform(actions)
    }
}

extension CallLeg: ServerTransactionUser {
    public func cancelled(_ transaction: ServerTransaction, in layer: TransactionLayer) {
        guard case .callee(var machine, let own) = role, own === transaction else { return }
        let actions = machine.receiveCancel()
        role = .callee(machine, own)
        perform(actions)
    }

    public func failed(_ transaction: ServerTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        // A 2xx is repeated by the machine of the INVITE, which gives up on its own.
    }
}

extension CallLeg {
    /// A request of the far side in this dialog.
    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        let view = request.view
        if view.method == .ack { return receiveAck(view) }
        guard var current = dialog ?? calleeDialog else { return layer.respondStatelessly(to: request, 481) }
        guard let order = try? current.receive(view) else { return layer.respondStatelessly(to: request, 400) }
        guard order == .inOrder else {
            return layer.respondStatelessly(to: request, 500, reason: "CSeq is out of order")
        }
        keep(current)
        switch view.method {
        case .bye: receiveBye(request, layer)
        case .invite: receiveReInvite(request, layer)
        case .options:
            respond(request, 200, layer)
        case .info:
            respond(request, 200, layer)
        default:
            guard let transaction = layer.accept(request, user: nil) else { return }
            layer.respond(transaction, 405) { $0.append("Allow: \(CallAgent.allow)\r\n") }
        }
    }

    private var calleeDialog: Dialog? {
        if case .callee(let machine, _) = role { machine.dialog } else { nil }
    }

    private func keep(_ changed: Dialog) {
        if dialog != nil { dialog = changed }
        if case .callee(var machine, let transaction) = role {
            machine.dialog = changed
            role = .callee(machine, transaction)
        }
    }

    private func respond(_ request: IncomingRequest, _ status: StatusCode, _ layer: TransactionLayer) {
        guard let transaction = layer.accept(request, user: nil) else { return }
        layer.respond(transaction, status)
    }

    private func receiveBye(_ request: IncomingRequest, _ layer: TransactionLayer) {
        respond(request, 200, layer)
        guard !isEnded else { return }
        if case .callee(var machine, let transaction) = role, machine.state != .confirmed {
            let actions = machine.receiveBye()
            role = .callee(machine, transaction)
            perform(actions)
        }
        dialog?.terminate()
        end(Ending(200, "Normal call clearing", .remote))
    }

    private func receiveAck(_ view: MessageView) {
        if let (repetition, _, sequence) = reInviteRepetition,
            (try? view.cSeq.number) == UInt32(truncatingIfNeeded: sequence)
        {
            _ = repetition
            stop(.reInviteSuccess)
            reInviteRepetition = nil
        }
        guard case .callee(var machine, let transaction) = role else { return }
        let actions = machine.receiveAck(view)
        role = .callee(machine, transaction)
        if awaitsAnswerInAck, !actions.isEmpty {
            awaitsAnswerInAck = false
            if !takeAnswer(view.array(view.body)) {
                perform(actions)
                sendBye()
                return end(Ending(488, endReason.isEmpty ? "No common media" : endReason, .local))
            }
        }
        perform(actions)
    }

    /// A new offer within the call: hold, another address, another codec (RFC 3261 §14.2).
    private func receiveReInvite(_ request: IncomingRequest, _ layer: TransactionLayer) {
        let view = request.view
        // Glare (RFC 3261 §14.2): our own offer, or the last answer, is still under way.
        guard negotiation.state == .stable, reInviteRepetition == nil, isAnswered else {
            guard let transaction = layer.accept(request, user: nil) else { return }
            return layer.respond(transaction, isAnswered ? 491 : 500) { $0.append("Retry-After: 2\r\n") }
        }
        guard let transaction = layer.accept(request, user: nil) else { return }
        do {
            let body = view.array(view.body)
            let answer: [UInt8]
            if body.isEmpty {
                answer = try negotiation.makeOffer(media.capabilities).serialised()
                awaitsAnswerInAck = true
            } else {
                _ = try negotiation.receiveOffer(try SessionDescription(parsing: body))
                answer = try negotiation.makeAnswer(media.capabilities).serialised()
            }
            if var current = dialog {
                try current.refreshTarget(from: view)
                keep(current)
            }
            if !awaitsAnswerInAck, let stream = negotiation.streams.first { apply(stream) }
            layer.respond(transaction, status: 200) { writer in
                layer.writeHead(transaction, 200, nil, false, into: &writer)
                agent.writeContact(
                    transaction.flow, isSecure: CallAgent.demandsSecureContact(view), into: &writer)
                CallAgent.writeBody(answer, into: &writer)
            }
            var repetition = SuccessRepetition()
            let sequence = (try? view.cSeq.number) ?? 0
            if case .wait(let delay) = repetition.start(layer.configuration.timers) { set(.reInviteSuccess, delay) }
            reInviteRepetition = (repetition, transaction, UInt64(sequence))
        } catch {
            negotiation.rollBack()
            layer.respond(transaction, status: 488) { writer in
                layer.writeHead(transaction, 488, nil, false, into: &writer)
                CallAgent.writeWarning("\(error)", into: &writer)
                MessageView.endResponse(into: &writer)
            }
        }
    }

    func repeatReInviteSuccess() {
        guard let (started, transaction, sequence) = reInviteRepetition else { return }
        var repetition = started
        switch repetition.fire(agent.layer.configuration.timers) {
        case .none: reInviteRepetition = nil
        case .wait(let delay):
            reInviteRepetition = (repetition, transaction, sequence)
            set(.reInviteSuccess, delay)
        case .resend(thenWait: let delay):
            reInviteRepetition = (repetition, transaction, sequence)
            agent.layer.resend(transaction)
            set(.reInviteSuccess, delay)
        case .giveUp:
            reInviteRepetition = nil
            sendBye()
            end(Ending(408, "The answer to a change of the call was never acknowledged", .local))
        }
    }
}
