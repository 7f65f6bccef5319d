import SIP
import SIPEndpoint

// Where a forwarded request is sent (RFC 3261 §16.6 step 7, §8.1.2).
extension Proxy {
    /// Finds the next hops of a request for a target and gives them to `completion` on the lane: at once when no name has
    /// to be looked up. None means that the target cannot be reached.
    ///
    /// - Parameter seed: decides among servers of one priority, for a request that is forwarded without state.
    func nextHops(
        _ view: MessageView, _ plan: RoutePlan, _ target: ProxyTarget, _ layer: TransactionLayer, seed: UInt64? = nil,
        _ completion: @escaping ([Target]) -> Void
    ) {
        guard !isSecured(view, target) else {
            // What is for SIPS goes by TLS or not at all (RFC 5630 §5.3).
            return findNextHops(view, plan, target, layer, seed) { hops in
                completion(hops.filter(\.transport.isSecure))
            }
        }
        findNextHops(view, plan, target, layer, seed, completion)
    }

    /// The next hop of a request whose way is plain, since a flow or an address without a name is given; nil otherwise, when
    /// `nextHops` has to look for it.
    func plainHop(
        _ view: MessageView, _ plan: RoutePlan, _ target: ProxyTarget, _ layer: TransactionLayer
    ) -> Target? {
        guard !isSecured(view, target) else { return nil }
        if !plan.hasNext {
            if let flow = target.flow { return Target(flow) }
            if target.path != nil { return nil }
        }
        if let next = plan.nextURI { return view.destination(of: next).flatMap(layer.numericTarget) }
        if let uri = target.nextHop ?? target.uri {
            return (try? URI(uri))?.withDestination(layer.numericTarget)
        }
        guard !plan.requestURIIsOurs, let uri = try? view.requestURI else { return nil }
        return view.destination(of: uri).flatMap(layer.numericTarget)
    }

    /// Whether a request is forwarded to a SIPS URI.
    private func isSecured(_ view: MessageView, _ target: ProxyTarget) -> Bool {
        if let uri = target.uri { return ProxyTarget.isSIPS(uri) }
        return (try? view.requestURI)?.scheme == .sips
    }

    private func findNextHops(
        _ view: MessageView, _ plan: RoutePlan, _ target: ProxyTarget, _ layer: TransactionLayer, _ seed: UInt64?,
        _ completion: @escaping ([Target]) -> Void
    ) {
        if let flow = target.flow, !plan.hasNext { return completion([Target(flow)]) }
        if let path = target.path, !plan.hasNext { return layer.locate(path.first, seed: seed, completion) }
        if let next = plan.nextURI { return locate(view, next, layer, seed, completion) }
        guard let uri = target.nextHop ?? target.uri else {
            // With a Request-URI that is our own, its place is taken by the last Route value.
            if plan.requestURIIsOurs, let last = plan.last, let uri = try? view.uri(last.uri) {
                return locate(view, uri, layer, seed, completion)
            }
            guard let uri = try? view.requestURI else { return completion([]) }
            return locate(view, uri, layer, seed, completion)
        }
        guard let parsed = try? URI(uri) else { return completion([]) }
        layer.locate(parsed, seed: seed, completion)
    }

    private func locate(
        _ view: MessageView, _ uri: URIIndex, _ layer: TransactionLayer, _ seed: UInt64?,
        _ completion: @escaping ([Target]) -> Void
    ) {
        if let target = view.destination(of: uri).flatMap(layer.numericTarget) { return completion([target]) }
        guard let kept = try? URI(view, uri.whole) else { return completion([]) }
        layer.locate(kept, seed: seed, completion)
    }
}
