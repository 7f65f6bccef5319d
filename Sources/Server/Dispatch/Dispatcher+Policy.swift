import Proxy
import Registrar
import Routing
import SIP
import SIPEndpoint

// What the proxy asks: where redirections may lead (RFC 3261 §16.7 step 4), and what becomes of flows (RFC 5626 §7).
extension Dispatcher: ProxyPolicy {
    func isResponsible(forHost host: UnsafeRawBufferPointer) -> Bool { domains.find(host) != nil }

    func failed(_ flow: Flow, of request: MessageView) {
        if flow.connection != 0 {
            registrar.table.connectionClosed(flow.connection)
        } else if let uri = try? request.requestURI, let domain = domain(of: uri, in: request.bytes, layer) {
            registrar.table.flowFailed(flow, user: request.bytes(uri.user), domain: domain)
        }
    }

    func answered(_ response: MessageView) {
        guard let now = layer?.driver.now else { return }
        calls.answered(response, now: now)
    }

    func concluded(_ request: MessageView, _ status: StatusCode) {
        guard let now = layer?.driver.now else { return }
        if request.method == .bye { return calls.ended(request, by: status, now: now) }
        // The failure of a re-INVITE ends nothing (RFC 3261 §14.1).
        guard !status.isSuccess, (try? request.to)?.tag.isEmpty ?? false else { return }
        calls.end(request)
    }

    func targets(for uri: URI, redirecting request: MessageView) -> [ProxyTarget] {
        guard settings.followsRedirections != .nowhere else { return [] }
        guard let domain = uri.bytes.withUnsafeBytes({ domain(of: uri.index, in: $0, layer) }) else {
            // Elsewhere the request goes on the callee's word; who may send nothing there is not sent there either.
            guard settings.followsRedirections == .anywhere, settings.relay == .users else { return [] }
            var target = ProxyTarget(uri: uri.bytes)
            target.leavesDomain = true
            return [target]
        }
        return uri.userBytes.withUnsafeBytes { user in
            // A service number is no target of the proxy: the caller may go there himself.
            guard !user.isEmpty, !services.isService(user),
                case .bindings(let found) = location(user, domain, gruu: uri.parameter("gr"))
            else { return [] }
            let isSecure = uri.index.scheme == .sips
            return targetSet(
                SIPSRules.reachable(found, isSecure: isSecure), isSecure: isSecure, request, RequestDisposition(request)
            )
        }
    }

    /// What is known of a user, or of the instance that a GRUU names.
    private func location(_ user: UnsafeRawBufferPointer, _ domain: Int, gruu: String?) -> Location {
        guard let gruu else { return location.location(user: user, domain: domain) }
        return Array(gruu.utf8).withUnsafeBytes { location.location(user: user, domain: domain, gruu: $0) }
    }
}
