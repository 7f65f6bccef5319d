import Proxy
import Reactor
import Routing
import SIP
import SIPEndpoint

// Requests for the users of our domains (RFC 3261 §16.5).
extension Dispatcher {
    /// Gives a request to whom its Request-URI names.
    func deliver(
        _ request: IncomingRequest, _ uri: URIIndex, _ domain: Int, _ plan: RoutePlan, _ sender: Sender,
        _ layer: TransactionLayer
    ) {
        let view = request.view
        let user = view.bytes(uri.user)
        // A GRUU means one device: neither its caller nor its call is sent elsewhere (RFC 5627 §6.1).
        let isGRUU = Self.mark(of: uri, in: view) != nil
        switch location(of: uri, in: view, domain) {
        case .bindings(let all):
            let isSecure = uri.scheme == .sips
            let bindings = SIPSRules.reachable(all, isSecure: isSecure)
            guard !bindings.isEmpty else {
                counters.noBinding &+= 1
                return layer.respondStatelessly(to: request, 480) { $0.append(SIPSRules.notAllowed) }
            }
            let disposition = RequestDisposition(view)
            if settings.policies[domain].mode == .stateless, isGRUU || !disposition.contains(.redirect),
                let target = statelessTarget(bindings, isSecure: isSecure)
            {
                guard target.push != nil else {
                    return proxy.forwardStatelessly(request, plan, to: target, strips: sender.strips, in: layer)
                }
                // What waits for a user agent to be woken is kept meanwhile, and so is its transaction (RFC 8599 §5.6.2).
                return forward(request, plan, to: [target], sender, ForwardingDirectives(), layer)
            }
            let targets = targetSet(bindings, isSecure: isSecure, view, disposition)
            guard !targets.isEmpty else {
                counters.noBinding &+= 1
                return layer.respondStatelessly(to: request, 480, reason: "No contact is what the caller prefers")
            }
            if !isGRUU, disposition.contains(.redirect) || settings.policies[domain].redirects(user) {
                let told = targets.compactMap(\.asToldToOthers)
                guard !told.isEmpty else {
                    counters.noBinding &+= 1
                    return layer.respondStatelessly(
                        to: request, 480, reason: "No contact can be reached but through this server")
                }
                return proxy.redirect(request, to: told, in: layer)
            }
            var directives = ForwardingDirectives()
            directives.media = settings.policies[domain].media
            directives.mediaEncryption = settings.policies[domain].mediaEncryption
            directives.followsRedirections = !isGRUU && !disposition.contains(.followsNothing)
            directives.recordsRoute = mustRecordRoute(view)
            directives.cancelsLosers = !disposition.contains(.keepsLosers)
            forward(request, plan, to: targets, sender, directives, layer)
        case .noBinding:
            guard proxy.isForwardable(request, in: layer) else { return }
            counters.noBinding &+= 1
            layer.respondStatelessly(to: request, 480)
        case .unknownUser:
            guard proxy.isForwardable(request, in: layer) else { return }
            counters.unknownUser &+= 1
            layer.respondStatelessly(to: request, 404)
        case .loading:
            layer.respondStatelessly(to: request, 503) { $0.append("Retry-After: 1\r\n") }
        }
    }

    /// Lets a CANCEL, or the ACK of a response other than 2xx, follow an INVITE that was forwarded without state; false
    /// when it is for nobody in a domain of that kind.
    func followsStateless(_ request: IncomingRequest, _ plan: RoutePlan, _ layer: TransactionLayer) -> Bool {
        let view = request.view
        if plan.token?.isStateless == true {
            proxy.forwardStatelessly(request, plan, to: nil, in: layer)
            return true
        }
        guard let uri = try? view.requestURI, !plan.hasNext, let domain = domain(of: uri, in: view.bytes, layer),
            settings.policies[domain].mode == .stateless,
            case .bindings(let all) = location(of: uri, in: view, domain),
            case let isSecure = uri.scheme == .sips,
            let target = statelessTarget(SIPSRules.reachable(all, isSecure: isSecure), isSecure: isSecure)
        else { return false }
        proxy.forwardStatelessly(request, plan, to: target, in: layer)
        return true
    }

    /// The one contact that is tried without state: the registrar's first, whatever the caller prefers, so that what
    /// belongs to one INVITE goes one way (RFC 3261 §16.11).
    private func statelessTarget(_ bindings: [Binding], isSecure: Bool) -> ProxyTarget? {
        bindings.map { target($0, isSecure: isSecure) }.inOrder.first
    }

    /// The target set of a user: the bindings that fit the caller's preferences, in their order (RFC 3841 §7.2, §9.1).
    func targetSet(
        _ bindings: [Binding], isSecure: Bool, _ view: MessageView, _ disposition: RequestDisposition
    ) -> [ProxyTarget] {
        var targets = bindings.map { target($0, isSecure: isSecure) }
        let states = view.firstIndex(of: .acceptContact) != nil || view.firstIndex(of: .rejectContact) != nil
        // What a request implies cannot leave a single contact out.
        if states || bindings.count > 1 {
            let preferences = CallerPreferences(view)
            targets = preferences.choose(among: bindings.map(\.parameters)).map { choice in
                var target = targets[choice.index]
                // The callee's order comes first; the caller's decides among what is equal there.
                if preferences.isExplicit { target.preference = target.preference * 1_001 + choice.fitness }
                return target
            }
        }
        guard targets.count > 1 else { return targets }
        if disposition.contains(.oneContact), let best = targets.max(by: { $0.preference < $1.preference }) {
            return [best]
        }
        if disposition.contains(.parallel) {
            for index in targets.indices { targets[index].preference = QualityValue.highest }
        } else if disposition.contains(.sequential) {
            // Among equals the one that registered first.
            for index in targets.indices {
                targets[index].preference = targets[index].preference * targets.count + (targets.count - 1 - index)
            }
        }
        return targets
    }
}

extension ProxyTarget {
    /// The target as others are told it who are to go there themselves (RFC 3261 §8.3): the first way to the device that is open to
    /// them; nil when it is reached through this server alone.
    fileprivate var asToldToOthers: ProxyTarget? {
        guard var way = ([self] + alternates).first(where: \.isOpenToOthers) else { return nil }
        way.preference = preference
        return way
    }

    /// Whether anybody can send to the contact: it lies behind no proxy that is to be passed (RFC 3327 §5.4), no NAT, is awake, and
    /// is not merely this end's name for a connection that its user agent has opened (RFC 5626 §2, RFC 7118 §5).
    private var isOpenToOthers: Bool {
        guard path == nil, !isBehindNAT, push == nil, let contact = uri.flatMap({ try? URI($0) }) else { return false }
        switch contact.requestTransport {
        case .udp, .tcp, .tls: break
        default: return false
        }
        guard let flow, flow.connection != 0, contact.port == flow.remote.port else { return true }
        return TransportAddress(host: contact.host, port: flow.remote.port) != flow.remote
    }
}
