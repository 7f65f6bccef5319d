import SIP
import SIPEndpoint

/// An INVITE that another one of its call has taken the place of: it is cancelled as soon as that is allowed (RFC 3261 §9.1), and
/// whoever answers it all the same gets ACK and BYE (RFC 3261 §13.2.2.4).
final class AbandonedInvite {
    private let agent: CallAgent
    private let transaction: ClientTransaction
    private var machine: OutgoingInvite
    /// The dialogs that its responses have made, by their place in the machine.
    private var dialogs: [Int: CallDialog]
    /// What the INVITE has offered; nothing is agreed on it.
    private let session: any CallSession
    /// Told when nothing can come any more.
    private let onEnd: () -> Void

    init(
        _ agent: CallAgent, _ transaction: ClientTransaction, _ machine: OutgoingInvite, _ dialogs: [Int: CallDialog],
        _ session: any CallSession, onEnd: @escaping () -> Void
    ) {
        self.agent = agent
        self.transaction = transaction
        self.machine = machine
        self.dialogs = dialogs
        self.session = session
        self.onEnd = onEnd
    }

    /// Cancels: at once when a provisional response has come, else when the first comes.
    func cancel() { perform(machine.cancel(), nil) }

    /// A response came.
    func receive(_ response: MessageView) { perform(machine.receive(response), response) }

    /// No final response will come.
    func fail() { perform(machine.transactionFailed(isTimeout: true), nil) }

    private func perform(_ actions: [OutgoingInvite.Action], _ response: MessageView?) {
        for action in actions {
            switch action {
            case .sendCancel: agent.layer.sendCancel(transaction)
            case .sendAck(let index):
                let dialog = dialog(index)
                if let response { try? dialog.dialog.state.confirm(by: response) }
                dialog.sendAck(to: machine.request, body: [])
            case .resendAck(let index): dialogs[index]?.resendAck()
            case .sendBye(let index): dialogs[index]?.sendBye()
            case .set(.moreSuccesses, let delay):
                _ = agent.schedule(delay) { [weak self] in
                    guard let self else { return }
                    perform(machine.fire(.moreSuccesses), nil)
                }
            case .finished: onEnd()
            // Nobody hears of it, and reliable responses end with the CANCEL.
            case .progress, .sendPrack, .accepted, .dialogEnded, .ended, .set(.expires, _): continue
            }
        }
    }

    private func dialog(_ index: Int) -> CallDialog {
        if let dialog = dialogs[index] { return dialog }
        let made = CallDialog(
            AgentDialog(agent, machine.dialogs[index], flow: transaction.flow, ownsCallID: true), session,
            SessionExchange())
        dialogs[index] = made
        return made
    }
}
