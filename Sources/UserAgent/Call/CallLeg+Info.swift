import SDP
public import SIP
import SIPEndpoint

// INFO (RFC 6086).
extension CallLeg {
    /// An INFO of the far side. One without a package is of the old kind, and is taken for what its body is (RFC 6086 §2).
    func receiveInfo(_ request: IncomingRequest, _ call: CallDialog) {
        let view = request.view
        guard let value = view.value(of: .infoPackage) else { return receiveLegacyInfo(request) }
        let package = InfoPackage.name(in: view.text(value))
        let wanted = agent.wantedInfoPackages
        guard wanted.contains(package) else {
            // RFC 6086 §4.2.2: 469 with the packages that are wanted.
            return agent.answer(request, 469, MessageContent([.init(.recvInfo, wanted.joined(separator: ", "))]))
        }
        if agent.takesCandidates, package == InfoPackage.candidates { return receiveCandidates(request, call) }
        guard let transaction = agent.layer.accept(request, user: nil), let message = transaction.request else {
            return
        }
        agent.onRequest(InboundRequest(agent, transaction, message, in: call.dialog))
    }

    /// Candidates that the far side has found behind its offer or answer (RFC 8840 §4.4). What is of another generation, or of a call
    /// without ICE, means nothing.
    private func receiveCandidates(_ request: IncomingRequest, _ call: CallDialog) {
        let view = request.view
        let type = view.value(of: .contentType).map { view.text($0) } ?? ""
        guard InfoPackage.name(in: type).lowercased() == CandidateFragment.mediaType else {
            return agent.answer(request, 415, MessageContent([.init(.accept, CandidateFragment.mediaType)]))
        }
        guard let fragment = try? CandidateFragment(parsing: view.array(view.body)) else {
            return agent.answer(request, 400)
        }
        agent.answer(request, 200)
        let isUsed = call === current || current == nil && early.count == 1
        (call.session as? NegotiatedSession)?.take(fragment, isUsed: isUsed)
    }

    /// Whether the far side tells candidates by INFO: only one who takes them does.
    var tricklesPeer: Bool {
        let dialogs = current.map { [$0] } ?? Array(early.values)
        return agent.takesCandidates && dialogs.contains { $0.dialog.peerWants(infoPackage: InfoPackage.candidates) }
    }

    /// Asks servers for candidates before the invitation is told. A caller who takes candidates by INFO is not kept waiting: the answer has
    /// what is known, and the others follow (RFC 8840 §4.3, §4.4).
    ///
    /// - Parameter then: called once, on the lane.
    func gatherForInvitation(_ then: @escaping () -> Void) {
        guard let media = media as? AudioLeg, media.asksServers, media.mayTrickle, tricklesPeer, offersTrickle else {
            return gather(then)
        }
        // Proof of `nonisolated(unsafe)`: both are used in what `execute` runs on this lane, and there alone.
        nonisolated(unsafe) let (leg, then) = (self, then)
        let execute = agent.layer.driver.execute
        media.gather {
            execute { then() }
        } _: {
            execute { leg.tellFollowingCandidates() }
        }
    }

    /// Whether the offer of the INVITE names its audio, and says that candidates may follow.
    private var offersTrickle: Bool {
        guard let bytes = invitation?.withView({ $0.sessionDescription }),
            let offer = try? SessionDescription(parsing: bytes),
            let media = offer.media.first(where: { $0.media.equalsIgnoringCase("audio") && $0.port != 0 })
        else { return false }
        return media.identification != nil
            && offer.iceOptions(of: media).contains { $0.equalsIgnoringCase("trickle") }
    }

    /// Tells the candidates that follow the answer of this side, once there is a dialog and all are known.
    func tellFollowingCandidates() {
        guard isAnswered, !isEnded, tricklesPeer,
            let body = (current?.session as? NegotiatedSession)?.takeFollowingCandidates()
        else { return }
        sendInfo(
            InfoPackage.candidates,
            MessageContent(
                [.init("Content-Disposition", "Info-Package")], type: CandidateFragment.mediaType, body: body))
    }

    /// A key that was pressed, in one of the two bodies that phones use for it; others are taken and mean nothing.
    private func receiveLegacyInfo(_ request: IncomingRequest) {
        let view = request.view
        agent.answer(request, 200)
        guard let value = view.value(of: .contentType) else { return }
        guard let key = KeySignal(view.text(view.body), type: view.text(value))?.key else { return }
        tell(.digit(key))
    }

    /// The Info packages that the far side is willing to receive now; none before it has said so (RFC 6086 §5.2.2).
    public var peerInfoPackages: [String] { current?.dialog.peerInfoPackages ?? [] }

    /// Sends an INFO of a package (RFC 6086 §4.2.1).
    ///
    /// - Parameter completion: told on the lane the final status: 469 when the far side does not want the package, and nothing is
    ///   sent then if it has not said that it does; 408 when it is silent.
    public func sendInfo(
        _ package: String, _ content: MessageContent = MessageContent(),
        _ completion: @escaping (StatusCode) -> Void = { _ in }
    ) {
        var content = content
        content.fields.insert(.init(.infoPackage, package), at: 0)
        send(.info, content) { _, status, _ in completion(status) }
    }

    /// Sends a request that is no part of the call's own in its dialog, such as MESSAGE. An INFO of a package is sent only when the
    /// far side is willing to receive it (RFC 6086 §4.2.1).
    ///
    /// - Parameter completion: told on the lane: the final response, nil when none came, and how it ended for a person.
    public func send(
        _ method: Method, _ content: MessageContent = MessageContent(),
        _ completion: @escaping (_ response: Message?, _ status: StatusCode, _ reason: String) -> Void = { _, _, _ in }
    ) {
        guard let current, !isEnded else { return completion(nil, 481, "The call is over") }
        if method == .info, let package = content.infoPackage, !current.dialog.peerWants(infoPackage: package) {
            return completion(nil, 469, "The far side does not want the Info package \(package)")
        }
        current.dialog.send(method, content) { outcome in
            var response: Message?
            if case .response(let view) = outcome { response = Message(copying: view) }
            completion(response, outcome.status, outcome.reason)
        }
    }
}

/// The names of Info packages in messages.
enum InfoPackage {
    /// Candidates (RFC 8840 §10.4).
    static let candidates = "trickle-ice"

    /// The name in a value of Info-Package or Recv-Info, without parameters (RFC 6086 §7.2).
    static func name(in value: String) -> String {
        String(value.drop { $0 == " " || $0 == "\t" }.prefix { $0 != ";" && $0 != " " && $0 != "\t" })
    }
}

extension MessageContent {
    /// The Info package that an INFO with this content is of; nil for one of the old kind (RFC 6086 §2).
    var infoPackage: String? {
        let name = String(describing: HeaderName.infoPackage.canonical).lowercased()
        return fields.first { $0.name.lowercased() == name }.map { InfoPackage.name(in: $0.value) }
    }
}

extension MessageView {
    /// The Info packages that the sender of this message is willing to receive from now on: what Recv-Info says in the requests and
    /// responses that set it (RFC 6086 §5.2.2, §7.1), empty for none; nil where nothing is said.
    var infoPackages: [String]? {
        guard firstIndex(of: .recvInfo) != nil else { return nil }
        if !isRequest, statusCode >= 300 || statusCode == 100 { return nil }
        guard let method = isRequest ? method : (try? cSeq)?.method, [.invite, .prack, .update].contains(method) else {
            return nil
        }
        var names: [String] = []
        for value in values(of: .recvInfo) where names.count < Self.mostInfoPackages {
            let name = InfoPackage.name(in: text(value))
            if !name.isEmpty { names.append(name) }
        }
        return names
    }

    /// The most Info packages of a peer that are kept: 64; further ones are not sent.
    static var mostInfoPackages: Int { 64 }
}
