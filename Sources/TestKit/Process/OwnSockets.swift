import Glibc
public import Reactor

/// The UDP sockets of this process, for tests that ask the kernel what became of an option.
public enum OwnSockets {
    /// Descriptors that are looked at: all that a process of many tests comes to.
    private static let range = Int32(3)..<65_536
    /// Levels of options, which Glibc's module has in no usable form.
    private static let (ip, ipv6): (Int32, Int32) = (0, 41)

    /// The traffic class octet (IP_TOS, IPV6_TCLASS) of the UDP socket bound to a port; nil when there is none.
    public static func trafficClass(ofPort port: UInt16) -> Int32? {
        descriptor { $0.port == port }.flatMap(trafficClass)
    }

    /// The traffic class octet of the UDP socket bound to an address; nil when there is none.
    public static func trafficClass(of address: TransportAddress) -> Int32? {
        descriptor { $0 == address }.flatMap(trafficClass)
    }

    /// The address that the UDP socket bound to another one is connected to; nil when it is not connected, or there is none.
    public static func peer(of address: TransportAddress) -> TransportAddress? {
        descriptor { $0 == address }.flatMap { Self.address($0, getpeername) }
    }

    private static func descriptor(where isMeant: (TransportAddress) -> Bool) -> Int32? {
        range.first { descriptor in
            option(descriptor, SOL_SOCKET, SO_TYPE) == Int32(bitPattern: SOCK_DGRAM.rawValue)
                && address(descriptor, getsockname).map(isMeant) == true
        }
    }

    private static func trafficClass(_ descriptor: Int32) -> Int32? {
        address(descriptor, getsockname).flatMap {
            $0.isIPv6 ? option(descriptor, ipv6, IPV6_TCLASS) : option(descriptor, ip, IP_TOS)
        }
    }

    /// What getsockname(2) or getpeername(2) say.
    private static func address(
        _ descriptor: Int32, _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> TransportAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            let isKnown = storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                ask(descriptor, $0, &length) == 0
            }
            return isKnown ? TransportAddress(socketAddress: storage, length: Int(length)) : nil
        }
    }

    private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }
}
