import SIP
import SIPEndpoint

// Requests of the far side in the dialogs of a call.
extension CallLeg: DialogUsage {
    func receive(_ request: IncomingRequest, in dialog: AgentDialog) -> Bool {
        guard let call = callDialog(dialog) else { return false }
        switch request.view.method {
        case .ack: receiveAck(request.view, call)
        case .bye: receiveBye(request, call)
        case .invite: receiveReinvite(request, call)
        case .prack: receivePrack(request, call)
        case .update: receiveUpdate(request, call)
        case .info: receiveInfo(request, call)
        default: return false
        }
        return true
    }

    private func callDialog(_ dialog: AgentDialog) -> CallDialog? {
        if let current, current.dialog === dialog { return current }
        return early.values.first { $0.dialog === dialog }
    }

    func dialogLost(_ dialog: AgentDialog, _ status: StatusCode) {
        guard !isEnded, let call = callDialog(dialog) else { return }
        let reason = status == 408 ? "The far side does not answer" : "The far side does not know the call any more"
        guard call !== current else { return lose(status, reason) }
        guard case .caller(let machine) = role, machine.state == .calling || machine.state == .proceeding else {
            return
        }
        // Where the INVITE has forked, the other early dialogs go on.
        let goesOn = early.contains { index, other in
            other !== call && !other.isOver && machine.dialogs[index].state == .early
        }
        guard goesOn else { return hangUp(because: Ending(status, reason, .remote)) }
        call.isOver = true
        dialog.leave(self)
    }

    /// A call is told once, whatever its dialogs: see `addressChanged`.
    func relocate() {}

    /// The far side is silent, or does not know the call: it is over here too (RFC 3261 §12.2.1.2).
    func lose(_ status: StatusCode, _ reason: String) {
        sendBye()
        end(Ending(status, reason, .remote))
    }

    private func receiveBye(_ request: IncomingRequest, _ call: CallDialog) {
        agent.answer(request, 200)
        guard !isEnded else { return }
        cancelReinvite()
        if case .callee(let machine, _) = role, machine.state != .confirmed {
            withCallee { $0.receiveBye() }
        } else if call !== current {
            // A callee may not say BYE before its answer; its refusal of the INVITE follows.
            call.isOver = true
            return
        }
        call.isOver = true
        end(Ending(200, "Normal call clearing", .remote))
    }

    private func receiveAck(_ view: MessageView, _ call: CallDialog) {
        guard let sequence = try? view.cSeq.number else { return }
        if let received = call.received, received.sequence == sequence {
            return receiveAckOfReinvite(view, call)
        }
        guard case .callee(let machine, _) = role, machine.state == .accepted, machine.acknowledges(view) else {
            return
        }
        var refusal: SessionRefusal?
        let body = view.sessionDescription
        switch call.exchange.pass(.ack, from: .remote, hasDescription: body != nil) {
        case .answer:
            do throws(SessionRefusal) {
                try call.session.take(answer: body ?? [], isPreview: false)
            } catch {
                refusal = error
            }
        case .missing: refusal = SessionRefusal(488, "The ACK does not answer the offer")
        default: break
        }
        withCallee { $0.receiveAck(view) }
        if let refusal, !isEnded {
            sendBye()
            end(Ending(refusal))
        }
    }

    // MARK: UPDATE (RFC 3311 §5.2)

    private func receiveUpdate(_ request: IncomingRequest, _ call: CallDialog) {
        let view = request.view
        guard view.hasUsableBody else {
            return agent.answer(request, 415, MessageContent([.init(.accept, "application/sdp")]))
        }
        let body = view.sessionDescription
        guard !refuses(request, call.exchange.admissionOfUpdate(hasDescription: body != nil)),
            !refusesInterval(of: request),
            let transaction = agent.layer.accept(request, user: nil), let kept = transaction.request
        else { return }
        call.exchange.pass(.update, from: .remote, hasDescription: body != nil)
        guard let body else { return answerUpdate(transaction, kept, call, .success([])) }
        call.session.answer(body) { [weak self] result in self?.answerUpdate(transaction, kept, call, result) }
    }

    private func answerUpdate(
        _ transaction: ServerTransaction, _ request: Message, _ call: CallDialog,
        _ result: Result<[UInt8], SessionRefusal>
    ) {
        switch result {
        case .success(let body):
            call.exchange.pass(.updateSuccess, from: .local, hasDescription: !body.isEmpty)
            try? request.withView { try call.dialog.state.refreshTarget(from: $0) }
            var content = MessageContent.session(body)
            content.fields = request.withView { agent.capabilityFields(answering: $0) + acceptTimer($0) }
            agent.respond(transaction, 200, content, hasContact: true)
        case .failure(let refusal):
            call.exchange.refuse(.update, from: .remote)
            agent.respond(transaction, refusal.status, MessageContent([CallAgent.warning(refusal.reason)]))
        }
        pursueChange()
    }

    /// Refuses a change that comes at the wrong time; whether it did.
    private func refuses(_ request: IncomingRequest, _ admission: SessionExchange.Admission) -> Bool {
        switch admission {
        case .accept: return false
        case .pending: agent.answer(request, 491)
        case .tooSoon: agent.answer(request, 500, MessageContent([agent.retryAfter()]))
        }
        return true
    }

    // MARK: re-INVITE (RFC 3261 §14.2)

    private func receiveReinvite(_ request: IncomingRequest, _ call: CallDialog) {
        let view = request.view
        guard view.hasUsableBody else {
            return agent.answer(request, 415, MessageContent([.init(.accept, "application/sdp")]))
        }
        guard !refuses(request, call.exchange.admissionOfInvite), !refusesInterval(of: request),
            let sequence = try? view.cSeq.number,
            let transaction = agent.layer.accept(request, user: self), let kept = transaction.request
        else { return }
        let body = view.sessionDescription
        call.exchange.pass(.invite, from: .remote, hasDescription: body != nil)
        call.received = .init(transaction: transaction, sequence: sequence)
        guard let body else {
            // RFC 3261 §14.2: an offer as for a new call.
            let offer = Result { () throws(SessionRefusal) in try call.session.makeOffer() }
            return answerReinvite(transaction, kept, call, offer)
        }
        call.session.answer(body) { [weak self] result in self?.answerReinvite(transaction, kept, call, result) }
    }

    private func answerReinvite(
        _ transaction: ServerTransaction, _ request: Message, _ call: CallDialog,
        _ result: Result<[UInt8], SessionRefusal>
    ) {
        guard call.received?.transaction === transaction else { return }
        switch result {
        case .success(let body):
            call.exchange.pass(.success, from: .local, hasDescription: !body.isEmpty)
            try? request.withView { try call.dialog.state.refreshTarget(from: $0) }
            var content = MessageContent.session(body)
            content.fields = request.withView { agent.capabilityFields(answering: $0) + acceptTimer($0) }
            agent.respond(transaction, 200, content, copiesRecordRoute: true, hasContact: true)
            if case .wait(let delay)? = call.received?.repetition.start(agent.layer.configuration.timers) {
                set(.reinviteSuccess, delay)
            }
        case .failure(let refusal):
            call.received = nil
            call.exchange.refuse(.invite, from: .remote)
            call.session.rollBack()
            agent.respond(transaction, refusal.status, MessageContent([CallAgent.warning(refusal.reason)]))
            pursueChange()
        }
    }

    private func receiveAckOfReinvite(_ view: MessageView, _ call: CallDialog) {
        stop(.reinviteSuccess)
        call.received = nil
        let body = view.sessionDescription
        switch call.exchange.pass(.ack, from: .remote, hasDescription: body != nil) {
        case .answer:
            // An answer that does not fit changes nothing (RFC 3264 §4).
            do { try call.session.take(answer: body ?? [], isPreview: false) } catch { call.session.rollBack() }
        case .missing: call.session.rollBack()
        default: break
        }
        pursueChange()
    }

    func repeatReinviteSuccess() {
        guard let call = current, var received = call.received else { return }
        let action = received.repetition.fire(agent.layer.configuration.timers)
        call.received = received
        switch action {
        case .none: return
        case .wait(let delay): set(.reinviteSuccess, delay)
        case .resend(thenWait: let delay):
            agent.layer.resend(received.transaction)
            set(.reinviteSuccess, delay)
        case .giveUp:
            sendBye()
            end(Ending(408, "The answer to a change of the call was never acknowledged", .local))
        }
    }

    /// A re-INVITE that waits for its answer was cancelled, or the call ends.
    func cancelReinvite() {
        guard let call = current, let received = call.received, !received.transaction.isAnswered else { return }
        call.received = nil
        call.exchange.refuse(.invite, from: .remote)
        call.session.rollBack()
        agent.respond(received.transaction, 487)
    }
}
