import Glibc

/// The addresses of this machine's interfaces.
public enum LocalAddresses {
    /// All addresses of interfaces that are up; port 0.
    public static var all: [TransportAddress] {
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
    public static func preferred(isIPv6: Bool) -> TransportAddress? {
        let own = all.filter { $0.isIPv6 == isIPv6 && $0.scope == 0 }
        return own.first { !$0.isLoopback } ?? own.first
    }

    /// Addresses that others may be told to send media to beside one that they know of, in the order of the kernel (RFC 8445 §5.1.1.1):
    /// none of loopback or of a link, none that is deprecated or not this machine's yet, and where an interface has temporary
    /// addresses of an IPv6 network (RFC 8981) none that stay; port 0. Beside loopback there are none.
    public static func beside(_ address: TransportAddress) -> [TransportAddress] {
        guard !address.isLoopback, !address.isWildcard else { return [] }
        let states = InterfaceAddressState.all
        return usable(all, states).filter { !$0.hasSameHost(as: address) }
    }

    /// Those of the addresses that may be told of.
    static func usable(_ addresses: [TransportAddress], _ states: [InterfaceAddressState]) -> [TransportAddress] {
        addresses.filter { address in
            guard !address.isLoopback, !address.isMulticast, !address.isWildcard, !address.isOfLink,
                !address.isSiteLocal, !address.embedsIPv4
            else { return false }
            guard address.isIPv6, let state = states.first(where: { $0.has(address) }) else { return true }
            guard state.isReady else { return false }
            return state.isTemporary
                || !states.contains { $0.isTemporary && $0.isReady && $0.isBeside(state) }
        }
    }
}

/// What the kernel knows of an IPv6 address of an interface, as `/proc/net/if_inet6` says it.
struct InterfaceAddressState {
    private let upper: UInt64
    private let lower: UInt64
    private let interface: UInt32
    private let prefixLength: Int
    private let flags: UInt32

    /// One line: 32 digits of the address, then index of the interface, length of the prefix, scope and flags in hexadecimal, and the
    /// interface's name. Nil for anything else.
    init?(line: some StringProtocol) {
        let fields = line.split(separator: " ")
        guard fields.count >= 5, fields[0].utf8.count == 32, let upper = UInt64(fields[0].prefix(16), radix: 16),
            let lower = UInt64(fields[0].dropFirst(16), radix: 16), let interface = UInt32(fields[1], radix: 16),
            let length = Int(fields[2], radix: 16), (0...128).contains(length),
            let flags = UInt32(fields[4], radix: 16)
        else { return nil }
        self.upper = upper
        self.lower = lower
        self.interface = interface
        self.flags = flags
        prefixLength = length
    }

    /// Those of all interfaces; empty without IPv6.
    static var all: [InterfaceAddressState] {
        guard let file = fopen("/proc/net/if_inet6", "re") else { return [] }
        defer { fclose(file) }
        var states: [InterfaceAddressState] = []
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = line.withUnsafeBufferPointer {
                String(decoding: $0.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            }
            if let state = InterfaceAddressState(line: text.filter { $0 != "\n" }) { states.append(state) }
        }
        return states
    }

    func has(_ address: TransportAddress) -> Bool {
        address.isIPv6 && address.upperBits == upper && address.lowerBits == lower
    }

    // rtnetlink(7), `ifa_flags` of linux/if_addr.h.

    /// Whether it changes from time to time, so that nobody can be followed by it (RFC 8981).
    var isTemporary: Bool { flags & 0x01 != 0 }

    /// Whether it is neither deprecated, nor still to be proven to be this machine's alone, nor found not to be.
    var isReady: Bool { flags & (0x20 | 0x40 | 0x08) == 0 }

    /// Whether both are of the same interface and network.
    func isBeside(_ other: InterfaceAddressState) -> Bool {
        guard interface == other.interface, prefixLength == other.prefixLength else { return false }
        let mask = (UInt64.max << UInt64(64 - min(prefixLength, 64)), UInt64.max << UInt64(128 - max(prefixLength, 64)))
        return (upper ^ other.upper) & mask.0 == 0 && (lower ^ other.lower) & mask.1 == 0
    }
}

extension TransportAddress {
    /// Whether it means something on one link only: 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291 §2.5.6).
    fileprivate var isOfLink: Bool {
        isIPv6 ? scope != 0 || upperBits >> 54 == 0xfe80 >> 6 : lowerBits >> 16 == 0xa9fe
    }

    /// Whether it is of a site in a way that is given up: fec0::/10 (RFC 3879).
    fileprivate var isSiteLocal: Bool { isIPv6 && upperBits >> 54 == 0xfec0 >> 6 }

    /// Whether it is an IPv4 address in the form of one of IPv6 (RFC 4291 §2.5.5).
    fileprivate var embedsIPv4: Bool {
        isIPv6 && upperBits == 0 && (lowerBits >> 32 == 0xffff || lowerBits >> 32 == 0)
    }
}
