import SIP
import SIPEndpoint

/// Something that lives in a dialog: a call, or a subscription (RFC 5057).
protocol DialogUsage: AnyObject {
    /// A request came in the dialog, in order and with no extension required that is not known. ACK comes too.
    ///
    /// - Returns: whether it was for this usage, which then answers it.
    func receive(_ request: IncomingRequest, in dialog: AgentDialog) -> Bool

    /// The dialog is over: the peer does not know it any more.
    func dialogLost(_ dialog: AgentDialog, _ status: StatusCode)

    /// This side is reached at another address.
    func relocate()
}

/// A dialog of an agent, shared by all that lives in it: one target, one count of requests (RFC 5057 §5).
///
/// Bound to its lane.
final class AgentDialog: RequestScope {
    let agent: CallAgent
    /// The dialog.
    var state: Dialog
    /// The flow by which the peer was reached first.
    var flow: Flow?
    /// Whether this side made the Call-ID.
    let ownsCallID: Bool
    /// What the peer says that it allows and supports; nil and empty before it says anything.
    private(set) var peerMethods: MethodSet?
    private(set) var peerExtensions = OptionTagSet()
    /// The Info packages that the peer is willing to receive; nil before it says (RFC 6086 §5.2.2).
    private(set) var peerInfoPackages: [String]?
    private var usages: [any DialogUsage] = []

    init(_ agent: CallAgent, _ state: Dialog, flow: Flow?, ownsCallID: Bool) {
        self.agent = agent
        self.state = state
        self.flow = flow
        self.ownsCallID = ownsCallID
    }

    // MARK: Usages

    /// The call in the dialog.
    var call: CallLeg? { usages.lazy.compactMap { $0 as? CallLeg }.first }

    /// Counts the REFERs of the peer; whether there was one before.
    func countReferral() -> Bool {
        defer { hasReferral = true }
        return hasReferral
    }

    private var hasReferral = false

    func join(_ usage: any DialogUsage) {
        guard !usages.contains(where: { $0 === usage }) else { return }
        usages.append(usage)
        agent.remember(self)
    }

    /// A usage is over; with the last one the dialog is.
    func leave(_ usage: any DialogUsage) {
        usages.removeAll { $0 === usage }
        if usages.isEmpty { agent.forget(self) }
    }

    /// This side is reached at another address: the peer is told by a target refresh request of each usage.
    func relocate() {
        flow = nil
        for usage in usages { usage.relocate() }
    }

    /// The peer does not know the dialog any more.
    func lose(_ status: StatusCode) {
        for usage in usages { usage.dialogLost(self, status) }
    }

    // MARK: Sending

    var requestURI: URI { state.requestURI }
    var nextHop: URI { state.nextHop }
    func nextSequence() -> UInt32 { state.nextSequence() }

    func writeHead(
        of method: Method, sequence: UInt32, via: UnsafeRawBufferPointer, into writer: inout ByteWriter
    ) {
        state.writeHead(of: method, sequence: sequence, via: via, into: &writer)
    }

    /// Sends a request in the dialog. A target refresh request has Contact; what a 2xx says of the peer is noted before
    /// `completion` is told.
    @discardableResult
    func send(
        _ method: Method, _ content: MessageContent = MessageContent(),
        _ completion: @escaping (OutgoingRequest.Outcome) -> Void = { _ in }
    ) -> OutgoingRequest {
        let request = OutgoingRequest(agent, method, in: self) { [self] flow in
            var content = content
            if Dialog.isTargetRefresh(method) || method == .refer {
                content.fields.insert(.init(.contact, agent.contact(flow, isSecure: demandsSecureContact)), at: 0)
            }
            // RFC 4028 §7.1 wants it in every request but ACK.
            let supported = String(describing: HeaderName.supported.canonical)
            if !content.fields.contains(where: { $0.name == supported }) {
                content.fields.append(.init(supported, "\(agent.supported)"))
            }
            return content
        } _: { [self] outcome in
            if case .response(let view) = outcome {
                learn(view)
                _ = try? state.receive(view, to: method)
            }
            completion(outcome)
            judge(outcome, of: method)
        }
        request.send()
        return request
    }

    /// Ends what a refusal or silence ends (RFC 3261 §12.2.1.2, RFC 5057 §5), once the one who has sent the request knows of it.
    ///
    /// BYE and UPDATE are judged by the call. 480 is taken for what it says of a person and ends nothing, as RFC 3261 knows of 408 and
    /// 481 alone; REFER is refused with 404 and the like for the sake of its target.
    private func judge(_ outcome: OutgoingRequest.Outcome, of method: Method) {
        guard method != .bye, method != .update, !outcome.status.isSuccess else { return }
        if case .failed(.transport) = outcome { return }
        let status = outcome.status
        if method != .refer, RefusalEffect(status) == .dialog { return lose(status) }
        switch (method, status) {
        case (.subscribe, _), (.notify, _): return
        // Silence ends the usage that a request belongs to, which others than these have none (RFC 5057 §5.2, §5.3).
        case (.info, 408), (.prack, 408): call?.dialogLost(self, status)
        // Of a call that is up it says that the provisional response is not waited for any more (RFC 3262 §3).
        case (.prack, 481) where call?.isAnswered == true: return
        // Other usages hear of it themselves, since some peers end them one by one (RFC 5057 §5.1 note 8).
        case (_, 481): call?.dialogLost(self, status)
        default: return
        }
    }

    /// Whether the peer can be sent requests of a method; one that says nothing is taken to know what RFC 3261 has.
    func peerAllows(_ method: Method) -> Bool {
        if let peerMethods { return peerMethods.contains(method) }
        return [.invite, .ack, .bye, .cancel, .options].contains(method)
    }

    /// The peer refuses a method, whatever it says.
    func forbid(_ method: Method) {
        peerMethods = (peerMethods ?? [.invite, .ack, .bye, .cancel, .options]).subtracting(MethodSet(method))
    }

    // MARK: Receiving

    /// Notes what a message says of its sender.
    func learn(_ view: MessageView) {
        if let allow = view.allow { peerMethods = allow }
        if view.firstIndex(of: .supported) != nil { peerExtensions = view.optionTags(.supported) }
        if let packages = view.infoPackages { peerInfoPackages = packages }
    }

    /// Whether the peer is willing to receive INFOs of a package: it has said so. Upper case and lower case differ (RFC 6086 §4.2.1,
    /// §7.2).
    func peerWants(infoPackage name: String) -> Bool {
        peerInfoPackages?.contains(name) ?? false
    }

    /// A request of the peer.
    func receive(_ request: IncomingRequest) {
        let view = request.view
        let layer = agent.layer
        if view.method != .ack {
            guard let order = try? state.receive(view) else { return layer.respondStatelessly(to: request, 400) }
            guard order == .inOrder else {
                // Some look for CSeq in the whole response: its name must not stand in the reason.
                return layer.respondStatelessly(to: request, 500, reason: "Request Out Of Order")
            }
            guard !agent.refusesExtensions(of: request) else { return }
        }
        learn(view)
        for usage in usages where usage.receive(request, in: self) { return }
        guard view.method != .ack else { return }
        agent.receiveWithoutUsage(request, in: self)
    }
}
