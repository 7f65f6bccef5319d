import Reactor
import Routing
import SIP
import SIPEndpoint

// Which requests are for us (RFC 3261 §16.5): the host alone does not say so, since neighbours may share it.
extension Dispatcher {
    /// The ports that a domain is asked by when the port is written though nothing obliges to (RFC 3261 §19.1.2).
    private static let namedPorts: [UInt16] = [TransportName.udp.defaultPort, TransportName.tls.defaultPort]

    /// The domain of ours that a URI leads to as the place of a request; nil when that is elsewhere.
    ///
    /// A host of ours without a port leads to us: that is how addresses of record are written. With a port it does when a
    /// listener has that port, or when the host is a name and the port the usual one, which may be ours by other means than
    /// the listener's number, such as SRV or a mapping. A numeric address names a socket: with a port that we do not
    /// listen on it is a neighbour's.
    func domain(of uri: URIIndex, in bytes: UnsafeRawBufferPointer, _ layer: TransactionLayer?) -> Int? {
        guard uri.isSIP else { return nil }
        let host = UnsafeRawBufferPointer(rebasing: bytes[uri.host.lowerBound..<uri.host.upperBound])
        guard let found = domains.find(host) else { return nil }
        guard uri.hasPort, !Self.listens(on: uri.port, layer) else { return found }
        return Self.namedPorts.contains(uri.port) && AddressLiteral(host) == nil ? found : nil
    }

    private static func listens(on port: UInt16, _ layer: TransactionLayer?) -> Bool {
        guard let layer else { return false }
        return layer.listeners.contains { $0.isAccepting && ($0.address.port == port || $0.advertisedPort == port) }
    }
}
