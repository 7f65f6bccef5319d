public import Reactor
public import SIP

/// Where this element listens, and what it calls itself in Via, Contact and Record-Route.
public struct Listener: Hashable, Sendable {
    /// The transport.
    public var transport: TransportName
    /// The address that is bound; its port is the real one once it is.
    public var address: TransportAddress
    /// The host and port to write in messages: as configured, or else the bound address.
    public var advertised: [UInt8]
    /// Whether others can connect to it. One that does not accept names a transport by which this element connects only: that
    /// of a phone without a certificate.
    public var isAccepting = true

    /// Makes a listener.
    ///
    /// - Parameter advertised: host, or host and port, that others reach this listener by; nil for the bound address.
    public init(_ transport: TransportName, _ address: TransportAddress, advertised: String? = nil) {
        self.transport = transport
        self.address = address
        self.advertised = Array((advertised ?? address.description).utf8)
    }

    /// The port that others reach this listener by: the one that is advertised, else the transport's usual one.
    public var advertisedPort: UInt16 {
        guard let colon = advertised.lastIndex(of: UInt8(ascii: ":")),
            !advertised[colon...].contains(UInt8(ascii: "]")),
            let port = UInt16(String(decoding: advertised[(colon + 1)...], as: UTF8.self))
        else { return transport.defaultPort }
        return port
    }
}
