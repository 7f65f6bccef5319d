import SDP
import SIP
import SIPEndpoint

// Carrying out what the machines of the INVITE order.
extension CallLeg {
    /// The timers of a leg, as they are named in timer tokens.
    enum TimerName: UInt8 {
        case expires = 1, moreSuccesses, success, progress, inviteExpires, reInviteSuccess
    }

    func set(_ timer: TimerName, _ delay: Duration) {
        stop(timer)
        timers[timer.rawValue] = agent.layer.schedule(agent.timerToken(number, timer.rawValue), after: delay)
    }

    func stop(_ timer: TimerName) {
        if let handle = timers.removeValue(forKey: timer.rawValue) { agent.layer.cancel(timer: handle) }
    }

    func stopTimers() {
        for handle in timers.values { agent.layer.cancel(timer: handle) }
        timers.removeAll()
    }

    func fire(_ raw: UInt8) {
        timers[raw] = nil
        guard let timer = TimerName(rawValue: raw) else { return }
        switch (role, timer) {
        case (.caller(var machine), .expires):
            let actions = machine.fire(.expires)
            role = .caller(machine)
            perform(actions)
        case (.caller(var machine), .moreSuccesses):
            let actions = machine.fire(.moreSuccesses)
            role = .caller(machine)
            perform(actions)
        case (.callee(var machine, let transaction), .success):
            let actions = machine.fire(.success)
            role = .callee(machine, transaction)
            perform(actions)
        case (.callee(var machine, let transaction), .progress):
            let actions = machine.fire(.progress)
            role = .callee(machine, transaction)
            perform(actions)
        case (.callee(var machine, let transaction), .inviteExpires):
            let actions = machine.fire(.expires)
            role = .callee(machine, transaction)
            perform(actions)
        case (_, .reInviteSuccess): repeatReInviteSuccess()
        default: return
        }
    }

    // MARK: The caller

    func perform(_ actions: [OutgoingInvite.Action]) {
        for action in actions {
            guard case .caller(let machine) = role else { return }
            switch action {
            case .progress(let status, _): onEvent(.progress(status))
            case .accepted(let index): dialog = machine.dialogs[index]
            case .sendAck(let index): sendAck(machine, index)
            case .resendAck(let index):
                if let ack = acks[index] { agent.layer.sendDirectly(ack.bytes, ack.flow) }
            case .sendBye(let index): agent.sendBye(machine.dialogs[index], flow: flow, for: nil)
            case .sendCancel: if let invite { agent.layer.sendCancel(invite) }
            case .dialogEnded: continue
            case .ended(let ending): end(CallLeg.Ending(ending, reason: endReason))
            case .set(.expires, let delay): set(.expires, delay)
            case .set(.moreSuccesses, let delay): set(.moreSuccesses, delay)
            case .finished: if isEnded { agent.forget(self) }
            }
        }
    }

    private func sendAck(_ machine: OutgoingInvite, _ index: Int) {
        let made = machine.dialogs[index]
        let invite = machine.request
        let body = ackBody
        agent.targets(made.nextHop, flow: flow) { [self] targets in
            guard let target = targets.first else { return }
            acks[index] = agent.layer.sendOnce(to: target) { writer, via, _ in
                invite.withView { view in
                    if body.isEmpty {
                        made.writeAck(to: view, via: via, into: &writer)
                    } else {
                        made.writeAckHead(to: view, via: via, into: &writer)
                        CallAgent.writeBody(body, into: &writer)
                    }
                }
            }
        }
    }

    // MARK: The callee

    func perform(_ actions: [IncomingInvite.Action]) {
        for action in actions {
            guard case .callee(let machine, let transaction) = role else { return }
            switch action {
            case .send(let status): send(status, transaction)
            case .resend: agent.layer.resend(transaction)
            case .sendBye:
                dialog = machine.dialog
                sendBye()
            case .confirmed:
                dialog = machine.dialog
                isAnswered = true
                onEvent(.answered)
            case .ended(let ending): end(CallLeg.Ending(ending, reason: endReason))
            case .set(.success, let delay): set(.success, delay)
            case .set(.progress, let delay): set(.progress, delay)
            case .set(.expires, let delay): set(.inviteExpires, delay)
            case .stop(.success): stop(.success)
            case .stop(.progress): stop(.progress)
            case .stop(.expires): stop(.inviteExpires)
            }
        }
    }

    private func send(_ status: StatusCode, _ transaction: ServerTransaction) {
        let layer = agent.layer
        if status.isSuccess, case .callee(let machine, _) = role { dialog = machine.dialog }
        layer.respond(transaction, status: status) { writer in
            layer.writeHead(transaction, status, nil, status < 300, into: &writer)
            if status < 300 {
                let isSecure = invitation?.withView(CallAgent.demandsSecureContact) ?? false
                agent.writeContact(transaction.flow, isSecure: isSecure, into: &writer)
            }
            agent.writeCapabilities(into: &writer)
            if status.isSuccess {
                CallAgent.writeBody(answerBody, into: &writer)
            } else {
                if !endReason.isEmpty { CallAgent.writeWarning(endReason, into: &writer) }
                MessageView.endResponse(into: &writer)
            }
        }
    }

    /// Ends the dialog.
    func sendBye() {
        guard var dialog else { return }
        let sequence = dialog.nextSequence()
        dialog.terminate()
        self.dialog = dialog
        agent.sendBye(dialog, flow: flow, for: sequence)
    }
}

extension CallLeg.Ending {
    init(_ ending: OutgoingInvite.Ending, reason: String) {
        switch ending {
        case .rejected(let status): self.init(status, reason.isEmpty ? status.phrase : reason, .remote)
        case .timedOut: self.init(408, "No answer came", .local)
        case .transportFailed: self.init(503, reason.isEmpty ? "The request cannot be delivered" : reason, .local)
        case .cancelled: self.init(487, "Cancelled", .local)
        case .expired: self.init(487, "Nobody answered in time", .local)
        case .malformed(let defect): self.init(502, "The answer is malformed: \(defect)", .remote)
        }
    }

    init(_ ending: IncomingInvite.Ending, reason: String) {
        switch ending {
        case .rejected(let status): self.init(status, reason.isEmpty ? status.phrase : reason, .local)
        case .cancelled: self.init(487, "The caller gave up", .remote)
        case .expired: self.init(487, "The invitation expired", .remote)
        case .unacknowledged: self.init(408, "The answer was never acknowledged", .remote)
        case .hungUp: self.init(200, "Normal call clearing", .local)
        case .hungUpByPeer: self.init(200, "Normal call clearing", .remote)
        }
    }
}

extension StatusCode {
    /// The reason phrase as text.
    var phrase: String { String(describing: reasonPhrase) }
}
