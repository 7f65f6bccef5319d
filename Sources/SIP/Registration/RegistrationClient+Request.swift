extension RegistrationClient {
    /// Writes the present REGISTER (RFC 3261 §10.2) up to where further fields may follow; Content-Length is the caller's too.
    ///
    /// It may be called more than once for one ``Action/send``, as when the transport changes.
    ///
    /// - Parameters:
    ///   - via: the Via fields with their names and line ends.
    ///   - writer: where to.
    public func writeHead(via: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        writer.append("REGISTER ")
        writer.append(configuration.registrar.bytes)
        writer.append(" SIP/2.0\r\n")
        writer.append(via)
        writer.append("Max-Forwards: ")
        writer.append(decimal: Dialog.maxForwards)
        for uri in configuration.route.uris {
            writer.append("\r\nRoute: <")
            writer.append(uri.bytes)
            writer.append(">")
        }
        let address = NameAddress(configuration.addressOfRecord, displayName: configuration.displayName).description
        writer.append("\r\nFrom: ")
        writer.append(address)
        writer.append(";tag=")
        writer.append(fromTag)
        writer.append("\r\nTo: ")
        writer.append(address)
        writer.append("\r\nCall-ID: ")
        writer.append(callID)
        writer.append("\r\nCSeq: ")
        writer.append(decimal: UInt64(sequence))
        writer.append(" REGISTER\r\nContact: ")
        var parameters = configuration.contactParameters
        let flowID = configuration.flowID
        if let instance = configuration.instance {
            parameters.append(.init("+sip.instance", instance.parameterValue))
            if let flowID, asksForOutbound { parameters.append(.init("reg-id", "\(flowID)")) }
        }
        writer.append(NameAddress(contact, parameters: parameters).description)
        if let formerContact {
            writer.append(", <")
            writer.append(formerContact.bytes)
            writer.append(">;expires=0")
        }
        writer.append("\r\nExpires: ")
        writer.append(decimal: state == .unregistering ? 0 : Int(requestedExpires.components.seconds))
        writer.append("\r\n")
        if configuration.instance != nil {
            writer.append(asksForOutbound ? "Supported: gruu, outbound, path\r\n" : "Supported: gruu\r\n")
        }
        for field in credentials {
            writer.append(field.name.canonical)
            writer.append(": ")
            writer.append(field.value)
            writer.append("\r\n")
        }
    }

    /// The contact of the request. One that is taken away names no push resource any more (RFC 8599 §4.1.2); it is equivalent all the
    /// same (RFC 3261 §19.1.4).
    private var contact: URI {
        let contact = configuration.contact
        guard state == .unregistering, contact.parameter("pn-prid") != nil else { return contact }
        let parts = contact.description.split(separator: ";", omittingEmptySubsequences: false)
        let rest = parts.filter { !$0.lowercased().hasPrefix("pn-prid=") }
        return (try? URI(rest.joined(separator: ";"))) ?? contact
    }
}
