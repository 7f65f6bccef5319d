import SIP
import SIPEndpoint

// The session timer of a call (RFC 4028): refreshes of this side, and the end when those of the far side do not come.
extension CallLeg {
    /// Session-Expires and Min-SE of an INVITE or UPDATE of this side.
    var timerFields: [MessageContent.Field] { timer.requestFields.map { MessageContent.Field($0.name, $0.value) } }

    /// Refuses an INVITE or UPDATE whose session interval is too short (RFC 4028 §9); whether it did.
    func refusesInterval(of request: IncomingRequest) -> Bool {
        guard let field = timer.refusal(of: request.view) else { return false }
        agent.answer(request, 422, MessageContent([.init(field.name, field.value)]))
        return true
    }

    /// An INVITE or UPDATE of the far side gets a 2xx: with these fields.
    func acceptTimer(_ request: MessageView) -> [MessageContent.Field] {
        let (fields, actions) = timer.accept(request)
        perform(actions)
        return fields.map { MessageContent.Field($0.name, $0.value) }
    }

    /// An INVITE or UPDATE of this side got a 2xx.
    func receiveTimer(_ response: MessageView) { perform(timer.receive(response)) }

    func fire(_ timer: SessionTimer.Timer) { perform(self.timer.fire(timer)) }

    private func perform(_ actions: [SessionTimer.Action]) {
        guard !isEnded else { return }
        for action in actions {
            switch action {
            case .set(.refresh, let delay): set(.sessionRefresh, delay)
            case .set(.expiry, let delay): set(.sessionExpiry, delay)
            case .stop(.refresh): stop(.sessionRefresh)
            case .stop(.expiry): stop(.sessionExpiry)
            case .refresh: refresh()
            case .expire:
                sendBye()
                end(Ending(408, "The session was not refreshed", .local))
            }
        }
    }

    /// RFC 4028 §7.4: by UPDATE without an offer where the far side knows that, else by re-INVITE with the offer unchanged.
    private func refresh() {
        guard let current, isAnswered else { return }
        guard current.dialog.peerAllows(.update) else {
            change.want { [weak self] result in
                if let self, (try? result.get()) == nil { perform(timer.refreshFailed()) }
            }
            return pursueChange()
        }
        // One that is on its way refreshes as well.
        guard !current.exchange.isUpdating else { return perform(timer.refreshFailed()) }
        current.exchange.pass(.update, from: .local, hasDescription: false)
        current.dialog.send(.update, MessageContent(agent.capabilityFields + timerFields)) { [weak self] outcome in
            self?.refreshed(outcome, current)
        }
    }

    private func refreshed(_ outcome: OutgoingRequest.Outcome, _ call: CallDialog) {
        guard !isEnded else { return }
        guard case .response(let view) = outcome else {
            call.exchange.refuse(.update, from: .local)
            return lose(outcome.status, outcome.reason)
        }
        if view.statusCode.isSuccess {
            call.exchange.pass(.updateSuccess, from: .remote, hasDescription: false)
            receiveTimer(view)
            return pursueChange()
        }
        call.exchange.refuse(.update, from: .local)
        pursueChange()
        switch view.statusCode {
        case 408, 481: lose(view.statusCode, outcome.reason)
        case 405, 501:
            call.dialog.forbid(.update)
            refresh()
        case 422 where timer.lengthen(after: view): refresh()
        default: perform(timer.refreshFailed())
        }
    }
}
