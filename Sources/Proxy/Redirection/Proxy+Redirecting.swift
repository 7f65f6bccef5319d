import SIP
public import SIPEndpoint

// The redirect server (RFC 3261 §8.3, §21.3.3).
extension Proxy {
    /// Answers a request with where else to send it, in place of forwarding it.
    ///
    /// The order of the targets is told by `q` (RFC 3841 §7.2.4); an answer to several without one would let the caller
    /// choose.
    public func redirect(_ request: IncomingRequest, to targets: [ProxyTarget], in layer: TransactionLayer) {
        let order = targets.inOrder
        // Thousandths go as they are; what the caller's wishes have put into an order of its own is numbered.
        let isNumbered = order.contains { $0.preference > QualityValue.highest }
        counters.redirected &+= 1
        // RFC 7044 §8: what led here, and that the contacts are of whom the request is for.
        let history = RequestHistory(request.view, configuration.history).flatMap { $0.isReturned ? $0 : nil }
        layer.respondStatelessly(to: request, 302) { writer in
            var quality = QualityValue.highest
            for (index, target) in order.enumerated() {
                guard let uri = target.uri else { continue }
                if index > 0, target.preference < order[index - 1].preference { quality = max(0, quality - 1) }
                writer.append("Contact: <")
                writer.append(uri)
                writer.append(">")
                let shown = isNumbered ? quality : target.preference
                if order.count > 1 || shown < QualityValue.highest {
                    writer.append(";q=")
                    QualityValue.write(shown, into: &writer)
                }
                if let history { writer.append(";rc=\(history.requestIndex)") }
                writer.append("\r\n")
            }
            history?.write(into: &writer)
        }
    }
}
