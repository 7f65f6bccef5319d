import SIP
import SIPEndpoint

/// A request other than INVITE on its way: sent to the servers of its target in turn, repeated by its transactions, answered to
/// challenges, until it has its final response or none will come.
final class OutgoingRequest: ClientTransactionUser {
    /// What became of a request.
    enum Outcome {
        /// The final response.
        case response(MessageView)
        /// None came, or the request could not be sent.
        case failed(TransactionFailure)
    }

    private let agent: CallAgent
    private let scope: any RequestScope
    private let method: Method
    private let content: (_ flow: Flow) -> MessageContent
    /// Told once.
    private var completion: ((Outcome) -> Void)?
    private var retry = AuthenticationRetry()
    private var target: Target?
    private var alternatives = TargetSet()
    /// Why the transaction has failed that is being started.
    private var early: TransactionFailure?
    private var isStarting = false
    private(set) var transaction: ClientTransaction?
    /// The number of the last transmission in its CSeq.
    private(set) var sequence: UInt32 = 0

    /// Makes a request; ``send()`` sends it.
    ///
    /// - Parameter content: makes header fields and body for the flow that the request goes by.
    init(
        _ agent: CallAgent, _ method: Method, in scope: any RequestScope,
        content: @escaping (_ flow: Flow) -> MessageContent, _ completion: @escaping (Outcome) -> Void
    ) {
        self.agent = agent
        self.method = method
        self.scope = scope
        self.content = content
        self.completion = completion
    }

    /// Finds the servers and sends.
    func send() {
        agent.targets(scope.nextHop, flow: scope.flow) { [self] targets in
            alternatives = TargetSet(targets)
            sendToNextServer(orElse: .transport("\(scope.nextHop.host) has no address"))
        }
    }

    /// Sends to the next server (RFC 3263 §4.3); without one the request has failed.
    private func sendToNextServer(orElse failure: TransactionFailure) {
        guard let next = alternatives.next(in: agent.layer) else { return complete(.failed(failure)) }
        send(to: next)
    }

    private func send(to target: Target) {
        self.target = target
        sequence = scope.nextSequence()
        let number = sequence
        early = nil
        isStarting = true
        var made: (flow: Flow, content: MessageContent, credentials: [DigestClient.Field])?
        let sent = agent.layer.send(method, to: target, user: self) { [self] writer, via, flow in
            // Called twice when the size changes the transport: what names a flow is made anew.
            let content = content(flow)
            let credentials =
                made?.credentials
                ?? retry.authorize(
                    .init(method: Array(method.description.utf8), uri: scope.requestURI.bytes, body: content.body),
                    with: &agent.credentials)
            made = (flow, content, credentials)
            scope.writeHead(of: method, sequence: number, via: via, into: &writer)
            CallAgent.write(credentials, into: &writer)
            content.write(into: &writer)
        }
        isStarting = false
        guard let sent else {
            return sendToNextServer(orElse: .transport("no listener of ours reaches \(target.address)"))
        }
        transaction = sent
        // A connection that cannot be had may have failed before anyone knew the transaction.
        if let early { failed(sent, early, in: agent.layer) }
    }

    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        let view = response.view
        let status = view.statusCode
        guard status.isFinal else { return }
        if status == 401 || status == 407, let target,
            retry.receive(view, with: &agent.credentials) == .retry
        {
            return send(to: target)
        }
        // A server that is overloaded or down leads to the next one (RFC 3263 §4.3).
        if TargetSet.leadsOn(status), let next = alternatives.next(in: layer) { return send(to: next) }
        complete(.response(view))
    }

    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        guard !isStarting else {
            early = failure
            return
        }
        guard transaction === self.transaction else { return }
        guard TargetSet.leadsOn(transaction) else { return complete(.failed(failure)) }
        sendToNextServer(orElse: failure)
    }

    private func complete(_ outcome: Outcome) {
        let told = completion
        completion = nil
        told?(outcome)
    }
}

extension OutgoingRequest.Outcome {
    /// The status: that of the response, 408 for silence, 503 for a failed transport (RFC 3261 §8.1.3.1).
    var status: StatusCode {
        switch self {
        case .response(let view): view.statusCode
        case .failed(.timeout): 408
        case .failed(.transport): 503
        }
    }

    /// The reason for a person.
    var reason: String {
        switch self {
        case .response(let view): CallLeg.reason(of: view)
        case .failed(.timeout): "No answer came"
        case .failed(.transport(let reason)): reason
        }
    }
}
