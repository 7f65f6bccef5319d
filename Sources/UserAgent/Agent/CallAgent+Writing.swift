import SIP
import SIPEndpoint

// Parts of messages.
extension CallAgent {
    /// The value of Contact for what goes by a flow.
    func contact(_ flow: Flow) -> String {
        let host = String(decoding: layer.listeners[Int(flow.listener)].advertised, as: UTF8.self)
        let transport = flow.transport == .udp ? "" : ";transport=\(flow.transport.parameterText)"
        return "<sip:\(URI.escape(contactUser))@\(host)\(transport)>"
    }

    func writeContact(_ flow: Flow, into writer: inout ByteWriter) {
        writer.append("Contact: \(contact(flow))\r\n")
    }

    /// Allow, Supported and User-Agent, as they stand in INVITE and UPDATE and their 2xx (RFC 3261 §13.2.1, §13.3.1.4).
    func writeCapabilities(into writer: inout ByteWriter) {
        writer.append("Allow: \(methods)\r\nSupported: \(Self.extensions)\r\n")
        if !packages.isEmpty { writer.append("Allow-Events: \(allowEvents.value)\r\n") }
        // RFC 6086 §4.2.2: which Info packages are wanted; an empty list wants none.
        writer.append("Recv-Info: \(infoPackages.joined(separator: ", "))\r\n")
        let name = layer.configuration.softwareName
        if !name.isEmpty { writer.append("User-Agent: \(name)\r\n") }
    }

    /// What an answer to OPTIONS says (RFC 3261 §11.2).
    func writeAbilities(into writer: inout ByteWriter) {
        writer.append("Allow: \(methods)\r\nSupported: \(Self.extensions)\r\nAccept: application/sdp\r\n")
        if !packages.isEmpty { writer.append("Allow-Events: \(allowEvents.value)\r\n") }
        writer.append("Recv-Info: \(infoPackages.joined(separator: ", "))\r\n")
    }

    /// The same for a request that is made of content.
    var capabilityFields: [MessageContent.Field] {
        [.init(.allow, "\(methods)"), .init(.supported, "\(Self.extensions)")]
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
            if hasContact { writeContact(transaction.flow, into: &writer) }
            content.write(into: &writer)
        }
    }

    /// Answers a request at once.
    func answer(_ request: IncomingRequest, _ status: StatusCode, _ content: MessageContent = MessageContent()) {
        guard let transaction = layer.accept(request, user: nil) else { return }
        respond(transaction, status, content)
    }
}
