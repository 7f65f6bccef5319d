import Proxy
import Reactor
import Registrar
import Relay
import Routing
import SIP
import SIPEndpoint

/// Takes every new request of a lane and gives it to the role that it is for (RFC 3261 §16.3 to §16.5).
final class Dispatcher: RequestHandler, @unchecked Sendable {
    // Proof of Sendable: all state is touched on the lane's thread only, where the endpoint calls it and the server sends its
    // work; the reference alone travels.

    @exclusivity(unchecked) private(set) var domains: DomainTable
    let location: any LocationService
    let proxy: Proxy
    let registrar: Registrar
    let limiter: Limiter
    /// Has user agents woken; nil when none can be.
    let push: PushCenter?
    /// The transaction layer of the lane.
    // Not weak, as all that counts references to the layer would go the slow way; the layer does not hold its handler.
    @exclusivity(unchecked) private(set) var layer: TransactionLayer?
    let services: ServiceAgent
    /// Takes media of calls through the relay; nil where there is none.
    let anchor: CallAnchor?
    @exclusivity(unchecked) var settings: LaneSettings
    @exclusivity(unchecked) var duties: LaneDuties
    @exclusivity(unchecked) var counters = DispatchCounters()
    @exclusivity(unchecked) var calls: CallLedger
    @exclusivity(unchecked) var credentials = Authenticator.Counters()

    init(
        domains: DomainTable, location: any LocationService, settings: LaneSettings, proxy: Proxy, registrar: Registrar,
        limiter: Limiter, push: PushCenter? = nil, services: ServiceAgent, anchor: CallAnchor? = nil, duties: LaneDuties
    ) {
        self.domains = domains
        self.location = location
        self.settings = settings
        self.proxy = proxy
        self.registrar = registrar
        self.limiter = limiter
        self.push = push
        calls = CallLedger(limiter.calls)
        self.services = services
        self.anchor = anchor
        proxy.anchor = anchor
        self.duties = duties
        proxy.policy = self
        anchor?.onEnding = { [unowned self] ending in end(ending) }
    }

    deinit {
        proxy.policy = nil
        anchor?.onEnding = nil
    }

    /// Goes on with further domains, or with other aliases of those there are.
    func extend(_ domains: DomainTable) {
        self.domains = domains
        registrar.domains = domains
    }

    func attached(to layer: TransactionLayer) {
        self.layer = layer
        services.attached(to: layer)
    }

    func ended(in layer: TransactionLayer) { services.ended() }

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        let view = request.view
        if let defect = view.validate() { return layer.reject(request, defect) }
        let plan: RoutePlan
        do throws(MessageDefect) {
            plan = try proxy.plan(request, layer)
        } catch {
            return layer.reject(request, error)
        }
        // Our token proves that the dialog was let through when it began.
        if let token = plan.token { return receiveInDialog(request, token, plan, layer) }
        // Our Path value proves that the registrar of the phone sends this, or somebody whom it has told.
        if plan.flow != nil, !plan.isOutgoing(request.flow), !plan.hasNext {
            if view.method == .ack { return proxy.forwardAck(request, plan, in: layer) }
            return proxy.forward(request, plan, to: [], in: layer)
        }
        if services.takes(request) { return services.receive(request, in: layer) }
        guard view.method != .ack else {
            if !layer.acknowledgesStatelessResponse(request), !followsStateless(request, plan, layer) {
                counters.strayAcks &+= 1
            }
            return
        }
        guard let uri = try? view.requestURI, let from = try? view.from else { return }
        classify(request, uri, from, plan, layer)
    }

    /// A request in a dialog that was let through.
    private func receiveInDialog(
        _ request: IncomingRequest, _ token: RouteToken, _ plan: RoutePlan, _ layer: TransactionLayer
    ) {
        let isAck = request.view.method == .ack
        calls.hear(request.view, now: layer.driver.now)
        var targets: [ProxyTarget] = []
        switch dialogTarget(request.view, plan) {
        case .none: if let target = registeredTarget(request.view, plan) { targets = [target] }
        case .contacts(let found): targets = found
        case .unreachable(let status):
            return isAck ? counters.strayAcks &+= 1 : layer.respondStatelessly(to: request, status)
        }
        if isAck { return proxy.forwardAck(request, plan, to: targets.first, in: layer) }
        if token.isStateless, targets.first?.push == nil {
            return proxy.forwardStatelessly(request, plan, to: targets.first, in: layer)
        }
        proxy.forward(request, plan, to: targets, in: layer)
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {
        if let plan = try? proxy.plan(request, layer), followsStateless(request, plan, layer) { return }
        layer.respondStatelessly(to: request, 481)
    }

    func receiveUnmatched(_ response: IncomingResponse, in layer: TransactionLayer) -> Bool {
        proxy.forwardStatelessly(response, in: layer)
    }

    func connectionClosed(_ connection: UInt64, in layer: TransactionLayer) {
        registrar.table.connectionClosed(connection)
    }

    func timerFired(_ token: UInt64, in layer: TransactionLayer) {
        if ServiceAgent.owns(token) { return services.timerFired(token) }
        if token & Proxy.timerMark != 0 { return proxy.timerFired(token, in: layer) }
        if duties.timerFired(token, in: layer) {
            calls.sweep(olderThan: settings.rates.callLifetime, now: layer.driver.now)
            anchor?.sweep(at: layer.driver.now)
        }
    }

    // MARK: Whom it is for

    private func classify(
        _ request: IncomingRequest, _ uri: URIIndex, _ from: AddressIndex, _ plan: RoutePlan, _ layer: TransactionLayer
    ) {
        let view = request.view
        guard uri.scheme != .other else { return layer.respondStatelessly(to: request, 416) }
        if let reason = SIPSRules.contradiction(request, uri) {
            return layer.respondStatelessly(to: request, 400, reason: reason)
        }
        let listenerIsAsked = proxy.isOurs(uri, view, layer)
        // A URI that names a listener and no domain means the first domain.
        let domain = domain(of: uri, in: view.bytes, layer) ?? (listenerIsAsked ? 0 : nil)
        if view.method == .register, let domain {
            return register(request, domain, layer)
        }
        guard let domain, uri.isSIP, !plan.hasNext else {
            return relay(request, from, plan, layer)
        }
        if uri.user.isEmpty { return answerForServer(request, layer) }
        if services.isService(view.bytes(uri.user)) { return services.receive(request, in: layer) }
        guard let sender = identify(request, from, called: domain, layer) else { return }
        deliver(request, uri, domain, plan, sender, layer)
    }

    /// A request for somewhere else: our users may, nobody else.
    private func relay(
        _ request: IncomingRequest, _ from: AddressIndex, _ plan: RoutePlan, _ layer: TransactionLayer
    ) {
        let view = request.view
        let isTrusted = settings.trusts(request.flow.remote)
        let isFromUser =
            (try? view.uri(from.uri)).map { $0.isSIP && domains.find(view.bytes($0.host)) != nil } ?? false
        guard settings.relay == .users && (isTrusted || isFromUser) || leadsToEdgeDomain(view, plan) else {
            counters.relayDenied &+= 1
            return layer.respondStatelessly(
                to: request, 403, reason: "Relaying denied: neither sender nor recipient is of this server")
        }
        guard let sender = identify(request, from, called: nil, layer) else { return }
        var directives = ForwardingDirectives()
        directives.recordsRoute = contactNamesRegistration(view)
        if let uri = try? view.uri(from.uri), let domain = domain(of: uri, in: view.bytes, layer) {
            directives.media = settings.policies[domain].media
        }
        forward(request, plan, to: [], sender, directives, layer)
    }

    /// Whether a request goes to a domain whose phones register through this server.
    private func leadsToEdgeDomain(_ view: MessageView, _ plan: RoutePlan) -> Bool {
        guard !settings.edgeDomains.isEmpty, let uri = plan.nextURI ?? (try? view.requestURI) else { return false }
        let host = view.text(uri.host).lowercased()
        return settings.edgeDomains.contains(host)
    }

    /// What may be asked of the server itself, and not of those behind it.
    private static let allow: StaticString = "Allow: OPTIONS, REGISTER\r\n"

    /// A request for the server itself: OPTIONS says what it can (RFC 3261 §11). First comes the method, then what the request
    /// requires (§8.2.1, §8.2.2.3).
    private func answerForServer(_ request: IncomingRequest, _ layer: TransactionLayer) {
        guard request.view.method == .options else {
            // A method that nobody knows is not merely out of place (RFC 3261 §21.5.2, RFC 4475 §3.1.1.5).
            return layer.respondStatelessly(to: request, request.view.method == .unknown ? 501 : 405) {
                $0.append(Self.allow)
            }
        }
        let unsupported = Registrar.unsupported(request.view)
        guard unsupported.isEmpty else {
            return layer.respondStatelessly(to: request, 420) {
                Registrar.writeUnsupported(unsupported, of: request.view, into: &$0)
            }
        }
        layer.respondStatelessly(to: request, 200) { writer in
            writer.append("Accept: application/sdp\r\n")
            writer.append(Self.allow)
            writer.append("Supported: ")
            for (index, name) in Registrar.supportedExtensions.enumerated() {
                if index > 0 { writer.append(", ") }
                writer.append(name)
            }
            writer.append("\r\n")
        }
    }
}
