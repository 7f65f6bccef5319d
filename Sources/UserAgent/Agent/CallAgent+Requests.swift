import SIP
public import SIPEndpoint

// Requests of others, and who takes them.
extension CallAgent {
    /// The methods that are taken: what Allow says (RFC 3261 §8.2.1, §20.5).
    var methods: MethodSet {
        var methods: MethodSet = [.invite, .ack, .cancel, .bye, .options, .prack, .update, .info, .notify]
        methods.formUnion(servedMethods)
        if onReferral != nil { methods.insert(.refer) }
        if !packages.isEmpty { methods.insert(.subscribe) }
        return methods
    }

    /// A request for this agent: in a dialog of its, or outside.
    public func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        // RFC 3891 §3, RFC 3911 §4: these stand in INVITE alone. An ACK is not answered.
        let method = request.view.method
        if method != .invite, method != .ack,
            let header = [HeaderName.replaces, .join].first(where: { request.view.firstIndex(of: $0) != nil })
        {
            return answer(
                request, 400, MessageContent([Self.warning("\(header.canonical) stands in INVITE only")]))
        }
        if let dialog = dialog(of: request) { return dialog.receive(request) }
        let view = request.view
        if (try? view.to.tag.isEmpty) == false {
            guard view.method != .ack else { return }
            if view.method == .notify, !refusesExtensions(of: request), begins(request) { return }
            return layer.respondStatelessly(to: request, 481)
        }
        guard view.method != .ack, view.method != .cancel, !refusesExtensions(of: request) else { return }
        // RFC 3261 §8.2.2.1.
        guard (try? view.requestURI.scheme) != .other else { return layer.respondStatelessly(to: request, 416) }
        switch view.method {
        case .invite: receiveInvite(request)
        case .options: layer.respondStatelessly(to: request, 200) { self.writeAbilities(into: &$0) }
        case .subscribe where !packages.isEmpty: receiveSubscribe(request, in: nil)
        case .refer where onReferral != nil: receiveRefer(request, in: nil)
        case .bye, .prack, .update, .info, .notify: layer.respondStatelessly(to: request, 481)
        default: serve(request, in: nil)
        }
    }

    /// A request in a dialog that nothing in it has taken.
    func receiveWithoutUsage(_ request: IncomingRequest, in dialog: AgentDialog) {
        switch request.view.method {
        case .options: layer.respondStatelessly(to: request, 200) { self.writeAbilities(into: &$0) }
        case .subscribe where !packages.isEmpty: receiveSubscribe(request, in: dialog)
        case .refer where onReferral != nil: receiveRefer(request, in: dialog)
        case .prack, .update, .info, .bye, .invite, .notify: layer.respondStatelessly(to: request, 481)
        default: serve(request, in: dialog)
        }
    }

    /// A request of a method that somebody serves; others are refused (RFC 3261 §8.2.1, §21.5.2).
    private func serve(_ request: IncomingRequest, in dialog: AgentDialog?) {
        let method = request.view.method
        guard method != .unknown, servedMethods.contains(method) else {
            return layer.respondStatelessly(to: request, method == .unknown ? 501 : 405) {
                $0.append("Allow: \(self.methods)\r\n")
            }
        }
        guard let transaction = layer.accept(request, user: nil), let message = transaction.request else { return }
        onRequest(InboundRequest(self, transaction, message, in: dialog))
    }

    /// Refuses a request that requires an extension which is not known (RFC 3261 §8.2.2.3); whether it did.
    func refusesExtensions(of request: IncomingRequest) -> Bool {
        let view = request.view
        guard view.method != .ack, view.method != .cancel, view.firstIndex(of: .require) != nil else { return false }
        let required = view.optionTags(.require)
        guard required.intersection(supported) != required else { return false }
        layer.respondStatelessly(to: request, 420) {
            view.writeUnsupported(.require, supported: supported, into: &$0)
        }
        return true
    }

    // MARK: INVITE

    private func receiveInvite(_ request: IncomingRequest) {
        let view = request.view
        guard view.hasUsableBody else {
            return layer.respondStatelessly(to: request, 415) { $0.append("Accept: application/sdp\r\n") }
        }
        // Offer or answer: what is sent back describes a session (RFC 3261 §21.4.7, RFC 4475 §3.3.15).
        guard view.accepts("application", "sdp") else {
            return answer(request, 406, MessageContent([Self.warning("A session can be described by SDP only")]))
        }
        if let field = SessionTimer(configuration.sessionTimer).refusal(of: view) {
            return answer(request, 422, MessageContent([.init(field.name, field.value)]))
        }
        let relation: CallLeg.Relation?
        do throws(SessionRefusal) {
            relation = try findRelation(of: view)
        } catch {
            return answer(request, error.status, MessageContent([Self.warning(error.reason)]))
        }
        guard let transaction = layer.accept(request, user: nil) else { return }
        if (try? merged.isMerged(view, transaction: transaction.number)) == true {
            return layer.respond(transaction, 482)
        }
        do {
            let machine = try IncomingInvite(
                request: view, localTag: Self.tag(transaction), timers: layer.configuration.timers)
            let leg = CallLeg(
                self, number: newNumber(), media: try media.makeLeg(near: request.flow.local),
                invitation: transaction.request)
            leg.relation = relation
            add(leg)
            leg.begin(machine, transaction)
            guard !leg.isEnded, !leg.refusesUnencrypted() else { return }
            leg.gatherForInvitation { [weak self] in
                guard let self, !leg.isEnded else { return }
                onInvitation(leg)
            }
        } catch let defect as MessageDefect {
            merged.end(transaction: transaction.number)
            layer.respond(transaction, 400, reason: defect.reason)
        } catch {
            merged.end(transaction: transaction.number)
            layer.respond(transaction, 503, reason: "There is no port left for media")
        }
    }

    /// The tag that responses in a transaction add to To.
    static func tag(_ transaction: ServerTransaction) -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: transaction.toTag)
        return writer.array
    }
}
