import Proxy
import Reactor
import Registrar
import Routing
import SIP
import SIPEndpoint

/// Takes every new request of a lane and gives it to the role that it is for (RFC 3261 §16.3 to §16.5).
final class Dispatcher: RequestHandler {
    /// What a lane's dispatcher has refused since start, by reason.
    struct Counters: Sendable, Hashable {
        var relayDenied: UInt64 = 0
        var identityMismatch: UInt64 = 0
        var unknownUser: UInt64 = 0
        var noBinding: UInt64 = 0
        var unmatchedAck: UInt64 = 0
    }

    private let shared: SharedState
    let proxy: Proxy
    let registrar: Registrar
    let services: ServiceAgent
    var counters = Counters()

    init(shared: SharedState, proxy: Proxy, registrar: Registrar, services: ServiceAgent) {
        self.shared = shared
        self.proxy = proxy
        self.registrar = registrar
        self.services = services
    }

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
        if plan.token != nil {
            if view.method == .ack { return proxy.forwardAck(request, plan, in: layer) }
            return proxy.forward(request, plan, to: [], in: layer)
        }
        if services.takes(request) { return services.receive(request, in: layer) }
        guard view.method != .ack else {
            counters.unmatchedAck &+= 1
            return
        }
        guard let uri = try? view.requestURI, let from = try? view.from else { return }
        classify(request, uri, from, plan, layer)
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {
        layer.respondStatelessly(to: request, 481)
    }

    func timerFired(_ token: UInt64, in layer: TransactionLayer) {
        if token & ServiceAgent.timerMark != 0 { return services.timerFired(token, in: layer) }
        registrar.timerFired(token, in: layer)
    }

    // MARK: Whom it is for

    private func classify(
        _ request: IncomingRequest, _ uri: URIIndex, _ from: AddressIndex, _ plan: RoutePlan, _ layer: TransactionLayer
    ) {
        let view = request.view
        let host = view.bytes(uri.host)
        guard uri.scheme != .other else { return layer.respondStatelessly(to: request, 416) }
        let listenerIsAsked = proxy.isOurs(uri, view, layer)
        // A URI that names a listener and no domain means the first domain.
        let domain = shared.domains.find(host) ?? (listenerIsAsked ? 0 : nil)
        if view.method == .register, let domain {
            return register(request, domain, layer)
        }
        guard let domain, uri.isSIP, !plan.hasNext else {
            return relay(request, from, plan, layer)
        }
        if uri.user.isEmpty { return answerForServer(request, layer) }
        if services.isService(view.bytes(uri.user)) { return services.receive(request, in: layer) }
        guard let strips = identify(request, from, layer) else { return }
        deliver(request, uri, domain, plan, strips, layer)
    }

    private func register(_ request: IncomingRequest, _ domain: Int, _ layer: TransactionLayer) {
        guard shared.requiresAuthentication else {
            return registrar.receive(request, in: layer, domain: domain, authenticatedUser: nil)
        }
        switch shared.authenticator.authenticate(request, domain: domain, asProxy: false, in: layer) {
        case .answered: return
        case .accepted(let user):
            registrar.receive(request, in: layer, domain: domain, authenticatedUser: user)
        }
    }

    /// Who sends: our own users prove it, strangers pass without a say about identities (RFC 3261 §22.3, RFC 3325 §5).
    ///
    /// - Returns: the headers to strip, or nil when the request was answered.
    private func identify(
        _ request: IncomingRequest, _ from: AddressIndex, _ layer: TransactionLayer
    ) -> [HeaderName]? {
        let view = request.view
        guard shared.requiresAuthentication else { return [] }
        let strangers: [HeaderName] = [.pAssertedIdentity, .pPreferredIdentity]
        guard let uri = try? view.uri(from.uri), uri.isSIP, let domain = shared.domains.find(view.bytes(uri.host)) else {
            return strangers
        }
        switch shared.authenticator.authenticate(request, domain: domain, asProxy: true, in: layer) {
        case .answered: return nil
        case .accepted(let user):
            guard URI.unescape(view.text(uri.user)) == String(decoding: user, as: UTF8.self) else {
                counters.identityMismatch &+= 1
                layer.respondStatelessly(to: request, 403, reason: "From is not the user who authenticated")
                return nil
            }
            // The credentials were for us (RFC 3261 §22.3); those of other realms stay.
            return view.fieldCount(of: .proxyAuthorization) == 1 ? strangers + [.proxyAuthorization] : strangers
        }
    }

    private func deliver(
        _ request: IncomingRequest, _ uri: URIIndex, _ domain: Int, _ plan: RoutePlan, _ strips: [HeaderName],
        _ layer: TransactionLayer
    ) {
        switch shared.location.location(user: request.view.bytes(uri.user), domain: domain) {
        case .bindings(let bindings):
            let targets = bindings.map {
                ProxyTarget(
                    uri: $0.contact, flow: $0.isBehindNAT || $0.flow?.connection ?? 0 != 0 ? $0.flow : nil,
                    preference: $0.preference, isBehindNAT: $0.isBehindNAT)
            }
            proxy.forward(request, plan, to: targets, strips: strips, in: layer)
        case .noBinding:
            counters.noBinding &+= 1
            layer.respondStatelessly(to: request, 480)
        case .unknownUser:
            counters.unknownUser &+= 1
            layer.respondStatelessly(to: request, 404)
        case .loading:
            layer.respondStatelessly(to: request, 503) { $0.append("Retry-After: 1\r\n") }
        }
    }

    /// A request for somewhere else: our users may, nobody else.
    private func relay(
        _ request: IncomingRequest, _ from: AddressIndex, _ plan: RoutePlan, _ layer: TransactionLayer
    ) {
        let view = request.view
        guard let uri = try? view.uri(from.uri), uri.isSIP, shared.domains.find(view.bytes(uri.host)) != nil else {
            counters.relayDenied &+= 1
            return layer.respondStatelessly(
                to: request, 403, reason: "Relaying denied: neither sender nor recipient is of this server")
        }
        guard let strips = identify(request, from, layer) else { return }
        proxy.forward(request, plan, to: [], strips: strips, in: layer)
    }

    /// A request for the server itself: OPTIONS says what it can (RFC 3261 §11).
    private func answerForServer(_ request: IncomingRequest, _ layer: TransactionLayer) {
        guard request.view.method == .options else {
            return layer.respondStatelessly(to: request, 405) { $0.append("Allow: OPTIONS, REGISTER\r\n") }
        }
        layer.respondStatelessly(to: request, 200) { writer in
            writer.append(
                "Accept: application/sdp\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER\r\nSupported: \r\n")
        }
    }
}

/// What the dispatchers of all lanes share.
final class SharedState: Sendable {
    let domains: DomainTable
    let location: any LocationService
    let authenticator: Authenticator
    let requiresAuthentication: Bool

    init(
        domains: DomainTable, location: any LocationService, authenticator: Authenticator, requiresAuthentication: Bool
    ) {
        self.domains = domains
        self.location = location
        self.authenticator = authenticator
        self.requiresAuthentication = requiresAuthentication
    }
}
