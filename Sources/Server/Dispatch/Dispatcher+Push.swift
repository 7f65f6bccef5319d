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
        markSleeping(&target, binding)
        return target
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
            ProxyTarget(binding, isSecure: (try? view.requestURI)?.scheme == .sips)
        }
    }
}
