/// A `c=` line: where media is to be sent. RFC 8866 §5.7.
public struct Connection: Hashable, Sendable {
    /// `<nettype>`: `IN` for the Internet.
    public let networkType: ByteString

    /// `<addrtype>`: `IP4` or `IP6`.
    public let addressType: ByteString

    /// Where media is to be sent; the first of several multicast groups.
    public let address: ConnectionAddress

    /// Scope of an IPv4 multicast group.
    public let timeToLive: UInt8?

    /// Number of contiguous multicast groups, when it is given.
    public let addressCount: UInt32?

    /// A unicast address of the Internet.
    ///
    /// - Parameter family: The family to name beside a host name, IPv4 if none is given; an address has its own.
    public init(_ address: ConnectionAddress, family: ConnectionAddress.Family? = nil) {
        networkType = "IN"
        addressType = (address.family ?? family) == .ip6 ? "IP6" : "IP4"
        self.address = address
        timeToLive = nil
        addressCount = nil
    }

    /// The family of the address, or the one that is named beside a host name; `nil` for other networks.
    public var family: ConnectionAddress.Family? {
        if let family = address.family { return family }
        guard case .name = address else { return nil }
        return addressType == "IP6" ? .ip6 : .ip4
    }

    /// Reads the value of a `c=` line; `nil` if it does not follow the grammar.
    public init?(_ value: ByteString) {
        self.init(fields: value.bytes.fields[...])
    }

    /// Reads the three subfields, which `a=rtcp` has too.
    init?(fields: ArraySlice<ArraySlice<UInt8>>) {
        guard fields.count == 3, let network = fields.first, let written = fields.last else { return nil }
        let type = fields[fields.startIndex + 1]
        guard network.isToken, type.isToken, written.isVisible else { return nil }
        networkType = ByteString(unchecked: network)
        addressType = ByteString(unchecked: type)
        guard networkType == "IN", addressType == "IP4" || addressType == "IP6" else {
            address = .other(ByteString(unchecked: written))
            timeToLive = nil
            addressCount = nil
            return
        }
        let parts = written.split(separator: .slash, maxSplits: 3, omittingEmptySubsequences: false)
        guard let address = ConnectionAddress(internet: parts[0]) else { return nil }
        self.address = address
        guard let scope = Connection.scope(parts.dropFirst(), hasTimeToLive: addressType == "IP4") else { return nil }
        timeToLive = scope.timeToLive
        addressCount = scope.count
    }

    /// What stands behind the slashes: `[/<ttl>]/<number of addresses>` with IPv4, the number alone with IPv6.
    private static func scope(
        _ parts: ArraySlice<ArraySlice<UInt8>>, hasTimeToLive: Bool
    ) -> (timeToLive: UInt8?, count: UInt32?)? {
        guard parts.count <= (hasTimeToLive ? 2 : 1) else { return nil }
        var timeToLive: UInt8?
        var rest = parts
        if hasTimeToLive, let first = rest.popFirst() {
            guard let value = first.decimal(limit: 255) else { return nil }
            timeToLive = UInt8(value)
        }
        guard let last = rest.first else { return (timeToLive, nil) }
        guard let count = last.decimal(limit: UInt64(UInt32.max)), count > 0 else { return nil }
        return (timeToLive, UInt32(count))
    }

    /// The value of the line.
    public var value: ByteString {
        var bytes = networkType.bytes + [.space] + addressType.bytes + [.space] + address.text.bytes
        if let timeToLive { bytes += [.slash] + String(timeToLive).utf8 }
        if let addressCount { bytes += [.slash] + String(addressCount).utf8 }
        return ByteString(unchecked: bytes)
    }
}
