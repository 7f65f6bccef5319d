import Reactor
public import SIP
public import SIPEndpoint

/// A user agent of few words for tests: it answers what its script says and records what it gets.
public final class ScriptedPeer: RequestHandler, ServerTransactionUser, ClientTransactionUser {
    /// The host it runs on.
    public let node: SimulatedNode
    /// Its SIP layers.
    public private(set) var layer: TransactionLayer!  // Set by `init` before anyone can see the peer.
    /// All requests that began something, in order.
    public private(set) var requests: [Message] = []
    /// All responses to its own requests, in order.
    public private(set) var responses: [Message] = []
    /// The failures of its own requests.
    public private(set) var failures: [TransactionFailure] = []
    /// The INVITE transactions that were cancelled.
    public private(set) var cancelled: [ServerTransaction] = []
    /// What to do with a new request; by default 200 to all but ACK.
    public var onRequest: (ScriptedPeer, Message, ServerTransaction?) -> Void = { peer, request, transaction in
        guard let transaction else { return }
        peer.answer(transaction, 200)
    }
    /// What to do when an INVITE is cancelled; by default 487.
    public var onCancel: (ScriptedPeer, ServerTransaction) -> Void = { peer, transaction in
        peer.layer.respond(transaction, 487)
    }
    /// What to do with a response, after it was recorded; by default the ACK of each 2xx to INVITE.
    public var onResponse: (ScriptedPeer, Message) -> Void = { peer, response in peer.acknowledge(response) }
    private var counter = 0

    public init(_ node: SimulatedNode, configuration: EndpointConfiguration = .init()) {
        self.node = node
        layer = node.start(self, configuration: configuration)
    }

    // MARK: Sending

    /// A SIP URI of this peer.
    public func uri(_ user: String) -> String { "sip:\(user)@\(node.address)" }

    /// Sends a request outside of a dialog and returns its Call-ID.
    ///
    /// - Parameters:
    ///   - headers: further header lines, without line ends.
    ///   - next: the address to send to.
    @discardableResult
    public func send(
        _ method: String, to uri: String, from user: String, via next: SimulatedNode, headers: [String] = [],
        body: String = "", callID: String? = nil, cSeq: Int = 1, toTag: String? = nil, fromTag: String = "ft"
    ) -> ClientTransaction? {
        counter += 1
        let call = callID ?? "call-\(counter)@\(node.address)"
        let to = toTag.map { ";tag=\($0)" } ?? ""
        var lines = [
            "Max-Forwards: 70", "From: <\(self.uri(user))>;tag=\(fromTag)", "To: <\(uri)>\(to)", "Call-ID: \(call)",
            "CSeq: \(cSeq) \(method)", "Contact: <\(self.uri(user))>",
        ]
        if headers.contains(where: { $0.hasPrefix("Max-Forwards:") }) { lines.removeFirst() }
        lines += headers
        lines.append("Content-Length: \(body.utf8.count)")
        let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
        let known = Method.all.first { $0.description == method } ?? .unknown
        return layer.send(known, to: Target(.udp, next.address), user: self) { writer, via, _ in
            writer.append("\(method) \(uri) SIP/2.0\r\n")
            writer.append(via)
            writer.append(text)
        }
    }

    /// Answers a request with a Contact of this peer, and with a body when there is one.
    public func answer(
        _ transaction: ServerTransaction, _ status: StatusCode, headers: [String] = [], type: String = "",
        body: String = ""
    ) {
        var text = "Contact: <\(uri("here"))>\r\n"
        for header in headers { text += header + "\r\n" }
        if !body.isEmpty { text += "Content-Type: \(type)\r\n" }
        text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        layer.respond(transaction, status: status) { writer in
            layer.writeHead(transaction, status, nil, true, into: &writer)
            writer.append(text)
        }
    }

    /// Sends a request in the dialog that a 2xx made: the route set reversed, to the remote target (RFC 3261 §12.2.1.1).
    @discardableResult
    public func sendInDialog(_ method: String, after response: Message, cSeq: Int) -> ClientTransaction? {
        guard let lines = dialogLines(method, response, cSeq) else { return nil }
        if method == "ACK" {
            layer.sendDirectly(
                Array(
                    (lines.start + "Via: SIP/2.0/UDP \(node.address);branch=z9hG4bKack\(counter)\r\n" + lines.rest).utf8
                ),
                Flow(transport: .udp, listener: 0, local: node.address, remote: lines.next))
            return nil
        }
        let known = Method.all.first { $0.description == method } ?? .unknown
        return layer.send(known, to: Target(.udp, lines.next), user: self) { writer, via, _ in
            writer.append(lines.start)
            writer.append(via)
            writer.append(lines.rest)
        }
    }

    /// Sends the ACK of a 2xx to INVITE.
    public func acknowledge(_ response: Message) {
        guard response.statusCode.isSuccess, response[.cSeq]?.hasSuffix("INVITE") == true else { return }
        counter += 1
        sendInDialog("ACK", after: response, cSeq: Int(response[.cSeq]?.split(separator: " ").first ?? "1") ?? 1)
    }

    private func dialogLines(
        _ method: String, _ response: Message, _ cSeq: Int
    ) -> (start: String, rest: String, next: TransportAddress)? {
        guard let contact = response.values(of: .contact).first, let remote = try? NameAddress(contact),
            let from = response[.from], let to = response[.to], let callID = response[.callID]
        else { return nil }
        let routes = Array(response.values(of: .recordRoute).reversed())
        let nextURI = routes.first.flatMap { try? NameAddress($0) }?.uri ?? remote.uri
        guard let next = TransportAddress("\(nextURI.host):\(nextURI.port ?? 5_060)") else { return nil }
        var rest = routes.map { "Route: \($0)\r\n" }.joined()
        rest += "Max-Forwards: 70\r\nFrom: \(from)\r\nTo: \(to)\r\nCall-ID: \(callID)\r\nCSeq: \(cSeq) \(method)\r\n"
        rest += "Contact: <\(uri("me"))>\r\nContent-Length: 0\r\n\r\n"
        return ("\(method) \(remote.uri) SIP/2.0\r\n", rest, next)
    }

    // MARK: RequestHandler

    public func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        let message = request.keep()
        requests.append(message)
        guard message.method != .ack else { return onRequest(self, message, nil) }
        guard let transaction = layer.accept(request, user: self) else { return }
        onRequest(self, message, transaction)
    }

    public func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {
        layer.respondStatelessly(to: request, 481)
    }

    public func timerFired(_ token: UInt64, in layer: TransactionLayer) {}

    // MARK: Transactions

    public func cancelled(_ transaction: ServerTransaction, in layer: TransactionLayer) {
        cancelled.append(transaction)
        onCancel(self, transaction)
    }

    public func failed(_ transaction: ServerTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {}

    public func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        let message = Message(copying: response.view)
        responses.append(message)
        onResponse(self, message)
    }

    public func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        failures.append(failure)
    }
}
