import Proxy
import Routing
import SIP
import SIPEndpoint

// Requests to GRUUs (RFC 5627 §6).
extension Dispatcher {
    /// What is known of whom a URI in a domain of ours names: an address of record, or one instance of it.
    func location(of uri: URIIndex, in view: MessageView, _ domain: Int) -> Location {
        guard let mark = Self.mark(of: uri, in: view) else {
            return location.location(user: view.bytes(uri.user), domain: domain)
        }
        return location.location(user: view.bytes(uri.user), domain: domain, gruu: view.bytes(mark.value))
    }

    /// The `gr` parameter of a URI; nil when it is no GRUU.
    static func mark(of uri: URIIndex, in view: MessageView) -> ParameterIndex? {
        guard uri.isSIP, !uri.parameters.isEmpty else { return nil }
        return view.parameters(uri.parameters).first("gr")
    }

    /// What a request in a dialog to a GRUU of ours comes to.
    enum DialogTarget {
        /// The Request-URI is no GRUU of ours.
        case none
        /// The contacts of the instance.
        case contacts([ProxyTarget])
        /// None, and why.
        case unreachable(StatusCode)
    }

    /// Finds the contacts of a request in a dialog whose remote target is a GRUU of ours (RFC 5627 §6.1). What is left of Route
    /// goes before their Path.
    func dialogTarget(_ view: MessageView, _ plan: RoutePlan) -> DialogTarget {
        guard !plan.requestURIIsOurs, let uri = try? view.requestURI, Self.mark(of: uri, in: view) != nil,
            let domain = domain(of: uri, in: view.bytes, layer)
        else { return .none }
        switch location(of: uri, in: view, domain) {
        case .bindings(let found):
            let isSecure = uri.scheme == .sips
            let targets = SIPSRules.reachable(found, isSecure: isSecure).map { target($0, isSecure: isSecure) }
            return targets.isEmpty ? .unreachable(480) : .contacts(targets)
        case .noBinding: return .unreachable(480)
        case .unknownUser: return .unreachable(404)
        case .loading: return .unreachable(503)
        }
    }

    /// Whether the Contact of a request is a public GRUU of another user of ours than the one who sends it (RFC 5627 §6.2).
    func contactIsOfAnother(_ view: MessageView, than user: [UInt8], _ domain: Int) -> Bool {
        guard let found = ownContact(view), found.domain == domain, found.gruu.hasValue else { return false }
        return URI.unescape(view.text(found.uri.user)) != String(decoding: user, as: UTF8.self)
    }

    /// Whether we must stay in the way of the dialog that a request begins: its Contact is a GRUU of ours, and other proxies are
    /// in the way (RFC 5627 §6.2).
    func mustRecordRoute(_ view: MessageView) -> Bool {
        view.firstIndex(of: .recordRoute) != nil && ownContact(view) != nil || contactNamesRegistration(view)
    }

    /// The Contact of a request when it is a GRUU in a domain of ours.
    private func ownContact(_ view: MessageView) -> (uri: URIIndex, gruu: ParameterIndex, domain: Int)? {
        var values = view.values(of: .contact)
        guard let value = values.next(), let address = try? view.address(value), !address.isWildcard,
            let uri = try? view.uri(address.uri), let mark = Self.mark(of: uri, in: view),
            let domain = domains.find(view.bytes(uri.host))
        else { return nil }
        return (uri, mark, domain)
    }
}
