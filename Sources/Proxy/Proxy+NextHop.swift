import Reactor
import SIP
import SIPEndpoint

// Where a forwarded request is sent (RFC 3261 §16.6 step 7, §8.1.2).
extension Proxy {
    /// Finds the next hops of a request for a target and gives them to `completion` on the lane: at once when no name has
    /// to be looked up. None means that the target cannot be reached.
    func nextHops(
        _ view: MessageView, _ plan: RoutePlan, _ target: ProxyTarget, _ layer: TransactionLayer,
        _ completion: @escaping ([Target]) -> Void
    ) {
        if let flow = target.flow, !plan.hasNext { return completion([Target(flow)]) }
        if let next = plan.nextURI { return resolve(view, next, completion) }
        guard let uri = target.uri else {
            // With a Request-URI that is our own, its place is taken by the last Route value.
            if plan.requestURIIsOurs, let last = plan.last, let uri = try? view.uri(last.uri) {
                return resolve(view, uri, completion)
            }
            guard let uri = try? view.requestURI else { return completion([]) }
            return resolve(view, uri, completion)
        }
        guard let parsed = try? URI(uri) else { return completion([]) }
        resolve(parsed, completion)
    }

    private func resolve(_ view: MessageView, _ uri: URIIndex, _ completion: @escaping ([Target]) -> Void) {
        guard uri.isSIP, let kept = try? URI(view, uri.whole) else { return completion([]) }
        resolve(kept, completion)
    }

    private func resolve(_ uri: URI, _ completion: @escaping ([Target]) -> Void) {
        guard uri.index.isSIP else { return completion([]) }
        let transport = uri.scheme == .sips ? .tls : uri.transport ?? .udp
        let port = uri.port ?? (transport == .tls ? 5_061 : 5_060)
        let host = uri.parameter("maddr") ?? uri.host
        let bracketed = host.contains(":") ? "[\(host)]" : host
        if let address = TransportAddress("\(bracketed):\(port)") {
            return completion([Target(transport, address)])
        }
        resolver.resolve(host: Array(host.utf8), port: port) { addresses in
            completion(addresses.map { Target(transport, $0) })
        }
    }
}
