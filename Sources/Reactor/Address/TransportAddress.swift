/// The address of one end of a flow: an IP address and a port.
///
/// A plain value of 24 bytes without references, so that it can be kept in tables, queues and packets at no cost.
/// An IPv6 address keeps its zone (RFC 4007), which link-local addresses need. An IPv4-mapped IPv6 address stays
/// IPv6: our IPv6 sockets never carry IPv4.
@frozen
public struct TransportAddress: Hashable, Sendable {
    /// The IP version.
    @frozen
    public enum Family: UInt8, Hashable, Sendable {
        case ipv4 = 4
        case ipv6 = 6
    }

    /// The first 64 bits of an IPv6 address as a number; 0 for IPv4.
    public let upperBits: UInt64

    /// The last 64 bits of an IPv6 address as a number, or the 32 bits of an IPv4 address.
    public let lowerBits: UInt64

    /// The zone of an IPv6 address: an interface index (RFC 4007 §11.2), 0 when there is none.
    public let scope: UInt32

    /// The port; 0 asks the kernel for one when a socket is bound.
    public var port: UInt16

    /// The IP version.
    public let family: Family

    /// An IPv4 address from its 32 bits: `0x7f00_0001` is 127.0.0.1.
    @inlinable
    public init(ipv4 bits: UInt32, port: UInt16) {
        upperBits = 0
        lowerBits = UInt64(bits)
        scope = 0
        self.port = port
        family = .ipv4
    }

    /// An IPv6 address from its two halves: `(0, 1)` is `::1`.
    @inlinable
    public init(ipv6 upperBits: UInt64, _ lowerBits: UInt64, scope: UInt32 = 0, port: UInt16) {
        self.upperBits = upperBits
        self.lowerBits = lowerBits
        self.scope = scope
        self.port = port
        family = .ipv6
    }

    /// The loopback address of a family: 127.0.0.1 or ::1.
    @inlinable
    public static func loopback(_ family: Family = .ipv4, port: UInt16 = 0) -> TransportAddress {
        family == .ipv4 ? TransportAddress(ipv4: 0x7f00_0001, port: port) : TransportAddress(ipv6: 0, 1, port: port)
    }

    /// The address that stands for all of the machine's: 0.0.0.0 or ::.
    @inlinable
    public static func wildcard(_ family: Family = .ipv4, port: UInt16 = 0) -> TransportAddress {
        family == .ipv4 ? TransportAddress(ipv4: 0, port: port) : TransportAddress(ipv6: 0, 0, port: port)
    }

    /// The same IP address with another port.
    @inlinable
    public func with(port: UInt16) -> TransportAddress {
        var copy = self
        copy.port = port
        return copy
    }

    /// Whether the address is IPv6.
    @inlinable
    public var isIPv6: Bool { family == .ipv6 }

    /// Whether the IP address stands for all of the machine's (RFC 1122 §3.2.1.3, RFC 4291 §2.5.2).
    @inlinable
    public var isWildcard: Bool { upperBits | lowerBits == 0 }

    /// Whether the IP address is this machine itself: 127.0.0.0/8 (RFC 1122 §3.2.1.3) or ::1 (RFC 4291 §2.5.3).
    @inlinable
    public var isLoopback: Bool {
        family == .ipv4 ? lowerBits >> 24 == 127 : upperBits == 0 && lowerBits == 1
    }

    /// Whether the IP address names a group: 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 §2.7).
    @inlinable
    public var isMulticast: Bool {
        family == .ipv4 ? lowerBits >> 28 == 0xe : upperBits >> 56 == 0xff
    }

    /// Whether the IP address means something only near its owner, so that others cannot reach it from outside:
    /// RFC 1918 networks, 100.64.0.0/10 of carriers (RFC 6598), link-local addresses (RFC 3927, RFC 4291 §2.5.6)
    /// and unique local IPv6 addresses (RFC 4193). Loopback addresses are not counted here.
    @inlinable
    public var isPrivate: Bool {
        if family == .ipv6 { return upperBits >> 57 == 0xfc >> 1 || upperBits >> 54 == 0xfe80 >> 6 }
        return lowerBits >> 24 == 10 || lowerBits >> 20 == 0xac1 || lowerBits >> 16 == 0xc0a8
            || lowerBits >> 22 == 0x6440 >> 6 || lowerBits >> 16 == 0xa9fe
    }

    /// Whether the IP addresses are the same, whatever the ports.
    @inlinable
    public func hasSameHost(as other: TransportAddress) -> Bool {
        lowerBits == other.lowerBits && upperBits == other.upperBits && family == other.family && scope == other.scope
    }
}

extension TransportAddress {
    /// Everything but the upper half in one word: for IPv4 this is the whole address.
    @inlinable
    var folded: UInt64 {
        lowerBits ^ (UInt64(port) &<< 32 | UInt64(family.rawValue) &<< 48) ^ (UInt64(scope) &* 0x9e37_79b9_7f4a_7c15)
    }

    @inlinable
    public func hash(into hasher: inout Hasher) {
        hasher.combine(folded)
        if family == .ipv6 { hasher.combine(upperBits) }
    }

    /// A hash for tables and for choosing a shard, some nanoseconds long. Equal values and seeds give equal hashes; a
    /// stranger who does not know the seed cannot choose addresses that collide, so draw it at random at start.
    @inlinable
    public func hash(seed: UInt64) -> UInt64 {
        let first = (folded ^ seed).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
        let second = (first.high ^ first.low ^ upperBits).multipliedFullWidth(by: seed ^ 0xe703_7ed1_a0b4_28db | 1)
        return second.high ^ second.low
    }
}
