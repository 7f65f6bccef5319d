import Glibc
import Reactor

/// The addresses of this machine's interfaces, for listeners on all of them.
enum LocalAddresses {
    /// All addresses of interfaces that are up; port 0.
    static var all: [TransportAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [TransportAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let pointer = entry.ifa_addr, entry.ifa_flags & UInt32(IFF_UP) != 0 else { continue }
            let family = Int32(pointer.pointee.sa_family)
            let length = family == AF_INET ? 16 : family == AF_INET6 ? 28 : 0
            guard length > 0, let address = TransportAddress(socketAddress: pointer, length: length) else { continue }
            found.append(address.with(port: 0))
        }
        return found
    }

    /// The address to be called by: one that is not loopback and not bound to a link, if there is one.
    static func preferred(isIPv6: Bool) -> TransportAddress? {
        let own = all.filter { $0.isIPv6 == isIPv6 && $0.scope == 0 }
        return own.first { !$0.isLoopback } ?? own.first
    }
}
