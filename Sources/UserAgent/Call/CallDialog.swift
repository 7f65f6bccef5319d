import SIP
import SIPEndpoint

/// A dialog of a call, early or confirmed, with its session: where its offers and answers stand, and what they said.
final class CallDialog {
    let dialog: AgentDialog
    var session: any CallSession
    var exchange: SessionExchange
    /// The answer in a provisional response that was not reliable; it counts when no other comes.
    var preview: [UInt8]?
    /// The re-INVITE of the peer whose 2xx waits for its ACK, or that waits for its answer.
    var received: ReceivedReinvite?
    /// The ACK of the last 2xx, to be sent again with it.
    var ack: (bytes: [UInt8], flow: Flow)?

    /// Whether the call in the dialog is over; other usages may go on (RFC 5057 §4).
    var isOver = false

    /// A re-INVITE of the peer.
    struct ReceivedReinvite {
        var transaction: ServerTransaction
        var sequence: UInt32
        var repetition = SuccessRepetition()
    }

    init(_ dialog: AgentDialog, _ session: any CallSession, _ exchange: SessionExchange) {
        self.dialog = dialog
        self.session = session
        self.exchange = exchange
    }

    /// Ends the dialog; the answer to the BYE ends nothing that has not ended.
    func sendBye() {
        guard !isOver else { return }
        isOver = true
        let agent = dialog.agent
        agent.goodbyeBegins()
        dialog.send(.bye) { _ in agent.goodbyeEnds() }
    }

    /// Sends the ACK to the 2xx of an INVITE of this side.
    func sendAck(to invite: Message, body: [UInt8]) {
        let agent = dialog.agent
        exchange.pass(.ack, from: .local, hasDescription: !body.isEmpty)
        agent.targets(dialog.nextHop, flow: dialog.flow) { [self] targets in
            var set = TargetSet(targets)
            guard let target = set.next(in: agent.layer) else { return }
            ack = agent.layer.sendOnce(to: target) { writer, via, _ in
                invite.withView { dialog.state.writeAckHead(to: $0, via: via, into: &writer) }
                MessageContent.session(body).write(into: &writer)
            }
        }
    }

    func resendAck() {
        if let ack { dialog.agent.layer.sendDirectly(ack.bytes, ack.flow) }
    }
}
