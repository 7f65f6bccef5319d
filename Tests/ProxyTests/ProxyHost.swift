import Proxy
import Reactor
import Routing
import SIP
import SIPEndpoint
import TestKit

/// A proxy on a simulated node that knows its users by a table.
final class ProxyHost: RequestHandler, ProxyPolicy {
    let node: SimulatedNode
    private(set) var layer: TransactionLayer!  // Set by `init`.
    private(set) var proxy: Proxy!  // Set by `init`.
    /// The target set of each user.
    var users: [String: [ProxyTarget]] = [:]
    /// The hosts that are domains of its.
    var domains: Set<String> = ["192.0.2.1"]
    /// The flows that led nowhere.
    var lostFlows: [Flow] = []
    /// Whether nothing is kept of what is forwarded.
    var isStateless = false
    /// Peers that no test names any more and that shall live on.
    var peers: [ScriptedPeer] = []
    /// The user agents that are being woken, and whether they can be.
    var woken: [PushTarget] = []
    var canWake = true
    /// Where the ends of dialogs are whose flows are no more.
    var detours: [ProxyTarget] = []
    /// How the INVITEs and BYEs have ended.
    var conclusions: [StatusCode] = []
    /// The 2xx that went back to INVITEs.
    var answers = 0
    /// Where redirections lead.
    var redirections: (URI) -> [ProxyTarget] = { _ in [] }

    init(
        _ node: SimulatedNode, configuration: ProxyConfiguration = .init(routeKey: SipHash(key: 1, 2)),
        layers: EndpointConfiguration = .init()
    ) {
        self.node = node
        proxy = Proxy(configuration: configuration)
        layer = node.start(self, configuration: layers)
        proxy.policy = self
    }

    /// Registers a peer under a name.
    func add(_ user: String, _ peers: (ScriptedPeer, Int)...) {
        users[user] = peers.map { ProxyTarget(uri: Array($0.0.uri(user).utf8), preference: $0.1) }
    }

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        let view = request.view
        if let defect = view.validate() { return layer.reject(request, defect) }
        guard let plan = try? proxy.plan(request, layer), let uri = try? view.requestURI else { return }
        if isStateless { return receiveStatelessly(request, plan, uri) }
        if view.method == .ack { return proxy.forwardAck(request, plan, in: layer) }
        if plan.token != nil || plan.flow != nil || plan.hasNext {
            return proxy.forward(request, plan, to: [], in: layer)
        }
        if proxy.isOurs(uri, view, layer) {
            guard let targets = users[view.text(uri.user)] else { return layer.respondStatelessly(to: request, 404) }
            return proxy.forward(request, plan, to: targets, in: layer)
        }
        proxy.forward(request, plan, to: [], in: layer)
    }

    private func receiveStatelessly(_ request: IncomingRequest, _ plan: RoutePlan, _ uri: URIIndex) {
        if plan.token != nil || plan.hasNext { return proxy.forwardStatelessly(request, plan, to: nil, in: layer) }
        guard let target = users[request.view.text(uri.user)]?.first else {
            return layer.respondStatelessly(to: request, 404)
        }
        proxy.forwardStatelessly(request, plan, to: target, in: layer)
    }

    func receiveUnmatched(_ response: IncomingResponse, in layer: TransactionLayer) -> Bool {
        proxy.forwardStatelessly(response, in: layer)
    }

    func failed(_ flow: Flow, of request: MessageView) { lostFlows.append(flow) }

    func ways(of request: MessageView, around flow: Flow) -> [ProxyTarget] { detours }

    func wake(_ target: PushTarget) -> Bool {
        woken.append(target)
        return canWake
    }

    func concluded(_ request: MessageView, _ status: StatusCode) { conclusions.append(status) }

    func answered(_ response: MessageView) { answers += 1 }

    func isResponsible(forHost host: UnsafeRawBufferPointer) -> Bool {
        domains.contains(String(decoding: host, as: UTF8.self))
    }

    func targets(for uri: URI, redirecting request: MessageView) -> [ProxyTarget] { redirections(uri) }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {
        if isStateless, let plan = try? proxy.plan(request, layer), let uri = try? request.view.requestURI {
            return receiveStatelessly(request, plan, uri)
        }
        layer.respondStatelessly(to: request, 481)
    }

    func timerFired(_ token: UInt64, in layer: TransactionLayer) { proxy.timerFired(token, in: layer) }
}
