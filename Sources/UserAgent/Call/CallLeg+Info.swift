public import SIP
import SIPEndpoint

// INFO (RFC 6086).
extension CallLeg {
    /// An INFO of the far side. One without a package is of the old kind, and is taken for what its body is (RFC 6086 §9).
    func receiveInfo(_ request: IncomingRequest, _ call: CallDialog) {
        let view = request.view
        guard let value = view.value(of: .infoPackage) else { return receiveLegacyInfo(request) }
        let package = view.text(value).prefix { $0 != ";" && $0 != " " }
        guard agent.infoPackages.contains(where: { $0.lowercased() == package.lowercased() }) else {
            // RFC 6086 §4.2.2: 469 with the packages that are wanted.
            return agent.answer(
                request, 469, MessageContent([.init(.recvInfo, agent.infoPackages.joined(separator: ", "))]))
        }
        guard let transaction = agent.layer.accept(request, user: nil), let message = transaction.request else {
            return
        }
        agent.onRequest(InboundRequest(agent, transaction, message, isInDialog: true))
    }

    /// A key that was pressed, in one of the two bodies that phones use for it; others are taken and mean nothing.
    private func receiveLegacyInfo(_ request: IncomingRequest) {
        let view = request.view
        agent.answer(request, 200)
        guard let value = view.value(of: .contentType) else { return }
        let text = view.text(view.body)
        let digit: Substring?
        switch view.text(value).prefix(while: { $0 != ";" }).lowercased() {
        case "application/dtmf-relay":
            digit =
                text.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("signal") }?
                .split(separator: "=").dropFirst().first
        case "application/dtmf": digit = text[...]
        default: return
        }
        guard let key = digit?.first(where: { !$0.isWhitespace }), "0123456789*#ABCD".contains(key) else { return }
        tell(.digit(key))
    }

    /// Sends an INFO of a package (RFC 6086 §4.2.1).
    ///
    /// - Parameter completion: told on the lane the final status: 469 when the far side does not want the package, 408 when it
    ///   is silent.
    public func sendInfo(
        _ package: String, _ content: MessageContent = MessageContent(),
        _ completion: @escaping (StatusCode) -> Void = { _ in }
    ) {
        guard let current, !isEnded else { return completion(481) }
        var content = content
        content.fields.insert(.init(.infoPackage, package), at: 0)
        current.dialog.send(.info, content) { completion($0.status) }
    }

    /// Sends a request that is no part of the call's own in its dialog, such as MESSAGE.
    ///
    /// - Parameter completion: told on the lane: the final response, nil when none came, and how it ended for a person.
    public func send(
        _ method: Method, _ content: MessageContent = MessageContent(),
        _ completion: @escaping (_ response: Message?, _ status: StatusCode, _ reason: String) -> Void = { _, _, _ in }
    ) {
        guard let current, !isEnded else { return completion(nil, 481, "The call is over") }
        current.dialog.send(method, content) { outcome in
            var response: Message?
            if case .response(let view) = outcome { response = Message(copying: view) }
            completion(response, outcome.status, outcome.reason)
        }
    }
}
