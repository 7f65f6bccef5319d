import Reactor
import Routing
public import SIP
public import SIPEndpoint

// Forwarding without transactions (RFC 3261 §16.11): the same request goes the same way with the same branch however often
// it comes, and our Via says where its responses go.
extension Proxy {
    /// Forwards a request to one target, or where its Request-URI and Route say, and forgets it.
    ///
    /// CANCEL, and the ACK of a response other than 2xx, follow their INVITE when they are given the same target.
    ///
    /// - Parameter target: nil for a request of a dialog, or for somewhere else.
    public func forwardStatelessly(
        _ request: IncomingRequest, _ plan: RoutePlan, to target: ProxyTarget?, strips: [HeaderName] = [],
        in layer: TransactionLayer
    ) {
        let view = request.view
        if view.method == .ack {
            // ACK is never answered.
            if let hops = try? view.maxForwards, hops == 0 { return }
            counters.acks &+= 1
        } else {
            guard check(request, 0, layer) else { return }
            counters.stateless &+= 1
        }
        let recordsRoute =
            view.method.makesDialog && target.map { configuration.recordsRoute || $0.recordsRoute } ?? false
        guard let target = target ?? openTarget(request, plan, layer) else {
            if view.method != .ack { layer.respondStatelessly(to: request, 430) }
            return
        }
        var isHere = true
        passOn(
            request, plan, target,
            StatelessPassage(
                arrival: request.flow, back: Self.wayBack(request), recordsRoute: recordsRoute, strips: strips),
            layer
        ) {
            // Once a name had to be looked up the request is gone; it will come again.
            guard isHere, view.method != .ack else { return }
            layer.respondStatelessly(to: request, 480, reason: "No next hop is known")
        }
        isHere = false
    }

    /// Passes an ACK to a 2xx on, without state (RFC 3261 §16.11, §13.2.2.4).
    public func forwardAck(
        _ request: IncomingRequest, _ plan: RoutePlan, to target: ProxyTarget? = nil, in layer: TransactionLayer
    ) {
        if let hops = try? request.view.maxForwards, hops == 0 { return }
        guard let target = target ?? openTarget(request, plan, layer) else { return }
        counters.acks &+= 1
        passOn(
            request, plan, target,
            StatelessPassage(arrival: request.flow, back: nil, recordsRoute: false, strips: []), layer, orElse: {})
    }

    private func passOn(
        _ request: IncomingRequest, _ plan: RoutePlan, _ target: ProxyTarget, _ passage: StatelessPassage,
        _ layer: TransactionLayer, orElse failed: () -> Void
    ) {
        if let hop = plainHop(request.view, plan, target, layer) {
            guard let flow = layer.route(hop) else { return failed() }
            return send(request.view, plan, target, passage, flow, layer)
        }
        let message = request.keep()
        var found: Bool?
        withoutActuallyEscaping(failed) { failed in
            let seed = message.withView { branchHash($0).0 }
            nextHops(message.view, plan, target, layer, seed: seed) { [self] hops in
                // The first that can be reached at all, and never by how it fares: repetitions go the same way.
                guard let flow = hops.lazy.compactMap(layer.route).first else {
                    found = false
                    return
                }
                found = true
                message.withView { send($0, plan, target, passage, flow, layer) }
            }
            if found == false { failed() }
        }
    }

    private func send(
        _ view: MessageView, _ plan: RoutePlan, _ target: ProxyTarget, _ passage: StatelessPassage, _ flow: Flow,
        _ layer: TransactionLayer
    ) {
        var forwarding = Forwarding(
            target: target, loopHash: 0, breadth: nil, strips: passage.strips, arrival: passage.arrival,
            recordsRoute: passage.recordsRoute, isStateless: passage.back != nil)
        if let anchor, view.method == .ack {
            let media = MediaPassage(
                context: 0, branch: 0, arrival: passage.arrival, departure: flow,
                leadsBehindNAT: target.isBehindNAT, mode: .direct)
            if case .replaced(let body) = anchor.forwards(view, media) { forwarding.body = body }
        }
        withUnsafeTemporaryAllocation(byteCount: Self.longestVia, alignment: 1) { memory in
            var via = ByteWriter(into: memory)
            writeVia(view, passage.back, flow, into: &via, layer)
            layer.sendDirectly(flow) { write(view, plan, forwarding, flow, via.bytes, into: &$0, layer) }
        }
    }

    /// Most bytes of our Via: a host has 255, a `RouteToken` and the branch have less.
    private static let longestVia = 1_024

    /// Our Via: its branch is made of what names the transaction that came, so that it is the same for each repetition and
    /// for CANCEL and ACK (RFC 3261 §16.11).
    private func writeVia(
        _ view: MessageView, _ back: Flow?, _ flow: Flow, into via: inout ByteWriter, _ layer: TransactionLayer
    ) {
        via.append("Via: SIP/2.0/")
        via.append(flow.transport.text)
        via.append(0x20 as UInt8)
        via.append(layer.listeners[Int(flow.listener)].advertised)
        via.append(";branch=")
        via.append(Branch.magicCookie)
        let hash = branchHash(view)
        via.append(hexadecimal: hash.0)
        via.append(hexadecimal: hash.1)
        if let back, let callID = try? view.callID {
            via.append(";")
            via.append(Self.wayBackParameter)
            via.append("=")
            let token = RouteToken(callerFlow: back, calleeFlow: nil, callerTag: Self.nothing)
            token.write(callID: view.bytes(callID), key: configuration.routeKey, into: &via)
        }
        via.append("\r\n")
    }

    private func branchHash(_ view: MessageView) -> (UInt64, UInt64) {
        guard let top = try? view.topVia else { return (0, 0) }
        let branch = view.bytes(top.branch)
        if Branch.hasMagicCookie(branch) { return configuration.routeKey(branch) }
        // A client of RFC 2543 (§16.11): what the transaction is told by there, but for the tag in To, which ACK adds.
        var bytes = view.array(top.whole)
        if let callID = try? view.callID { bytes += view.bytes(callID) }
        if let from = try? view.from { bytes += view.bytes(from.tag) }
        bytes += view.bytes(view.startLine.uriRange)
        if let cSeq = try? view.cSeq { withUnsafeBytes(of: cSeq.number) { bytes += $0 } }
        return bytes.withUnsafeBytes { configuration.routeKey($0) }
    }

    // MARK: Responses

    /// The parameter of our Via that holds the flow back to the sender.
    private static let wayBackParameter: StaticString = "i"

    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// Where responses go (RFC 3261 §18.2.2, RFC 3581 §4): back by the flow, to the port of sent-by without `rport`.
    private static func wayBack(_ request: IncomingRequest) -> Flow {
        var flow = request.flow
        if flow.connection == 0, !request.via.hasRport {
            flow.remote.port = request.via.hasPort ? request.via.port : 5_060
        }
        return flow
    }

    /// Passes a response on that is to a request forwarded without state; false when it is none.
    public func forwardStatelessly(_ response: IncomingResponse, in layer: TransactionLayer) -> Bool {
        let view = response.view
        guard let top = try? view.topVia,
            let parameter = view.parameters(top.parameters).first(Self.wayBackParameter),
            let callID = try? view.callID,
            let token = RouteToken(
                view.bytes(parameter.value), callID: view.bytes(callID), key: configuration.routeKey),
            let flow = token.callerFlow, isUsable(flow, layer)
        else { return false }
        var editor = MessageEditor()
        editor.popFirstValue(.via, of: view)
        var writer = ByteWriter(capacity: view.count)
        editor.write(view, into: &writer)
        layer.sendDirectly(writer.array, flow)
        return true
    }
}

/// What a request has on its way through without state.
private struct StatelessPassage {
    /// The flow that it came by.
    var arrival: Flow
    /// The flow that its responses go by; nil when there are none.
    var back: Flow?
    var recordsRoute: Bool
    var strips: [HeaderName]
}
