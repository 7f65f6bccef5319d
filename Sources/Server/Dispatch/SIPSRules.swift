import Proxy
import Routing
import SIP
import SIPEndpoint

/// What SIPS demands of a server (RFC 3261 §26.2.2, RFC 5630): each hop by TLS, and no change of scheme that would weaken that.
enum SIPSRules {
    /// The Warning that says why a call to a SIPS URI finds nobody (RFC 5630 §5.3, §6.3).
    static let notAllowed: StaticString = "Warning: 380 itodenwa \"SIPS Not Allowed\"\r\n"

    /// Why a request cannot be what it says; nil when its URIs and its way agree.
    static func contradiction(_ request: IncomingRequest, _ uri: URIIndex) -> StaticString? {
        if uri.scheme == .sips { return request.flow.transport.isSecure ? nil : "SIPS Without TLS" }
        guard request.view.method == .register else { return nil }
        // A secure resource is not bound to an unsecured one (RFC 5630 §5.2).
        var contacts = request.view.values(of: .contact)
        while let contact = contacts.next() {
            guard let address = try? request.view.address(contact), let found = try? request.view.uri(address.uri)
            else { continue }
            if found.scheme == .sips { return "SIPS Contact At A SIP Address" }
        }
        return nil
    }

    /// The target set of a request, from the bindings of whom it is for (RFC 5630 §5.3): to SIPS only where SIPS is bound; to
    /// SIP everywhere, as SIP, and by TLS where SIPS is bound.
    static func targets(_ bindings: [Binding], isSecure: Bool) -> [ProxyTarget] {
        bindings.compactMap { binding in
            let isBoundSecurely = ProxyTarget.isSIPS(binding.contact)
            let usesFlow = binding.isBehindNAT || binding.flow?.connection ?? 0 != 0
            var target = ProxyTarget(
                uri: binding.contact, flow: usesFlow ? binding.flow : nil, preference: binding.preference,
                isBehindNAT: binding.isBehindNAT)
            guard isSecure || isBoundSecurely else { return target }
            guard isBoundSecurely, target.flow?.transport.isSecure ?? true else { return nil }
            if !isSecure {
                target.nextHop = binding.contact
                target.uri = Array("sip:".utf8) + binding.contact.dropFirst("sips:".utf8.count)
            }
            return target
        }
    }
}
