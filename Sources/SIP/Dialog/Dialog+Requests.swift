// Requests within a dialog (RFC 3261 §12.2.1.1).
extension Dialog {
    /// Max-Forwards of new requests: 70 (RFC 3261 §8.1.1.6).
    public static let maxForwards = 70

    /// Where requests are sent to: the first server of the route set, or the peer. Its address is found as RFC 3263 says.
    public var nextHop: URI { routeSet.uris.first ?? remoteTarget }

    /// The Request-URI: the peer, or the first server if that routes strictly.
    public var requestURI: URI {
        routeSet.isLoose ? remoteTarget.asRequestURI : nextHop.asRequestURI
    }

    /// The URIs of Route: the route set, or what is left of it and the peer if the first server routes strictly.
    public var route: [URI] {
        routeSet.isLoose ? routeSet.uris : Array(routeSet.uris.dropFirst()) + [remoteTarget]
    }

    /// Writes the beginning of a request: request line, Via, Max-Forwards, Route, From, To, Call-ID and CSeq. What is special
    /// to the request, and Content-Length, follows.
    ///
    /// - Parameters:
    ///   - method: the method.
    ///   - sequence: its number, from ``nextSequence()``; for ACK that of the INVITE.
    ///   - via: the Via fields with their names and line ends, empty if none is to be written yet.
    ///   - writer: where to.
    public func writeHead(
        of method: Method, sequence: UInt32, via: UnsafeRawBufferPointer, into writer: inout ByteWriter
    ) {
        writer.append(method.text)
        writer.append(0x20 as UInt8)
        writer.append(requestURI.bytes)
        writer.append(" SIP/2.0\r\n")
        writer.append(via)
        writer.append("Max-Forwards: ")
        writer.append(decimal: Self.maxForwards)
        for uri in route {
            writer.append("\r\nRoute: <")
            writer.append(uri.bytes)
            writer.append(">")
        }
        writer.append("\r\nFrom: ")
        writer.append(local)
        writer.append("\r\nTo: ")
        writer.append(remote)
        writer.append("\r\nCall-ID: ")
        writer.append(id.callID)
        writer.append("\r\nCSeq: ")
        writer.append(decimal: UInt64(sequence))
        writer.append(0x20 as UInt8)
        writer.append(method.text)
        writer.append("\r\n")
    }

    /// Writes the ACK to a 2xx without a body: as any request of the dialog, with the number of the INVITE and its credentials
    /// (RFC 3261 §13.2.2.4, §22.1).
    ///
    /// - Parameters:
    ///   - invite: the INVITE as it was sent.
    ///   - via: the Via field with its name and line end; its branch is a new one.
    ///   - writer: where to.
    public func writeAck(to invite: MessageView, via: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        writeAckHead(to: invite, via: via, into: &writer)
        writer.append("Content-Length: 0\r\n\r\n")
    }

    /// Writes the ACK to a 2xx up to where a body's fields follow, for the answer to an offer in the 2xx.
    public func writeAckHead(to invite: MessageView, via: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        // The INVITE was sent by us, so it has a CSeq; zero would only be refused by the peer.
        writeHead(of: .ack, sequence: (try? invite.cSeq.number) ?? 0, via: via, into: &writer)
        for index in 0..<invite.fieldCount {
            let field = invite.field(index)
            guard field.name == .authorization || field.name == .proxyAuthorization else { continue }
            writer.append(field.name.canonical)
            writer.append(": ")
            writer.append(invite.bytes(field.valueRange))
            writer.append("\r\n")
        }
    }

    /// Writes a whole BYE (RFC 3261 §15.1.1).
    public func writeBye(sequence: UInt32, via: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        writeHead(of: .bye, sequence: sequence, via: via, into: &writer)
        writer.append("Content-Length: 0\r\n\r\n")
    }
}
