import Reactor
public import Routing
public import SIP
public import SIPEndpoint

/// The stateful proxy of one lane (RFC 3261 §16).
///
/// It forwards what it is given to a target set; who may ask for that is decided before (§16.3 step 6), as is the target
/// set of users (§16.5).
public final class Proxy {
    // `@exclusivity(unchecked)`, here and in what follows: members are touched by the lane's thread only, and none is handed
    // to foreign code while it is being changed, so that no check at run time is needed.
    /// Settings.
    @exclusivity(unchecked) public var configuration: ProxyConfiguration
    /// What was counted.
    @exclusivity(unchecked) public internal(set) var counters = ProxyCounters()
    /// Who knows domains and users; without one no redirection is followed, and each 3xx goes back.
    ///
    /// Not retained: it lives as long as the proxy, or takes itself away. A weak reference would have all that takes and lets go
    /// of it go the slow way.
    @exclusivity(unchecked) public unowned var policy: (any ProxyPolicy)?
    /// Takes the media of calls through this server; nil lets all of it pass by.
    @exclusivity(unchecked) public var anchor: (any MediaAnchor)?
    // What writes an edit is given a writer, and edits nothing else meanwhile; debug builds check that.
    #if DEBUG
        var editor = MessageEditor()
    #else
        @exclusivity(unchecked) var editor = MessageEditor()
    #endif
    /// The contexts whose group rings while further targets wait, by the number of their timer.
    @exclusivity(unchecked) var ringing: [UInt64: ResponseContext] = [:]
    @exclusivity(unchecked) var lastRingTimer: UInt64 = 0
    /// The branches that wait for user agents to be woken, by number, and the numbers by whom they wait for.
    @exclusivity(unchecked) var parked: [UInt64: Parked] = [:]
    @exclusivity(unchecked) var waiting: [PushTarget: [UInt64]] = [:]
    /// What was counted of requests that wait.
    @exclusivity(unchecked) public internal(set) var waking = WakingCounters()

    public init(configuration: ProxyConfiguration) { self.configuration = configuration }

    // MARK: Who we are

    /// Whether a URI names one of our listeners.
    public func isOurs(_ uri: URIIndex, _ view: MessageView, _ layer: TransactionLayer) -> Bool {
        guard uri.isSIP else { return false }
        let port = uri.hasPort ? uri.port : view.requestTransport(uri).defaultPort
        return isOurs(host: uri.host, port: port, view, layer)
    }

    func isOurs(host: ByteRange, port: UInt16, _ view: MessageView, _ layer: TransactionLayer) -> Bool {
        let bytes = view.bytes(host)
        for i in layer.listeners.indices {
            let transport = layer.listeners[i].transport
            let isOurs = layer.listeners[i].advertised.withUnsafeBytes { name in
                guard name.count >= bytes.count, name.prefix(bytes.count).elementsEqual(bytes) else { return false }
                guard name.count > bytes.count else { return port == transport.defaultPort }
                guard name[bytes.count] == UInt8(ascii: ":") else { return false }
                var own = 0
                for digit in name[(bytes.count + 1)...] { own = own &* 10 &+ Int(digit &- 0x30) }
                return Int(port) == own
            }
            if isOurs { return true }
        }
        return false
    }

    /// The Route header of a request, read as ours.
    public func plan(_ request: IncomingRequest, _ layer: TransactionLayer) throws(MessageDefect) -> RoutePlan {
        let view = request.view
        return try RoutePlan(view, key: configuration.routeKey) { self.isOurs($0, view, layer) }
    }

    // MARK: Checks

    /// The checks of RFC 3261 §16.3 steps 2 to 5 and RFC 5393; false when the request was answered.
    func check(_ request: IncomingRequest, _ loopHash: UInt64, _ layer: TransactionLayer) -> Bool {
        let view = request.view
        guard hasHops(request, layer) else { return false }
        if LoopDetection.isLoop(
            view, hash: loopHash,
            isOurs: { self.isOurs(host: $0.host, port: $0.hasPort ? $0.port : $0.transport.defaultPort, view, layer) })
        {
            counters.loops &+= 1
            layer.respondStatelessly(to: request, 482)
            return false
        }
        return knowsExtensions(request, layer)
    }

    /// Whether a request may be forwarded for all that it says itself; false when it was answered. What cannot be forwarded for
    /// want of a target is checked by this first: a request is looked at before its target is (RFC 3261 §16.3, §16.5).
    public func isForwardable(_ request: IncomingRequest, in layer: TransactionLayer) -> Bool {
        hasHops(request, layer) && knowsExtensions(request, layer)
    }

    private func hasHops(_ request: IncomingRequest, _ layer: TransactionLayer) -> Bool {
        guard let hops = try? request.view.maxForwards, hops == 0 else { return true }
        counters.tooManyHops &+= 1
        layer.respondStatelessly(to: request, 483)
        return false
    }

    private func knowsExtensions(_ request: IncomingRequest, _ layer: TransactionLayer) -> Bool {
        let view = request.view
        var unsupported: [ByteRange] = []
        var required = view.values(of: .proxyRequire)
        while let value = required.next() {
            if !configuration.supportedExtensions.contains(view.text(value).lowercased()) { unsupported.append(value) }
        }
        guard unsupported.isEmpty else {
            layer.respondStatelessly(to: request, 420) { writer in
                writer.append("Unsupported: ")
                for (i, value) in unsupported.enumerated() {
                    if i > 0 { writer.append(", ") }
                    writer.append(view.bytes(value))
                }
                writer.append("\r\n")
            }
            return false
        }
        return true
    }

    // MARK: Forwarding

    /// Forwards a request other than ACK to a target set (RFC 3261 §16.6).
    ///
    /// - Parameters:
    ///   - plan: what Route says.
    ///   - targets: the target set; empty when the request goes where its Request-URI and Route say.
    ///   - strips: headers to take away, such as P-Asserted-Identity from strangers, or our users' credentials.
    ///   - directives: what the caller wants to be done otherwise than usual.
    public func forward(
        _ request: IncomingRequest, _ plan: RoutePlan, to targets: [ProxyTarget], strips: [HeaderName] = [],
        directives: ForwardingDirectives = ForwardingDirectives(), in layer: TransactionLayer
    ) {
        _ = forwards(request, plan, to: targets, strips: strips, directives: directives, in: layer)
    }

    /// The same; false when the request was answered and is not on its way.
    public func forwards(
        _ request: IncomingRequest, _ plan: RoutePlan, to targets: [ProxyTarget], strips: [HeaderName] = [],
        directives: ForwardingDirectives = ForwardingDirectives(), in layer: TransactionLayer
    ) -> Bool {
        let loopHash = LoopDetection.hash(request.view, key: configuration.routeKey)
        guard check(request, loopHash, layer) else { return false }
        var set = targets
        if set.isEmpty { set = [inDialogTarget(request.view, request.flow, plan, layer)] }
        if set.count > configuration.branchLimit { set.removeLast(set.count - configuration.branchLimit) }
        let asked = (try? request.view.number(.maxBreadth, maximum: 100_000)).flatMap { $0 }
        let breadth = asked ?? configuration.maxBreadth
        guard breadth >= 1 else {
            counters.tooBroad &+= 1
            layer.respondStatelessly(to: request, 440)
            return false
        }
        let message = request.keep()
        let context = ResponseContext(
            proxy: self, message: message, targets: set, breadth: min(breadth, configuration.maxBreadth),
            loopHash: loopHash, strips: strips, directives: directives, arrival: request.flow)
        guard let server = layer.accept(request, user: context, keeping: message) else { return false }
        counters.forwarded &+= 1
        context.start(server, plan, layer)
        return true
    }

    /// The Route header of a request of the server's own, read as ours.
    public func plan(_ view: MessageView, _ layer: TransactionLayer) throws(MessageDefect) -> RoutePlan {
        try RoutePlan(view, key: configuration.routeKey) { self.isOurs($0, view, layer) }
    }

    /// Where a request goes that names no user of ours: by the flow that the token knows, or by its URI.
    func inDialogTarget(
        _ view: MessageView, _ arrival: Flow, _ plan: RoutePlan, _ layer: TransactionLayer
    ) -> ProxyTarget {
        if plan.token == nil, let flow = plan.flow, !plan.hasNext, isUsable(flow, layer), !plan.isOutgoing(arrival) {
            var target = ProxyTarget(uri: nil, flow: flow, isBehindNAT: true)
            target.isEdgeFlow = true
            return target
        }
        guard let token = plan.token, !plan.hasNext, let from = try? view.from else {
            return ProxyTarget(uri: nil)
        }
        let isFromCaller = RouteToken.hash(view.bytes(from.tag)) == token.callerTagHash
        let flow = isFromCaller ? token.calleeFlow : token.callerFlow
        guard let flow, isUsable(flow, layer) else { return ProxyTarget(uri: nil) }
        var target = ProxyTarget(uri: nil, flow: flow, isBehindNAT: true)
        target.isDialogFlow = true
        return target
    }
}
