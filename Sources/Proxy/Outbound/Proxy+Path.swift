import SIP
import SIPEndpoint

// The edge proxy: a REGISTER on its way to a registrar elsewhere gets our Path, so that requests for the phone come back to
// us and go by the flow that it keeps open (RFC 5626 §5.1, RFC 3327 §5.2).
extension Proxy {
    /// Whether a request is a REGISTER from the phone itself that is to come back by us.
    func wantsPath(_ view: MessageView) -> Bool {
        guard view.method == .register else { return false }
        var vias = view.values(of: .via)
        _ = vias.next()
        guard vias.next() == nil else { return false }
        if view.list(.supported, contains: "path") || view.list(.supported, contains: "outbound") { return true }
        return view.values(of: .contact).contains { value in
            guard let address = try? view.address(value) else { return false }
            return view.parameters(address.parameters).first("reg-id") != nil
        }
    }

    /// Puts our Path on top.
    func insertPath(_ view: MessageView, arrival: Flow, leaving flow: Flow, _ layer: TransactionLayer) {
        let own = layer.listeners[Int(flow.listener)]
        let key = configuration.routeKey
        let place = view.firstIndex(of: .path).map { view.fieldRange($0).lowerBound } ?? view.headersEnd
        editor.insert(at: place) { writer in
            writer.append("Path: <sip:")
            FlowToken.write(arrival, key: key, into: &writer)
            writer.append(UInt8(ascii: "@"))
            writer.append(own.advertised)
            if own.transport != .udp {
                writer.append(";transport=")
                writer.append(own.transport.parameterText)
            }
            writer.append(";lr;ob>\r\n")
        }
    }

    /// Whether a flow out of a token can be used: it was made by this server, but maybe before its listeners were changed.
    ///
    /// A connection may have ended, also with an earlier run of this server. No other has its number, so that what is sent by it
    /// goes nowhere.
    func isUsable(_ flow: Flow, _ layer: TransactionLayer) -> Bool {
        layer.listeners.indices.contains(Int(flow.listener))
    }
}
