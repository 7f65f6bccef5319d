import Reactor
import SIP
import SIPEndpoint

/// What differs from branch to branch when a request is written.
struct Forwarding {
    var target: ProxyTarget
    var loopHash: UInt64
    /// The Max-Breadth of the branch; nil leaves the field alone.
    var breadth: Int?
    var strips: [HeaderName]
    /// The flow that the request came by.
    var arrival: Flow
    var recordsRoute: Bool
    /// Whether the dialog that begins is forwarded without state.
    var isStateless = false
    /// Whether our Path is put in, since requests for the phone are to come back by us.
    var addsPath = false
    /// The History-Info fields that take the place of those that came; nil leaves them.
    var history: [UInt8]?
    /// Whether the wish for a hidden history was heeded and goes no further.
    var heedsPrivacy = false
    /// The body that takes the place of the one that came; nil leaves it.
    var body: [UInt8]?
    /// Diversion fields to put on top of those that came.
    var diversion: [UInt8] = []
}

// Writing a forwarded request: the edits of RFC 3261 §16.6, all else byte for byte.
extension Proxy {
    /// Writes a request as it leaves.
    ///
    /// - Parameter via: our Via field with its line end.
    func write(
        _ view: MessageView, _ plan: RoutePlan, _ forwarding: Forwarding, _ flow: Flow,
        _ via: UnsafeRawBufferPointer, into writer: inout ByteWriter, _ layer: TransactionLayer
    ) {
        editor.removeAll()
        let top = view.fieldCount > 0 ? view.fieldRange(0).lowerBound : view.headersEnd
        editor.insert(at: top) { $0.append(via) }
        if forwarding.recordsRoute { insertRecordRoute(view, forwarding, flow, at: top, layer) }
        rewriteURIAndRoute(view, plan, forwarding)
        stampReceived(view, forwarding.arrival)
        let hops = (try? view.maxForwards) ?? nil
        if let hops {
            editor.set(.maxForwards, of: view) { $0.append(decimal: max(0, hops - 1)) }
        } else {
            let limit = configuration.maxForwards
            editor.add(.maxForwards, of: view) { $0.append(decimal: limit) }
        }
        if let breadth = forwarding.breadth {
            editor.set(.maxBreadth, of: view) { $0.append(decimal: breadth) }
        }
        if forwarding.addsPath { insertPath(view, arrival: forwarding.arrival, leaving: flow, layer) }
        if let history = forwarding.history {
            let place = view.firstIndex(of: .historyInfo).map { view.fieldRange($0).lowerBound } ?? view.headersEnd
            editor.insert(at: place) { $0.append(history) }
            editor.removeAll(.historyInfo, of: view)
            if forwarding.heedsPrivacy { editor.takeHistoryOutOfPrivacy(view) }
        }
        if !forwarding.diversion.isEmpty {
            let place = view.firstIndex(of: .diversion).map { view.fieldRange($0).lowerBound } ?? view.headersEnd
            editor.insert(at: place) { $0.append(forwarding.diversion) }
        }
        for name in forwarding.strips { editor.removeAll(name, of: view) }
        if let body = forwarding.body {
            body.withUnsafeBytes { editor.setBody($0, of: view) }
        } else {
            editor.completeLength(of: view, for: flow.transport)
        }
        editor.write(view, into: &writer)
    }

    /// Puts where the request came from into the sender's Via (RFC 3261 §18.2.1, RFC 3581 §4).
    private func stampReceived(_ view: MessageView, _ arrival: Flow) {
        guard let via = try? view.topVia else { return }
        withUnsafeTemporaryAllocation(byteCount: TransportAddress.longestText, alignment: 1) { memory in
            let count = arrival.remote.writeIP(into: memory)
            let received = UnsafeRawBufferPointer(rebasing: memory[0..<count])
            editor.replace(via.whole) {
                view.writeVia(via, received: received, port: arrival.remote.port, into: &$0)
            }
        }
    }

    /// Record-Route: one value, or two when the request leaves by another transport or family than it came
    /// (RFC 3261 §16.6 step 4, RFC 5658).
    private func insertRecordRoute(
        _ view: MessageView, _ forwarding: Forwarding, _ flow: Flow, at offset: Int, _ layer: TransactionLayer
    ) {
        guard let callID = try? view.callID, let from = try? view.from else { return }
        let arrival = forwarding.arrival
        var token = RouteToken(
            callerFlow: needsFlow(view, arrival) ? arrival : nil, calleeFlow: forwarding.target.flow,
            callerTag: view.bytes(from.tag))
        token.isStateless = forwarding.isStateless
        let key = configuration.routeKey
        let calls = view.bytes(callID)
        // A request to a SIPS URI is routed by SIPS URIs (RFC 3261 §16.6 step 4), which imply TLS.
        let isSecure = (try? view.requestURI)?.scheme == .sips
        func write(_ listener: UInt16, _ writer: inout ByteWriter) {
            let own = layer.listeners[Int(listener)]
            writer.append(isSecure ? "Record-Route: <sips:" : "Record-Route: <sip:")
            token.write(callID: calls, key: key, into: &writer)
            writer.append(UInt8(ascii: "@"))
            writer.append(own.advertised)
            if own.transport != .udp, !isSecure || own.transport != .tls {
                writer.append(";transport=")
                writer.append(own.transport.parameterText)
            }
            writer.append(";lr>\r\n")
        }
        // Where nobody can connect to us, the other side too is told the way by which the request came.
        let isReachable = layer.listeners[Int(flow.listener)].isAccepting
        editor.insert(at: offset) { writer in
            if isReachable { write(flow.listener, &writer) }
            if !isReachable || flow.listener != arrival.listener { write(arrival.listener, &writer) }
        }
    }

    /// Whether the way back to the sender is its flow and not the address that it gives: a stream, or a datagram whose
    /// Via names another address than it came from.
    private func needsFlow(_ view: MessageView, _ arrival: Flow) -> Bool {
        if arrival.connection != 0 { return true }
        guard let via = try? view.topVia else { return false }
        return withUnsafeTemporaryAllocation(byteCount: TransportAddress.longestText, alignment: 1) { memory in
            let count = arrival.remote.writeHost(into: memory)
            let port = via.hasPort ? via.port : 5_060
            return port != arrival.remote.port
                || !view.bytes(via.host).elementsEqual(UnsafeRawBufferPointer(rebasing: memory[0..<count]))
        }
    }

    /// Request-URI and Route: our own values go; a strict router as next hop gets what it wants (§16.4, §16.6 step 6).
    private func rewriteURIAndRoute(_ view: MessageView, _ plan: RoutePlan, _ forwarding: Forwarding) {
        var uri = forwarding.target.uri
        var routes: [ByteRange] = []
        var values = view.values(of: .route)
        while let value = values.next() { routes.append(value) }
        let before = routes.count
        var rebuild = false
        if plan.requestURIIsOurs, let last = plan.last {
            // §16.4: a strict router before us has put our URI there; the real one is at the end of Route.
            uri = view.array(last.uri)
            routes.removeLast()
            rebuild = true
        }
        let own = min(plan.ownValues, routes.count)
        routes.removeFirst(own)
        var appended: [UInt8]?
        if let next = plan.next, !plan.nextIsLoose, !routes.isEmpty {
            appended = uri ?? view.array(view.startLine.uriRange)
            uri = view.array(next.uri)
            routes.removeFirst()
            rebuild = true
        }
        if let path = forwarding.target.path, let target = uri, !plan.hasNext {
            // RFC 3327 §5.4: what is left of the request's own Route would come behind, and there is none.
            let place = view.firstIndex(of: .route).map { view.fieldRange($0).lowerBound } ?? view.headersEnd
            editor.insert(at: place) { path.write(to: target, into: &$0) }
            editor.removeAll(.route, of: view)
            let next = path.isLoose ? target : path.first.bytes
            return next.withUnsafeBytes { editor.replace(view.startLine.uriRange, with: $0) }
        }
        if let uri { uri.withUnsafeBytes { editor.replace(view.startLine.uriRange, with: $0) } }
        guard rebuild || routes.count != before else { return }
        guard let first = view.firstIndex(of: .route) else { return }
        let offset = view.fieldRange(first).lowerBound
        if !routes.isEmpty || appended != nil {
            editor.insert(at: offset) { writer in
                writer.append("Route: ")
                for (i, route) in routes.enumerated() {
                    if i > 0 { writer.append(", ") }
                    writer.append(view.bytes(route))
                }
                if let appended {
                    if !routes.isEmpty { writer.append(", ") }
                    writer.append(UInt8(ascii: "<"))
                    writer.append(appended)
                    writer.append(UInt8(ascii: ">"))
                }
                writer.append("\r\n")
            }
        }
        editor.removeAll(.route, of: view)
    }
}

extension MessageEditor {
    /// Adds the Content-Length that a stream needs (RFC 3261 §18.3) where the message came by UDP or WebSocket without one.
    mutating func completeLength(of view: MessageView, for transport: TransportName) {
        guard !transport.keepsBoundaries, view.firstIndex(of: .contentLength) == nil else { return }
        let length = Int(view.body.count)
        add(.contentLength, of: view) { $0.append(decimal: length) }
    }
}
