import CLinux
import Glibc

/// The control data of a message (`struct cmsghdr`, see cmsg(3)): each item has a header of 16 bytes (length, level, type) and
/// its data, and begins at a multiple of eight.
struct ControlMessages: Sequence, IteratorProtocol {
    struct Item {
        let level: Int32
        let type: Int32
        let data: UnsafeRawBufferPointer
    }

    /// Length of an item's header.
    static let headerLength = 16

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func next() -> Item? {
        guard offset + Self.headerLength <= bytes.count else { return nil }
        let length = bytes.load(fromByteOffset: offset, as: Int.self)
        guard length >= Self.headerLength, length <= bytes.count - offset else { return nil }
        let item = Item(
            level: bytes.load(fromByteOffset: offset + 8, as: Int32.self),
            type: bytes.load(fromByteOffset: offset + 12, as: Int32.self),
            data: UnsafeRawBufferPointer(rebasing: bytes[offset + Self.headerLength..<offset + length]))
        offset += (length + 7) & ~7
        return item
    }
}

extension ControlMessages.Item {
    /// The local address that a datagram was sent to: `in_pktinfo` (interface, local address, address of the header) or
    /// `in6_pktinfo` (address, interface).
    func packetInfo(port: UInt16) -> TransportAddress? {
        if level == ProtocolLevel.ip && type == IP_PKTINFO && data.count >= 12 {
            return TransportAddress(ipv4: UInt32(bigEndian: data.load(fromByteOffset: 4, as: UInt32.self)), port: port)
        }
        if level == ProtocolLevel.ipv6 && type == IPV6_PKTINFO && data.count >= 20 {
            let upper = UInt64(bigEndian: data.load(as: UInt64.self))
            let lower = UInt64(bigEndian: data.load(fromByteOffset: 8, as: UInt64.self))
            // A zone belongs to link-local addresses only (RFC 4007 §6).
            let scope = upper >> 54 == 0xfe80 >> 6 ? data.load(fromByteOffset: 16, as: UInt32.self) : 0
            return TransportAddress(ipv6: upper, lower, scope: scope, port: port)
        }
        return nil
    }

    /// How many datagrams the socket has dropped in its life (SO_RXQ_OVFL).
    var dropCount: UInt32? {
        guard level == SOL_SOCKET && type == SO_RXQ_OVFL && data.count >= 4 else { return nil }
        return data.load(as: UInt32.self)
    }

    /// An entry of the error queue (IP_RECVERR, ip(7)), and the address of the host that reported it.
    var extendedError: (error: sock_extended_err, offender: TransportAddress?)? {
        guard level == ProtocolLevel.ip && type == IP_RECVERR || level == ProtocolLevel.ipv6 && type == IPV6_RECVERR,
            data.count >= MemoryLayout<sock_extended_err>.size, let base = data.baseAddress
        else { return nil }
        let size = MemoryLayout<sock_extended_err>.size
        return (
            data.load(as: sock_extended_err.self),
            TransportAddress(socketAddress: base + size, length: data.count - size)
        )
    }

    /// Writes the control data that makes a datagram leave from `source`; returns its length. The room is 40 bytes or more.
    ///
    /// The length leaves out the padding at the end: 36 bytes for IPv6 are what the kernel keeps on its stack.
    static func storeSource(_ source: TransportAddress, to pointer: UnsafeMutableRawPointer) -> Int {
        if source.family == .ipv4 {
            pointer.storeBytes(of: ControlMessages.headerLength + 12, as: Int.self)
            pointer.storeBytes(of: ProtocolLevel.ip, toByteOffset: 8, as: Int32.self)
            pointer.storeBytes(of: IP_PKTINFO, toByteOffset: 12, as: Int32.self)
            pointer.storeBytes(of: 0, toByteOffset: 16, as: UInt32.self)
            let bits = UInt32(truncatingIfNeeded: source.lowerBits)
            pointer.storeBytes(of: bits.bigEndian, toByteOffset: 20, as: UInt32.self)
            pointer.storeBytes(of: 0, toByteOffset: 24, as: UInt32.self)
            return ControlMessages.headerLength + 12
        }
        pointer.storeBytes(of: ControlMessages.headerLength + 20, as: Int.self)
        pointer.storeBytes(of: ProtocolLevel.ipv6, toByteOffset: 8, as: Int32.self)
        pointer.storeBytes(of: IPV6_PKTINFO, toByteOffset: 12, as: Int32.self)
        pointer.storeBytes(of: source.upperBits.bigEndian, toByteOffset: 16, as: UInt64.self)
        pointer.storeBytes(of: source.lowerBits.bigEndian, toByteOffset: 24, as: UInt64.self)
        pointer.storeBytes(of: source.scope, toByteOffset: 32, as: UInt32.self)
        return ControlMessages.headerLength + 20
    }
}

/// The protocols as levels of options and control data; glibc has them as an enumeration.
enum ProtocolLevel {
    static let ip: Int32 = 0
    static let ipv6: Int32 = 41
}
