import SIP
import SIPEndpoint

// Parts of messages.
extension CallAgent {
    /// The value of Contact for what goes by a flow.
    ///
    /// - Parameter isSecure: whether the request, ours or the one that is answered, went to a SIPS URI, or by one in its
    ///   topmost Route or Record-Route: then the contact is SIPS too (RFC 3261 §8.1.1.8, §12.1.1).
    func contact(_ flow: Flow, isSecure: Bool) -> String {
        let reference = registrationReference.map { ";pn-purr=\($0)" } ?? ""
        if let gruu {
            // The SIPS form of a GRUU is one too (RFC 5627 §5.1 builds on RFC 3261 §19.1.4; RFC 5630 §3.3).
            guard isSecure, gruu.scheme == .sip else { return "<\(gruu)\(reference)>" }
            return "<sips:\("\(gruu)".dropFirst(4))\(reference)>"
        }
        let host = String(decoding: layer.listeners[Int(flow.listener)].advertised, as: UTF8.self)
        if isSecure { return "<sips:\(URI.escape(contactUser))@\(host)\(reference)>" }
        let transport = flow.transport == .udp ? "" : ";transport=\(flow.transport.parameterText)"
        return "<sip:\(URI.escape(contactUser))@\(host)\(transport)\(reference)>"
    }

    func writeContact(_ flow: Flow, isSecure: Bool, into writer: inout ByteWriter) {
        writer.append("Contact: \(contact(flow, isSecure: isSecure))\r\n")
    }

    /// Writes Contact into a response.
    func writeContact(_ transaction: ServerTransaction, into writer: inout ByteWriter) {
        let isSecure = transaction.request?.withView(Self.demandsSecureContact) ?? false
        writeContact(transaction.flow, isSecure: isSecure, into: &writer)
    }

    /// Whether the contact in a response must be SIPS (RFC 3261 §12.1.1).
    private static func demandsSecureContact(_ request: MessageView) -> Bool {
        if (try? request.requestURI)?.scheme == .sips { return true }
        var routes = request.values(of: .recordRoute)
        if let top = routes.next() {
            return (try? request.uri(request.address(top).uri))?.scheme == .sips
        }
        var contacts = request.values(of: .contact)
        guard let contact = contacts.next() else { return false }
        return (try? request.uri(request.address(contact).uri))?.scheme == .sips
    }

    /// What Supported says.
    var supported: OptionTagSet {
        var all = Self.extensions
        if supportsGRUU { all = all.union(OptionTagSet(.gruu)) }
        // RFC 8840 §10.6.
        if takesCandidates { all = all.union(OptionTagSet(.trickleICE)) }
        return all
    }

    /// The Info packages that are wanted: those of the program's, and that of candidates.
    var wantedInfoPackages: [String] { (takesCandidates ? [InfoPackage.candidates] : []) + infoPackages }

    /// Allow, Supported and User-Agent, as they stand in INVITE and UPDATE and their 2xx (RFC 3261 §13.2.1, §13.3.1.4).
    ///
    /// - Parameter saysInfoPackages: whether Recv-Info is written: in an answer only when the request has it (RFC 6086 §5.2.3).
    func writeCapabilities(saysInfoPackages: Bool = true, into writer: inout ByteWriter) {
        writer.append("Allow: \(methods)\r\nSupported: \(supported)\r\n")
        if !packages.isEmpty { writer.append("Allow-Events: \(allowEvents.value)\r\n") }
        // RFC 6086 §4.2.2: which Info packages are wanted; an empty list wants none.
        if saysInfoPackages { writer.append("Recv-Info: \(wantedInfoPackages.joined(separator: ", "))\r\n") }
        let name = layer.configuration.softwareName
        if !name.isEmpty { writer.append("User-Agent: \(name)\r\n") }
    }

    /// What an answer to OPTIONS says (RFC 3261 §11.2).
    func writeAbilities(into writer: inout ByteWriter) {
        writer.append("Allow: \(methods)\r\nSupported: \(supported)\r\nAccept: application/sdp\r\n")
        if !packages.isEmpty { writer.append("Allow-Events: \(allowEvents.value)\r\n") }
    }

    /// The same for a request that is made of content.
    var capabilityFields: [MessageContent.Field] {
        [.init(.allow, "\(methods)"), .init(.supported, "\(supported)")]
    }

    /// The same for the answer to a request.
    func capabilityFields(answering request: MessageView) -> [MessageContent.Field] {
        capabilityFields + infoFields(answering: request)
    }

    /// Recv-Info, as it stands in the answer to a request that has it (RFC 6086 §5.2.3).
    func infoFields(answering request: MessageView) -> [MessageContent.Field] {
        guard request.firstIndex(of: .recvInfo) != nil else { return [] }
        return [.init(.recvInfo, wantedInfoPackages.joined(separator: ", "))]
    }

    static func write(_ credentials: [DigestClient.Field], into writer: inout ByteWriter) {
        for field in credentials {
            writer.append(field.name.canonical)
            writer.append(": ")
            writer.append(field.value)
            writer.append("\r\n")
        }
    }

    /// A Warning that a person can read (RFC 3261 §20.43).
    static func warning(_ text: String) -> MessageContent.Field {
        MessageContent.Field(.warning, "399 itodenwa \(NameAddress.quote(text))")
    }

    /// Retry-After of up to 10 s, at random, so that those who collide do not come again together (RFC 3261 §14.2).
    func retryAfter() -> MessageContent.Field {
        MessageContent.Field(.retryAfter, "\(layer.driver.random() % (SessionExchange.longestRetryAfter + 1))")
    }

    /// Answers a request in its transaction.
    func respond(
        _ transaction: ServerTransaction, _ status: StatusCode, _ content: MessageContent = MessageContent(),
        copiesRecordRoute: Bool = false, hasContact: Bool = false
    ) {
        layer.respond(transaction, status: status) { writer in
            layer.writeHead(transaction, status, nil, copiesRecordRoute, into: &writer)
            if hasContact { writeContact(transaction, into: &writer) }
            content.write(into: &writer)
        }
    }

    /// Answers a request at once.
    func answer(_ request: IncomingRequest, _ status: StatusCode, _ content: MessageContent = MessageContent()) {
        guard let transaction = layer.accept(request, user: nil) else { return }
        respond(transaction, status, content)
    }
}
