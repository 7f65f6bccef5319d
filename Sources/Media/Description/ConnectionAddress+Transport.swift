public import Reactor
public import SDP

extension ConnectionAddress {
    /// The address of a socket.
    public init(_ address: TransportAddress) {
        self =
            address.isIPv6
            ? .ip6(UInt128(address.upperBits) << 64 | UInt128(address.lowerBits))
            : .ip4(UInt32(truncatingIfNeeded: address.lowerBits))
    }

    /// The address of a socket at a port; nil for names, which are not looked up.
    public func transportAddress(port: UInt16) -> TransportAddress? {
        switch self {
        case .ip4(let bits): TransportAddress(ipv4: bits, port: port)
        case .ip6(let bits):
            TransportAddress(
                ipv6: UInt64(truncatingIfNeeded: bits >> 64), UInt64(truncatingIfNeeded: bits), port: port)
        case .name, .other: nil
        }
    }
}
