import Glibc

/// The UDP sockets of this process, for tests that ask the kernel what became of an option.
public enum OwnSockets {
    /// Descriptors that are looked at.
    private static let range = Int32(3)..<4_096
    /// Levels of options, which Glibc's module has in no usable form.
    private static let (ip, ipv6): (Int32, Int32) = (0, 41)

    /// The traffic class octet (IP_TOS, IPV6_TCLASS) of the UDP socket bound to a port; nil when there is none.
    public static func trafficClass(ofPort port: UInt16) -> Int32? {
        for descriptor in range {
            guard option(descriptor, SOL_SOCKET, SO_TYPE) == Int32(bitPattern: SOCK_DGRAM.rawValue) else { continue }
            var address = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let bound = withUnsafeMutableBytes(of: &address) { bytes -> UInt16? in
                guard let base = bytes.baseAddress,
                    getsockname(descriptor, base.assumingMemoryBound(to: sockaddr.self), &length) == 0
                else { return nil }
                // The port stands at the same place in both families.
                return UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
            }
            guard bound == port else { continue }
            return Int32(address.ss_family) == AF_INET6
                ? option(descriptor, ipv6, IPV6_TCLASS)
                : option(descriptor, ip, IP_TOS)
        }
        return nil
    }

    private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }
}
