import Proxy
import Reactor
import Registrar
import Routing
import SIP
import SIPEndpoint

// User agents that sleep, and are woken by push notifications (RFC 8599).
extension Dispatcher {
    /// The way to a binding; where its user agent sleeps it must be woken first.
    func target(_ binding: Binding, isSecure: Bool) -> ProxyTarget {
        var target = ProxyTarget(binding, isSecure: isSecure)
        // Requests in the dialog must come by us, since only we can have the user agent woken (§6.2.2).
        if push != nil, binding.wakesByPush { target.recordsRoute = true }
        markSleeping(&target, binding)
        return target
    }

    /// Where a request in a dialog goes whose remote target names a registration of ours, asleep or not (§6.2.3); nil when it
    /// names none.
    func registeredTarget(_ view: MessageView, _ plan: RoutePlan) -> ProxyTarget? {
        guard push != nil, !plan.hasNext, !plan.requestURIIsOurs, let uri = try? view.requestURI,
            case .bindings(let found) = registration(of: uri, in: view), let binding = found.first
        else { return nil }
        var target = target(binding, isSecure: uri.scheme == .sips)
        target.keepRemoteTarget(of: view, at: binding)
        return target
    }

    /// The bindings that `pn-purr` in a URI names; nil without one.
    private func registration(of uri: URIIndex, in view: MessageView) -> Location? {
        guard uri.isSIP, !uri.parameters.isEmpty,
            let reference = view.parameters(uri.parameters).first("pn-purr"), !reference.value.isEmpty
        else { return nil }
        return location.location(registration: view.bytes(reference.value))
    }

    /// Whether the Contact of a request names a registration of ours, so that we must stay in the way of its dialog (§6.2.2).
    func contactNamesRegistration(_ view: MessageView) -> Bool {
        var values = view.values(of: .contact)
        guard push != nil, let value = values.next(), let address = try? view.address(value), !address.isWildcard,
            let uri = try? view.uri(address.uri), case .bindings = registration(of: uri, in: view)
        else { return false }
        return true
    }

    private func markSleeping(_ target: inout ProxyTarget, _ binding: Binding) {
        if push != nil, binding.wakesByPush, !isAwake(binding) { target.push = PushTarget(contact: binding.contact) }
        for (index, alternate) in binding.alternates.enumerated() where target.alternates.indices.contains(index) {
            markSleeping(&target.alternates[index], alternate)
        }
    }

    /// Whether a user agent is known to be awake (RFC 8599 §5.6.2): its connection is open, or it has registered just now.
    private func isAwake(_ binding: Binding) -> Bool {
        if let flow = binding.flow, flow.connection != 0 {
            return layer?.driver.isOpen(connection: flow.connection) ?? false
        }
        guard binding.flow != nil || !binding.isBehindNAT else { return false }
        return binding.age <= settings.awakeTime
    }

    /// A user agent that can be woken has registered.
    func announce(_ outcome: RegistrationOutcome, _ domain: Int) {
        guard let push, let contact = outcome.pushContact, let target = PushTarget(contact: contact) else { return }
        push.registered(target, user: outcome.pushUser, domain: domain)
    }

    func wake(_ target: PushTarget) -> Bool {
        guard let push else { return false }
        push.wake(target, .request)
        return true
    }

    /// What is heard of a user agent that requests may wait for.
    func hear(_ news: PushCenter.News, of target: PushTarget) {
        guard proxy.isAwaited(target), let layer else { return }
        guard case .registered(let user, let domain) = news else {
            return proxy.awake(target, in: layer) { _ in nil }
        }
        let found = user.withUnsafeBytes { location.location(user: $0, domain: domain) }
        guard case .bindings(let bindings) = found else { return }
        let binding = bindings.flatMap { [$0] + $0.alternates }.first { PushTarget(contact: $0.contact) == target }
        guard let binding else { return }
        proxy.awake(target, in: layer) { view in
            let uri = try? view.requestURI
            var next = ProxyTarget(binding, isSecure: uri?.scheme == .sips)
            if let uri, (try? view.to)?.tag.isEmpty == false, registration(of: uri, in: view) != nil {
                next.keepRemoteTarget(of: view, at: binding)
            }
            return next
        }
    }
}

extension ProxyTarget {
    /// Leaves the Request-URI of a request in a dialog as the user agent has given it; the binding says only where to go.
    mutating func keepRemoteTarget(of view: MessageView, at binding: Binding) {
        nextHop = flow == nil ? binding.contact : nil
        uri = view.array(view.startLine.uriRange)
        for index in alternates.indices where binding.alternates.indices.contains(index) {
            alternates[index].keepRemoteTarget(of: view, at: binding.alternates[index])
        }
    }
}
