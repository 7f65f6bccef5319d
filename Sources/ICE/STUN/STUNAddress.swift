/// A transport address as STUN, TURN and ICE speak of it: an IP address and a port.
///
/// An IPv4 address stands in the low 32 bits of `lower`, an IPv6 address in both halves.
public struct STUNAddress: Sendable, Hashable {
    public var isIPv6: Bool
    public var upper: UInt64
    public var lower: UInt64
    public var port: UInt16

    public init(isIPv6: Bool, upper: UInt64 = 0, lower: UInt64, port: UInt16) {
        self.isIPv6 = isIPv6
        self.upper = upper
        self.lower = lower
        self.port = port
    }

    /// An IPv4 address, its first octet in the highest byte.
    public init(ip4: UInt32, port: UInt16) { self.init(isIPv6: false, lower: UInt64(ip4), port: port) }

    /// An IPv6 address, its first octet in the highest byte.
    public init(ip6: UInt128, port: UInt16) {
        self.init(
            isIPv6: true, upper: UInt64(truncatingIfNeeded: ip6 >> 64), lower: UInt64(truncatingIfNeeded: ip6),
            port: port)
    }

    /// The same host with another port; port 0 stands for the host alone.
    public func with(port: UInt16) -> STUNAddress {
        var other = self
        other.port = port
        return other
    }

    /// Whether the other is of the same IP address, whatever the ports.
    public func isSameHost(as other: STUNAddress) -> Bool {
        isIPv6 == other.isIPv6 && upper == other.upper && lower == other.lower
    }

    /// Whether the address is of the link alone: fe80::/10, 169.254.0.0/16.
    public var isLinkLocal: Bool { isIPv6 ? upper >> 54 == 0x3FA : lower >> 16 == 0xA9FE }
}
