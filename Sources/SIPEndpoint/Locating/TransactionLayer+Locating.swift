import Reactor
public import SIP

// Locating servers: from a URI to the addresses that a request may be sent to (RFC 3261 §8.1.2, RFC 3263 §4).
extension TransactionLayer {
    /// Finds where requests for a URI go and gives it to `completion` on the lane: at once when the host is an address, later
    /// when a name is looked up. Nothing means that there is no address, or that the scheme is not SIP.
    public func locate(_ uri: URI, _ completion: @escaping ([Target]) -> Void) {
        if let target = uri.withDestination(numericTarget) { return completion([target]) }
        guard uri.index.isSIP else { return completion([]) }
        let transport = uri.requestTransport
        let port = uri.port ?? transport.defaultPort
        let host = uri.parameter("maddr") ?? uri.host
        // What the other side must prove is what stood at the beginning, whatever a name leads to (RFC 5922 §7.3).
        let domain = transport.isSecure ? uri.host : nil
        let bracketed = host.contains(":") ? "[\(host)]" : host
        if let address = TransportAddress("\(bracketed):\(port)") {
            return completion([Target(transport, address, domain: domain)])
        }
        driver.resolve(host: host, port: port) { [self] addresses in
            // A name may have addresses of a family that no listener has; they are left only where there are no others, so
            // that the failure is theirs.
            let families = Set(listeners.filter { $0.transport == transport }.map(\.address.family))
            let reachable = addresses.filter { families.contains($0.family) }
            completion((reachable.isEmpty ? addresses : reachable).map { Target(transport, $0, domain: domain) })
        }
    }

    /// Where requests go whose URI has an IP address for a host: without a lookup, and without strings; nil for names, and for
    /// secure transports, whose other side must prove what it is.
    public func numericTarget(_ destination: URIDestination) -> Target? {
        let transport = destination.transport ?? .udp
        guard !transport.isSecure else { return nil }
        let port = destination.port ?? transport.defaultPort
        return TransportAddress(host: destination.host, port: port).map { Target(transport, $0) }
    }
}
