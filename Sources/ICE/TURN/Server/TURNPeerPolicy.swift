/// Whom a relay may exchange data with (RFC 8656 §21.1.6, §21.4): by default whoever is reached over the public network, so that nobody
/// comes by the relay to what the relay's machine and its network keep for themselves.
public struct TURNPeerPolicy: Hashable, Sendable {
    /// A range of addresses.
    public struct Network: Hashable, Sendable {
        let isIPv6: Bool
        let upper: UInt64
        let lower: UInt64
        let upperMask: UInt64
        let lowerMask: UInt64

        /// The addresses that have their first bits in common with one.
        ///
        /// - Parameter prefix: how many bits count: 0 to 32, or to 128 for IPv6.
        public init(_ address: STUNAddress, prefix: Int) {
            isIPv6 = address.isIPv6
            if isIPv6 {
                upperMask = Self.mask(prefix)
                lowerMask = Self.mask(prefix - 64)
            } else {
                upperMask = 0
                lowerMask = Self.mask(prefix) >> 32
            }
            upper = address.upper & upperMask
            lower = address.lower & lowerMask
        }

        private static func mask(_ bits: Int) -> UInt64 {
            bits >= 64 ? .max : bits <= 0 ? 0 : ~(UInt64.max >> UInt64(bits))
        }

        /// Whether it is one host alone.
        var isOneHost: Bool { lowerMask == (isIPv6 ? .max : 0xFFFF_FFFF) }

        public func contains(_ address: STUNAddress) -> Bool {
            address.isIPv6 == isIPv6 && address.upper & upperMask == upper && address.lower & lowerMask == lower
        }
    }

    /// Hosts that data is exchanged with though they stand among those below. An address of the server itself must be named alone.
    public var allowed: [Network] = []
    /// Hosts that no data is exchanged with.
    public var denied: [Network] = []
    /// Addresses of the server itself: of them only relays are reached.
    public var own: [STUNAddress] = []
    /// The ports of relays.
    public var relayPorts: ClosedRange<UInt16> = 49_152...65_535

    public init() {}

    /// Whether there may be permissions for a host.
    public func allows(_ host: STUNAddress) -> Bool {
        if isOwn(host) { return true }
        if allowed.contains(where: { $0.contains(host) }) { return true }
        return !denied.contains { $0.contains(host) } && !Self.reserved.contains { $0.contains(host) }
    }

    /// Whether data may be sent to an address of a host that there is a permission for: on the server itself to relays alone.
    public func reaches(_ peer: STUNAddress) -> Bool {
        guard peer.port != 0 else { return false }
        if own.isEmpty || relayPorts.contains(peer.port) || !isOwn(peer) { return true }
        return allowed.contains { $0.isOneHost && $0.contains(peer) }
    }

    private func isOwn(_ host: STUNAddress) -> Bool { own.contains { $0.isSameHost(as: host) } }

    /// What is no host of the public network (RFC 6890 and the registries that it made), or would lead to such a one in disguise.
    public static let reserved: [Network] = {
        func ip4(_ address: UInt32, _ prefix: Int) -> Network {
            Network(STUNAddress(ip4: address, port: 0), prefix: prefix)
        }
        func ip6(_ upper: UInt64, _ lower: UInt64 = 0, _ prefix: Int) -> Network {
            Network(STUNAddress(isIPv6: true, upper: upper, lower: lower, port: 0), prefix: prefix)
        }
        return [
            // This network, private, of carriers, loopback, of a link, private.
            ip4(0, 8), ip4(0x0A00_0000, 8), ip4(0x6440_0000, 10), ip4(0x7F00_0000, 8), ip4(0xA9FE_0000, 16),
            ip4(0xAC10_0000, 12),
            // Of protocols, of examples, 6to4 relays, private, of benchmarks, of examples, groups, reserved.
            ip4(0xC000_0000, 24), ip4(0xC000_0200, 24), ip4(0xC058_6300, 24), ip4(0xC0A8_0000, 16),
            ip4(0xC612_0000, 15), ip4(0xC633_6400, 24), ip4(0xCB00_7100, 24), ip4(0xE000_0000, 4),
            ip4(0xF000_0000, 4),
            // Unspecified, loopback and those that hold IPv4 addresses (::/96, ::ffff:0:0/96), by NAT64 (RFC 6052, RFC 8215).
            ip6(0, 0, 96), ip6(0, 0xFFFF_0000_0000, 96), ip6(0x0064_FF9B_0000_0000, 0, 96),
            ip6(0x0064_FF9B_0001_0000, 0, 48),
            // Discarded, Teredo and other protocols, of examples, 6to4, unique local, of a link, of a site, groups.
            ip6(0x0100_0000_0000_0000, 0, 64), ip6(0x2001_0000_0000_0000, 0, 23), ip6(0x2001_0DB8_0000_0000, 0, 32),
            ip6(0x2002_0000_0000_0000, 0, 16), ip6(0xFC00_0000_0000_0000, 0, 7), ip6(0xFE80_0000_0000_0000, 0, 10),
            ip6(0xFEC0_0000_0000_0000, 0, 10), ip6(0xFF00_0000_0000_0000, 0, 8),
        ]
    }()
}
