public import ICE
public import Reactor

/// Where a relay listens, where it relays from, and for whom.
public struct TURNRelayConfiguration: Sendable {
    /// Where clients come to.
    public struct Listener: Hashable, Sendable {
        /// How they come.
        public enum Transport: String, Hashable, Sendable, CaseIterable {
            case udp, tcp, tls
        }

        public var transport: Transport
        /// The address to bind; port 0 leaves the choice to the system. A wildcard address cannot be relayed by: name each address.
        public var address: TransportAddress

        public init(_ transport: Transport, _ address: TransportAddress) {
            self.transport = transport
            self.address = address
        }
    }

    /// Where relays are bound.
    public struct Address: Hashable, Sendable {
        /// The address of this machine; its port is ignored.
        public var bound: TransportAddress
        /// The address that peers know it by, where a router forwards to this machine; its port is ignored, and kept by the router.
        public var advertised: TransportAddress

        public init(_ bound: TransportAddress, advertised: TransportAddress? = nil) {
            self.bound = bound
            self.advertised = advertised ?? bound
        }
    }

    public var listeners: [Listener] = []
    /// Where relays are bound: at most one address of each family.
    public var addresses: [Address] = []
    /// The ports of relays (RFC 8656 §7.2).
    public var ports: ClosedRange<UInt16> = 49_152...65_535
    /// The threads that relay.
    public var laneCount = 1
    /// The threads themselves.
    public var lane = Lane.Configuration.media
    /// The most allocations in all, and of one user.
    public var mostAllocations = 10_000
    public var mostAllocationsPerUser = 100
    /// The limits of the machine; its families and the addresses of the server itself follow from ``addresses``.
    public var server = TURNServerConfiguration()
    /// Certificates for TLS.
    public var security: TLSContext?
    /// The limits of connections. One that has an allocation may be silent as long as that lasts.
    public var stream = Self.streamDefaults
    /// How long a connection may be silent that has no allocation: 1 min, so that strangers do not hold all that there may be.
    public var strangerTime = Duration.seconds(60)
    /// The most connections in all, and of strangers from one source.
    public var connectionLimit = 20_000
    public var connectionLimitPerSource = 1_000

    public init() {}

    private static var streamDefaults: StreamConfiguration {
        var configuration = StreamConfiguration()
        configuration.idleTime = .seconds(3_660)
        return configuration
    }
}
