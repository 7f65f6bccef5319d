import Reactor
public import SIP

// Locating servers: from a URI to the targets that a request may be sent to (RFC 3261 §8.1.2, RFC 3263 §4).
extension TransactionLayer {
    /// Finds where requests for a URI go and gives it to `completion` on the lane, in the order in which they are to be tried: at
    /// once when the host is an address or all is known, later when DNS has to be asked. Nothing means that there is no server,
    /// or that the scheme is not SIP.
    ///
    /// - Parameter seed: decides among servers of one priority; nil for chance. An element without state gives the same to each
    ///   repetition of a request, so that all go the same way (RFC 3263 §4.4).
    public func locate(_ uri: URI, seed: UInt64? = nil, _ completion: @escaping ([Target]) -> Void) {
        if let target = uri.withDestination(numericTarget) { return completion([target]) }
        guard uri.index.isSIP else { return completion([]) }
        let host = uri.parameter("maddr") ?? uri.host
        let transport = uri.requestTransport
        if let address = TransportAddress(host: host, port: uri.port ?? transport.defaultPort) {
            return completion([Target(transport, address, domain: transport.isSecure ? uri.host : nil)])
        }
        let destination = ServerLocator.Destination(
            host: host, port: uri.port, transport: uri.transport, isSecure: uri.scheme == .sips)
        var numbers = SplitMix64(seed: seed ?? 0)
        let random: () -> UInt64 =
            seed == nil ? { [driver] in driver.random() } : { numbers.next() }
        ServerSearch(self, destination, domain: uri.host, random: random, completion).start()
    }

    /// Where requests go whose URI has an IP address for a host: without a lookup, and without strings; nil for names, and for
    /// secure transports, whose other side must prove what it is.
    public func numericTarget(_ destination: URIDestination) -> Target? {
        let transport = destination.transport ?? .udp
        guard !transport.isSecure else { return nil }
        let port = destination.port ?? transport.defaultPort
        return TransportAddress(host: destination.host, port: port).map { Target(transport, $0) }
    }

    /// The transports by which this element sends requests to servers that it finds by name, as its listeners come. WebSocket is
    /// for clients that connect to us.
    var clientTransports: [TransportName] {
        var found: [TransportName] = []
        for listener in listeners where !found.contains(listener.transport) {
            switch listener.transport {
            case .udp, .tcp, .tls: found.append(listener.transport)
            default: continue
            }
        }
        return found
    }
}
