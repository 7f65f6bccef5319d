import Proxy
import Routing
import SIP

// Where a phone that answers 3xx may send its callers (RFC 3261 §16.7 step 4).
extension Dispatcher: ProxyPolicy {
    func isResponsible(forHost host: UnsafeRawBufferPointer) -> Bool { domains.find(host) != nil }

    func targets(for uri: URI, redirecting request: MessageView) -> [ProxyTarget] {
        guard settings.followsRedirections != .nowhere else { return [] }
        let domain = uri.bytes.withUnsafeBytes { bytes in
            domains.find(UnsafeRawBufferPointer(rebasing: bytes[uri.index.host.lowerBound..<uri.index.host.upperBound]))
        }
        guard let domain else {
            // Elsewhere the request goes on the callee's word; who may send nothing there is not sent there either.
            guard settings.followsRedirections == .anywhere, settings.relay == .users else { return [] }
            var target = ProxyTarget(uri: uri.bytes)
            target.leavesDomain = true
            return [target]
        }
        return uri.userBytes.withUnsafeBytes { user in
            // A service number is no target of the proxy: the caller may go there himself.
            guard !user.isEmpty, !services.isService(user),
                case .bindings(let found) = location.location(user: user, domain: domain)
            else { return [] }
            return targetSet(found, request, RequestDisposition(request))
        }
    }
}
