public import SIP
import SIPEndpoint

// Requests outside of dialogs, subscriptions and publications.
extension CallAgent {
    /// Sends a request outside of a dialog.
    ///
    /// - Parameter hasContact: whether it has a Contact, as all that make a dialog must.
    @discardableResult
    func send(
        _ method: Method, _ content: MessageContent, in origin: RequestOrigin, hasContact: Bool = false,
        _ completion: @escaping (OutgoingRequest.Outcome) -> Void
    ) -> OutgoingRequest {
        let request = OutgoingRequest(self, method, in: origin) { [self] flow in
            var content = content
            if hasContact {
                let value = contact(flow, isSecure: origin.demandsSecureContact)
                content.fields.insert(.init(.contact, value), at: 0)
            }
            content.fields.append(.init(.supported, "\(supported)"))
            return content
        } _: { outcome in
            completion(outcome)
        }
        request.send()
        return request
    }

    /// Sends a request outside of a dialog, such as MESSAGE or OPTIONS, once.
    ///
    /// - Parameter completion: told on the lane: the final response, nil when none came, and how it ended for a person.
    public func send(
        _ method: Method, to uri: URI, as identity: Identity, _ content: MessageContent = MessageContent(),
        _ completion: @escaping (_ response: Message?, _ status: StatusCode, _ reason: String) -> Void
    ) {
        send(method, content, in: RequestOrigin(self, to: uri, as: identity)) { outcome in
            var response: Message?
            if case .response(let view) = outcome { response = Message(copying: view) }
            completion(response, outcome.status, outcome.reason)
        }
    }

    /// Subscribes. Events come through `onEvent`, which is to be set before this lane's turn ends.
    public func subscribe(
        _ request: EventSubscription.Request, to uri: URI, as identity: Identity
    ) -> EventSubscription {
        let subscription = EventSubscription(self, request, to: uri, as: identity)
        subscription.start()
        return subscription
    }

    /// Publishes event state. Events come through `onEvent`, which is to be set before this lane's turn ends.
    public func publish(
        _ package: String, of resource: URI, as identity: Identity, _ content: MessageContent,
        _ configuration: PublicationClient.Configuration = .init()
    ) -> EventPublication {
        let publication = EventPublication(self, package, of: resource, as: identity, content, configuration)
        publication.start()
        return publication
    }

    // MARK: SUBSCRIBE of others (RFC 6665 §4.2.1)

    func receiveSubscribe(_ request: IncomingRequest, in dialog: AgentDialog?) {
        let view = request.view
        guard let event = (try? view.event).flatMap({ $0 }), let package = packages[view.text(event.type)] else {
            // REFER alone makes subscriptions to its package (RFC 3515 §2.4.4).
            let isRefer = (try? view.event).flatMap { $0 }.map { view.text($0.type) } == "refer"
            return answer(request, isRefer ? 403 : 489, MessageContent([allowEvents]))
        }
        guard package.types.isEmpty || package.types.contains(where: { view.accepts(mediaType: $0) }) else {
            return answer(request, 406)
        }
        let requested: Duration?
        do throws(MessageDefect) {
            requested = try view.expires.map { .seconds($0) }
        } catch {
            return answer(request, 400, MessageContent([Self.warning("\(error.reason)")]))
        }
        guard case .granted(let expires) = package.configuration.grant(requested) else {
            let least = package.configuration.leastExpires.components.seconds
            return answer(request, 423, MessageContent([.init(.minExpires, "\(least)")]))
        }
        let id = view.text(event.id)
        let message = request.keep()
        switch package.decide(message) {
        case .refuse(let status): answer(request, status)
        case .allow: begin(request, message, package, id, expires, isAllowed: true, in: dialog)
        case .pend: begin(request, message, package, id, expires, isAllowed: false, in: dialog)
        }
    }

    private func begin(
        _ request: IncomingRequest, _ message: Message, _ package: EventPackage, _ id: String, _ expires: Duration,
        isAllowed: Bool, in dialog: AgentDialog?
    ) {
        guard let transaction = layer.accept(request, user: nil) else { return }
        do throws(MessageDefect) {
            let dialog = if let dialog { dialog } else { try makeDialog(request, transaction) }
            let subscription = NotifierSubscription(
                self, package, id: id.isEmpty ? nil : id, request: message, in: dialog,
                Notifier(package.configuration, expires: expires, isAllowed: isAllowed, at: layer.driver.now))
            respond(
                transaction, 200, MessageContent([.init(.expires, "\(expires.components.seconds)"), allowEvents]),
                copiesRecordRoute: true, hasContact: true)
            package.begin(subscription)
            subscription.start()
        } catch {
            respond(transaction, 400, MessageContent([Self.warning("\(error.reason)")]))
        }
    }

    /// The dialog that a request other than INVITE makes.
    func makeDialog(_ request: IncomingRequest, _ transaction: ServerTransaction) throws(MessageDefect) -> AgentDialog {
        let state = try Dialog(received: request.view, localTag: Self.tag(transaction), isConfirmed: true)
        let dialog = AgentDialog(self, state, flow: transaction.flow, ownsCallID: false)
        dialog.learn(request.view)
        return dialog
    }

    /// Allow-Events: all packages that are served (RFC 6665 §4.4.4).
    var allowEvents: MessageContent.Field {
        MessageContent.Field(.allowEvents, packages.keys.sorted().joined(separator: ", "))
    }
}

extension MessageView {
    /// Whether the sender takes a media type, such as `application/pidf+xml`, by its Accept; without one all are taken, since
    /// then each event package has its own default (RFC 6665 §5.4.6).
    func accepts(mediaType: String) -> Bool {
        guard firstIndex(of: .accept) != nil else { return true }
        let type = mediaType.prefix { $0 != ";" }.lowercased()
        return values(of: .accept).contains { range in
            guard let accepted = try? self.mediaType(range), accepted.quality > 0 else { return false }
            let (main, sub) = (text(accepted.type).lowercased(), text(accepted.subtype).lowercased())
            return main == "*" || type == "\(main)/\(sub)" || sub == "*" && type.hasPrefix("\(main)/")
        }
    }
}
