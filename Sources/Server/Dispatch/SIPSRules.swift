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

    /// The bindings that a request may go to (RFC 5630 §5.3): to SIPS only where SIPS is bound, to SIP everywhere; and to a SIPS
    /// contact by no flow that is not secure.
    static func reachable(_ bindings: [Binding], isSecure: Bool) -> [Binding] {
        bindings.filter { binding in
            let isBoundSecurely = ProxyTarget.isSIPS(binding.contact)
            guard isSecure || isBoundSecurely else { return true }
            return isBoundSecurely && (ProxyTarget.flow(to: binding)?.transport.isSecure ?? true)
        }
    }
}

extension ProxyTarget {
    /// The way to a binding: by its flow where that alone leads there, or where it is a connection of the phone's. A request to
    /// SIP stays one when SIPS is bound, and goes by TLS (RFC 5630 §5.3).
    init(_ binding: Binding, isSecure: Bool) {
        self.init(
            uri: binding.contact, flow: Self.flow(to: binding), preference: binding.preference,
            isBehindNAT: binding.isBehindNAT)
        if !isSecure, Self.isSIPS(binding.contact) {
            nextHop = binding.contact
            uri = Array("sip:".utf8) + binding.contact.dropFirst("sips:".utf8.count)
        }
        if !binding.path.isEmpty {
            path = PreloadedRoute(binding.path)
            // Requests to a GRUU come by us and not by the Path alone (RFC 5627 §6.2).
            recordsRoute = binding.hasInstance
        }
        if !binding.alternates.isEmpty { alternates = binding.alternates.map { ProxyTarget($0, isSecure: isSecure) } }
    }

    /// The flow by which a binding is reached.
    fileprivate static func flow(to binding: Binding) -> Flow? {
        // With a Path the flow is that of the last proxy, which may have another way for requests.
        let usesFlow = binding.path.isEmpty && (binding.isBehindNAT || binding.flow?.connection ?? 0 != 0)
        return usesFlow ? binding.flow : nil
    }
}
