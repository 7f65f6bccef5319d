import Reactor
import SIP
import SIPEndpoint

// Requests in dialogs whose flow is no more: a phone that has lost its connection comes back by another, and its dialogs go on
// (RFC 5626 §5.3).
extension Proxy {
    /// The ways to an end of a dialog whose flow is no more: where that end is known to be now, or else where the Request-URI says
    /// if that can be reached without the flow; none when nothing leads there.
    func detours(_ view: MessageView, _ plan: RoutePlan, around flow: Flow) -> [ProxyTarget] {
        guard !plan.requestURIIsOurs, !plan.hasNext else { return [] }
        var found = policy?.ways(of: view, around: flow) ?? []
        if found.isEmpty, Self.isReachable(view, without: flow) { found = [ProxyTarget(uri: nil)] }
        for index in found.indices { found[index].isDialogFlow = true }
        return found
    }

    /// The target of a request of a dialog that is forwarded without a transaction, so that nobody would try another way when its
    /// flow fails; nil when that has ended and there is no other.
    func openTarget(_ request: IncomingRequest, _ plan: RoutePlan, _ layer: TransactionLayer) -> ProxyTarget? {
        let target = inDialogTarget(request.view, request.flow, plan, layer)
        guard let flow = target.flow, flow.connection != 0, !layer.driver.isOpen(connection: flow.connection) else {
            return target
        }
        return target.isDialogFlow ? detours(request.view, plan, around: flow).first : nil
    }

    /// Whether the Request-URI names a place that requests may reach without the flow: no name that leads nowhere, no transport
    /// by which only clients connect (RFC 7118 §5), and no address but the one that the flow came from, since another was
    /// written behind a NAT and may be anybody's here.
    private static func isReachable(_ view: MessageView, without flow: Flow) -> Bool {
        guard let uri = try? view.requestURI, uri.isSIP, !uri.host.isEmpty, !isInvalid(view.bytes(uri.host)) else {
            return false
        }
        switch view.requestTransport(uri) {
        case .udp, .tcp, .tls: break
        default: return false
        }
        guard let address = TransportAddress(host: view.bytes(uri.host), port: 0) else { return true }
        return address.family == flow.remote.family && address.lowerBits == flow.remote.lowerBits
            && address.upperBits == flow.remote.upperBits
    }

    /// Whether a host is under `invalid`, where nobody is (RFC 2606 §2).
    private static func isInvalid(_ host: UnsafeRawBufferPointer) -> Bool {
        let suffix: StaticString = ".invalid"
        guard host.count >= suffix.utf8CodeUnitCount else { return false }
        let end = host.suffix(suffix.utf8CodeUnitCount)
        return zip(end, 0..<end.count).allSatisfy { $0 | 0x20 == suffix.utf8Start[$1] | 0x20 }
    }
}
