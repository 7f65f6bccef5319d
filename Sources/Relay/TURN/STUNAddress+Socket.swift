import ICE
import Reactor

// The two forms of an address: that of sockets, and that of STUN, which has no zones.

extension STUNAddress {
    @inline(__always)
    init(_ address: TransportAddress) {
        self.init(
            isIPv6: address.isIPv6, upper: address.upperBits, lower: address.lowerBits, port: address.port)
    }
}

extension TransportAddress {
    @inline(__always)
    init(_ address: STUNAddress) {
        if address.isIPv6 {
            self.init(ipv6: address.upper, address.lower, port: address.port)
        } else {
            self.init(ipv4: UInt32(truncatingIfNeeded: address.lower), port: address.port)
        }
    }
}
