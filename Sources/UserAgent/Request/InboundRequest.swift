public import SIP
import SIPEndpoint

/// A request that came to this side and is nothing that it handles by itself: MESSAGE, PUBLISH, INFO of a package and the like.
///
/// Bound to its lane, and to be answered once.
public final class InboundRequest {
    let agent: CallAgent
    /// The request.
    public let message: Message
    private let transaction: ServerTransaction
    /// Whether it came in a dialog.
    public let isInDialog: Bool
    /// The call in whose dialog it came; nil outside of any.
    public let call: CallLeg?
    /// Whether it was answered.
    public private(set) var isAnswered = false

    init(_ agent: CallAgent, _ transaction: ServerTransaction, _ message: Message, in dialog: AgentDialog?) {
        self.agent = agent
        self.transaction = transaction
        self.message = message
        isInDialog = dialog != nil
        call = dialog?.call
    }

    /// Who has sent it, as From says.
    public var sender: NameAddress? { message[.from].flatMap { try? NameAddress($0) } }

    /// Answers; later answers than the first final one are ignored.
    public func respond(_ status: StatusCode, _ content: MessageContent = MessageContent()) {
        guard !isAnswered else { return }
        isAnswered = status.isFinal
        agent.respond(transaction, status, content)
    }
}
