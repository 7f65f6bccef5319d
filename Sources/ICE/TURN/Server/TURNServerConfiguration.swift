/// The limits and times of a TURN server.
public struct TURNServerConfiguration: Sendable {
    /// The shortest time that an allocation has, and that of who asks for none: 10 min (RFC 8656 §6).
    public static let leastLifetime = Duration.seconds(600)
    /// How long a permission lasts: 5 min, neither more nor less (RFC 8656 §9).
    public static let permissionLifetime = Duration.seconds(300)
    /// How long a channel lasts: 10 min (RFC 8656 §12).
    public static let channelLifetime = Duration.seconds(600)

    /// The longest time that an allocation is given at once: 1 h (RFC 8656 §7.2).
    public var mostLifetime = Duration.seconds(3_600)
    /// The most hosts that an allocation has permissions for: 64.
    public var mostPermissions = 64
    /// The most channels of an allocation: 64.
    public var mostChannels = 64
    /// The most connections with peers of an allocation, bound or not: 64 (RFC 6062). 0: there are no relays for connections (442).
    public var mostConnections = 64
    /// The most connections with peers in all that one thread serves: 10,000.
    public var mostConnectionsInAll = 10_000
    /// The numbers that channels may have. RFC 8656 §12.2 ends them at 0x4FFF; but older clients begin anywhere below 0x8000, and nothing
    /// else that has such octets in front comes to the ports of the server.
    public var channels = ChannelData.oldNumbers
    /// How long a nonce is taken: 1 h, which is the longest (RFC 8656 §5).
    public var nonceLifetime = Duration.seconds(3_600)
    /// Answers in a second to one source that has not proven who it is, ten times as many at once: 50.
    public var strangerAnswers = 50
    /// The families that relays are given of.
    public var families: Set<TURNFamily> = [.ip4]
    /// Whom data may be exchanged with.
    public var peers = TURNPeerPolicy()
    /// What the server calls itself (SOFTWARE, RFC 8489 §14.14); empty for nothing.
    public var software = [UInt8]("Itodenwa".utf8)

    public init() {}
}

/// What goes between a relay and peers: the protocol's number (RFC 8656 §18.8, RFC 6062 §4.1).
public enum TURNTransport: UInt8, Hashable, Sendable {
    case tcp = 6
    case udp = 17
}

/// A family of addresses as TURN writes it (RFC 8656 §18.6).
public enum TURNFamily: UInt8, Hashable, Sendable, CaseIterable {
    case ip4 = 1
    case ip6 = 2

    var other: TURNFamily { self == .ip4 ? .ip6 : .ip4 }
}

extension STUNAddress {
    /// The family as TURN writes it.
    public var family: TURNFamily { isIPv6 ? .ip6 : .ip4 }
}

/// Where a client is: the 5-tuple of an allocation (RFC 8656 §3.2).
public struct TURNPath: Hashable, Sendable {
    /// The client's address as the server sees it.
    public var client: STUNAddress
    /// The listener that datagrams come to, or the connection: a number of the owner's.
    public var link: UInt64

    /// Numbers of links from here on are connections; those below are listeners for datagrams.
    public static let firstConnection: UInt64 = 1 << 32

    /// Whether the client comes by a connection.
    public var isStream: Bool { link >= Self.firstConnection }

    public init(client: STUNAddress, link: UInt64) {
        self.client = client
        self.link = link
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(client.lower ^ UInt64(client.port) << 48)
        hasher.combine(client.upper ^ link)
    }
}

/// What names a relayed transport address of a server: the allocation and the family. No other one has it before 2^31 more have been
/// in its place.
public struct TURNRelayID: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    init(slot: Int, generation: UInt32, _ family: TURNFamily) {
        rawValue = UInt64(generation) << 33 | UInt64(slot) << 1 | (family == .ip6 ? 1 : 0)
    }

    var slot: Int { Int(rawValue >> 1 & 0xFFFF_FFFF) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 33) }
    /// The family of the address.
    public var family: TURNFamily { rawValue & 1 == 1 ? .ip6 : .ip4 }
}

/// What a TURN server has counted since it was made.
public struct TURNStatistics: Hashable, Sendable {
    /// Allocations that there are now.
    public var allocations = 0
    /// Allocations that were made.
    public var allocated = 0
    /// Allocations that have ended for want of a refresh.
    public var expired = 0
    /// Binding Requests that were answered.
    public var bindings = 0
    /// Requests without credentials, or with a nonce that is too old: they were told what is needed.
    public var challenges = 0
    /// Requests whose credentials are wrong.
    public var unauthenticated = 0
    /// Allocations that were refused since their user, or all, have as many as they may.
    public var quotaRefusals = 0
    /// Allocations, permissions and channels that were refused for want of room.
    public var capacityRefusals = 0
    /// Permissions and channels that were refused since nothing may be sent there.
    public var forbidden = 0
    /// Requests of a stranger that were not answered because there were too many.
    public var unanswered = 0
    /// What was neither a message nor channel data, or malformed.
    public var malformed = 0
    /// Data of clients that had no allocation, no channel or no permission.
    public var clientDrops = 0
    /// Datagrams and connections of peers that had no permission.
    public var peerDrops = 0
    /// Connections with peers that there are now.
    public var connections = 0
    /// Connections with peers that were made for clients.
    public var connected = 0
    /// Peers that could not be connected to.
    public var connectionFailures = 0
    /// Connections of peers that clients were told of.
    public var attempts = 0
    /// Connections of clients that were bound to those of peers.
    public var bound = 0
    /// Datagrams that went to peers, and their octets.
    public var toPeers = 0
    public var octetsToPeers = 0
    /// Datagrams that went to clients, and their octets.
    public var toClients = 0
    public var octetsToClients = 0

    public init() {}

    /// All counters with their names, in a fixed order.
    public var all: [(name: String, value: Int)] {
        [
            ("allocations", allocations), ("allocated", allocated), ("expired", expired), ("bindings", bindings),
            ("challenges", challenges), ("unauthenticated", unauthenticated), ("quotaRefusals", quotaRefusals),
            ("capacityRefusals", capacityRefusals), ("forbidden", forbidden), ("unanswered", unanswered),
            ("malformed", malformed), ("clientDrops", clientDrops), ("peerDrops", peerDrops),
            ("connections", connections),
            ("connected", connected), ("connectionFailures", connectionFailures), ("attempts", attempts),
            ("bound", bound), ("toPeers", toPeers), ("octetsToPeers", octetsToPeers), ("toClients", toClients),
            ("octetsToClients", octetsToClients),
        ]
    }

    /// The sum of two.
    public static func + (left: TURNStatistics, right: TURNStatistics) -> TURNStatistics {
        var sum = left
        sum.allocations += right.allocations
        sum.allocated += right.allocated
        sum.expired += right.expired
        sum.bindings += right.bindings
        sum.challenges += right.challenges
        sum.unauthenticated += right.unauthenticated
        sum.quotaRefusals += right.quotaRefusals
        sum.capacityRefusals += right.capacityRefusals
        sum.forbidden += right.forbidden
        sum.unanswered += right.unanswered
        sum.malformed += right.malformed
        sum.clientDrops += right.clientDrops
        sum.peerDrops += right.peerDrops
        sum.connections += right.connections
        sum.connected += right.connected
        sum.connectionFailures += right.connectionFailures
        sum.attempts += right.attempts
        sum.bound += right.bound
        sum.toPeers += right.toPeers
        sum.octetsToPeers += right.octetsToPeers
        sum.toClients += right.toClients
        sum.octetsToClients += right.octetsToClients
        return sum
    }
}
