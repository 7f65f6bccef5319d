import Proxy
import Reactor
import Routing
import SIP
import SIPEndpoint

// Phones that have lost the connection of a dialog and are back by another (RFC 5626 §5.3).
extension Dispatcher {
    func ways(of request: MessageView, around flow: Flow) -> [ProxyTarget] {
        guard let uri = try? request.requestURI, let contact = try? URI(request, uri.whole), contact.index.isSIP,
            let to = try? request.to, let address = try? request.uri(to.uri), address.isSIP,
            let domain = domains.find(request.bytes(address.host))
        else { return [] }
        // To names who was called, or who has called; a call that was led on to another user shows that one's name in the contact at
        // best.
        for user in [address.user, uri.user] where !user.isEmpty {
            guard case .bindings(let all) = location.location(user: request.bytes(user), domain: domain) else {
                continue
            }
            let isSecure = contact.scheme == .sips
            let bindings = SIPSRules.reachable(all.flatMap { [$0] + $0.alternates }, isSecure: isSecure)
            let found = Self.successors(of: contact, among: bindings, around: flow)
            guard !found.isEmpty else { continue }
            return found.map { binding in
                var target = target(binding, isSecure: isSecure)
                target.keepRemoteTarget(of: request, at: binding)
                return target
            }
        }
        return []
    }

    /// The bindings that stand for the remote target of a dialog: those that have it for their contact, or else the only one that
    /// differs from it in the port of the connection alone, where either names its own connection.
    static func successors(of contact: URI, among bindings: [Binding], around flow: Flow) -> [Binding] {
        var same: [Binding] = []
        var moved: [Binding] = []
        for binding in bindings where binding.flow != flow {
            guard let registered = try? URI(binding.contact) else { continue }
            if registered.isEquivalent(to: contact) {
                same.append(binding)
            } else if namesConnection(contact, flow), let way = binding.flow, namesConnection(registered, way),
                registered.withoutPort?.isEquivalent(to: contact.withoutPort ?? contact) == true
            {
                moved.append(binding)
            }
        }
        return !same.isEmpty ? same : moved.count == 1 ? moved : []
    }

    /// Whether the port of a contact is that of the connection which leads to it, so that it changes with each.
    private static func namesConnection(_ contact: URI, _ flow: Flow) -> Bool {
        flow.connection != 0 && contact.port == flow.remote.port
    }
}

extension URI {
    /// The URI with its port taken out; nil when it has none.
    fileprivate var withoutPort: URI? {
        guard index.hasPort else { return nil }
        var rest = bytes
        let start = Int(index.host.upperBound)
        guard start < rest.count, rest[start] == UInt8(ascii: ":") else { return nil }
        let end = rest[(start + 1)...].firstIndex { $0 &- 0x30 > 9 } ?? rest.endIndex
        rest.removeSubrange(start..<end)
        return try? URI(rest)
    }
}
