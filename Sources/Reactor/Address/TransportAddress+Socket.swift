import Glibc

/// Layout of the kernel's socket addresses (`sockaddr_in`, `sockaddr_in6`), in bytes from their start: family at 0, port at
/// 2, then the IPv4 address at 4, or the IPv6 address at 8 and its scope at 24.
enum SocketAddressLayout {
    /// Length of `sockaddr_in`.
    static let ipv4Length = 16

    /// Length of `sockaddr_in6`.
    static let ipv6Length = 28

    /// Room for either.
    static let room = 28
}

extension TransportAddress {
    /// Length of the kernel's form of the address in bytes: 16 for IPv4, 28 for IPv6.
    @inlinable
    public var socketAddressLength: Int { family == .ipv4 ? 16 : 28 }

    /// `AF_INET` or `AF_INET6`.
    var socketFamily: Int32 { family == .ipv4 ? AF_INET : AF_INET6 }

    /// Writes the kernel's form (`sockaddr_in` or `sockaddr_in6`) into at least 28 bytes; returns its length.
    @discardableResult
    public func storeSocketAddress(to pointer: UnsafeMutableRawPointer) -> Int {
        pointer.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        if family == .ipv4 {
            pointer.storeBytes(of: UInt16(AF_INET), as: UInt16.self)
            pointer.storeBytes(of: UInt32(truncatingIfNeeded: lowerBits).bigEndian, toByteOffset: 4, as: UInt32.self)
            pointer.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
            return SocketAddressLayout.ipv4Length
        }
        pointer.storeBytes(of: UInt16(AF_INET6), as: UInt16.self)
        pointer.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
        pointer.storeBytes(of: upperBits.bigEndian, toByteOffset: 8, as: UInt64.self)
        pointer.storeBytes(of: lowerBits.bigEndian, toByteOffset: 16, as: UInt64.self)
        pointer.storeBytes(of: scope, toByteOffset: 24, as: UInt32.self)
        return SocketAddressLayout.ipv6Length
    }

    /// Reads the kernel's form; nil when it is neither `sockaddr_in` nor `sockaddr_in6`, or cut short.
    public init?(socketAddress pointer: UnsafeRawPointer, length: Int) {
        guard length >= SocketAddressLayout.ipv4Length else { return nil }
        let port = UInt16(bigEndian: pointer.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        switch Int32(pointer.loadUnaligned(as: UInt16.self)) {
        case AF_INET:
            self.init(
                ipv4: UInt32(bigEndian: pointer.loadUnaligned(fromByteOffset: 4, as: UInt32.self)), port: port)
        case AF_INET6 where length >= SocketAddressLayout.ipv6Length:
            self.init(
                ipv6: UInt64(bigEndian: pointer.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                UInt64(bigEndian: pointer.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
                scope: pointer.loadUnaligned(fromByteOffset: 24, as: UInt32.self), port: port)
        default:
            return nil
        }
    }

    /// Calls `body` with a pointer to the kernel's form, on the stack, and its length.
    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: SocketAddressLayout.room, alignment: 8) { buffer in
            // The allocation has 28 bytes, so it has an address.
            let length = storeSocketAddress(to: buffer.baseAddress!)
            return body(UnsafePointer(buffer.baseAddress!.assumingMemoryBound(to: sockaddr.self)), socklen_t(length))
        }
    }

    /// The address a socket is bound to.
    init?(localAddressOf descriptor: Int32) {
        self.init { getsockname(descriptor, $0, $1) }
    }

    private init?(_ query: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { query($0, &length) }
        }
        guard result == 0 else { return nil }
        let parsed = withUnsafeBytes(of: &storage) { bytes in
            // `sockaddr_storage` has a size, so it has an address.
            TransportAddress(socketAddress: bytes.baseAddress!, length: Int(length))
        }
        guard let parsed else { return nil }
        self = parsed
    }
}
