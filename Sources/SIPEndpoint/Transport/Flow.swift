public import Reactor
public import SIP

/// The way that messages travel between this element and another: a pair of addresses for a datagram transport, a
/// connection for a stream (RFC 5626 §2).
///
/// A plain value: it is kept with bindings and transactions, and names the way back to a phone behind a NAT.
public struct Flow: Hashable, Sendable {
    /// The transport.
    public var transport: TransportName
    /// The index of the listener that the flow came in by, or leaves by.
    public var listener: UInt16
    /// The connection of a stream; 0 for a datagram.
    public var connection: UInt64
    /// Our address: for a datagram the one that was asked.
    public var local: TransportAddress
    /// The other side's address.
    public var remote: TransportAddress

    public init(
        transport: TransportName, listener: UInt16, connection: UInt64 = 0, local: TransportAddress,
        remote: TransportAddress
    ) {
        self.transport = transport
        self.listener = listener
        self.connection = connection
        self.local = local
        self.remote = remote
    }
}

/// Where a request is to be sent.
public struct Target: Hashable, Sendable {
    /// The transport to use.
    public var transport: TransportName
    /// The address.
    public var address: TransportAddress
    /// Whom the other side must prove to be when the transport is secure: the domain, or the address, that the next hop's URI
    /// names (RFC 5922 §7.3); nil for the address.
    public var domain: String?
    /// The flow to use and no other, for a phone behind a NAT or on a connection of its own; nil to choose one.
    public var flow: Flow?

    /// A target to reach by whichever of our listeners fits.
    public init(_ transport: TransportName, _ address: TransportAddress, domain: String? = nil) {
        self.transport = transport
        self.address = address
        self.domain = domain
    }

    /// A target at the far end of a flow.
    public init(_ flow: Flow) {
        transport = flow.transport
        address = flow.remote
        self.flow = flow
    }
}
