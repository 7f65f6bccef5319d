import Reactor
import SIP
import SIPEndpoint

/// A flow as a few bytes, as bindings keep it in memory and in the journal.
///
/// One byte of transport and kinds, two of the listener, the two addresses (6 bytes for IPv4, 22 for IPv6) and, in memory
/// alone, the number of the connection; all numbers in little-endian order. 15 bytes are a flow of UDP over IPv4.
enum FlowCode {
    /// No form is longer.
    static let longest = 3 + 22 + 22 + 8

    private static let transportMask: UInt8 = 0x0F
    private static let remoteIsIPv6: UInt8 = 0x10
    private static let localIsIPv6: UInt8 = 0x20
    private static let hasConnection: UInt8 = 0x40

    /// Writes a flow into at least `longest` bytes; returns how many were written.
    static func write(_ flow: Flow, into memory: UnsafeMutableRawBufferPointer) -> Int {
        guard memory.count >= longest, let base = memory.baseAddress else { return 0 }
        var kind = flow.transport.rawValue & transportMask
        if flow.remote.isIPv6 { kind |= remoteIsIPv6 }
        if flow.local.isIPv6 { kind |= localIsIPv6 }
        if flow.connection != 0 { kind |= hasConnection }
        base.storeBytes(of: kind, as: UInt8.self)
        base.storeBytes(of: flow.listener.littleEndian, toByteOffset: 1, as: UInt16.self)
        var count = 3
        count += write(flow.remote, base + count)
        count += write(flow.local, base + count)
        if flow.connection != 0 {
            base.storeBytes(of: flow.connection.littleEndian, toByteOffset: count, as: UInt64.self)
            count += 8
        }
        return count
    }

    /// Reads what `write` wrote; nil when it is cut short or of an unknown transport.
    static func read(_ bytes: UnsafeRawBufferPointer) -> Flow? {
        guard bytes.count >= 3, let transport = TransportName(rawValue: bytes[0] & transportMask) else { return nil }
        let kind = bytes[0]
        let listener = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt16.self))
        var at = 3
        guard let remote = readAddress(bytes, &at, isIPv6: kind & remoteIsIPv6 != 0),
            let local = readAddress(bytes, &at, isIPv6: kind & localIsIPv6 != 0)
        else { return nil }
        var connection: UInt64 = 0
        if kind & hasConnection != 0 {
            guard bytes.count >= at + 8 else { return nil }
            connection = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        }
        return Flow(transport: transport, listener: listener, connection: connection, local: local, remote: remote)
    }

    /// The connection of a flow; nil for a datagram's, and for bytes that are none.
    static func connection(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
        guard bytes.count > 8, bytes[0] & hasConnection != 0 else { return nil }
        // It stands at the end.
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
    }

    /// Whether the bytes of a flow are of a datagram transport.
    static func isDatagram(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 0 && bytes[0] & transportMask == TransportName.udp.rawValue
    }

    private static func write(_ address: TransportAddress, _ base: UnsafeMutableRawPointer) -> Int {
        base.storeBytes(of: address.port.littleEndian, as: UInt16.self)
        guard address.isIPv6 else {
            base.storeBytes(
                of: UInt32(truncatingIfNeeded: address.lowerBits).littleEndian, toByteOffset: 2, as: UInt32.self)
            return 6
        }
        base.storeBytes(of: address.upperBits.littleEndian, toByteOffset: 2, as: UInt64.self)
        base.storeBytes(of: address.lowerBits.littleEndian, toByteOffset: 10, as: UInt64.self)
        base.storeBytes(of: address.scope.littleEndian, toByteOffset: 18, as: UInt32.self)
        return 22
    }

    private static func readAddress(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, isIPv6: Bool
    ) -> TransportAddress? {
        let size = isIPv6 ? 22 : 6
        guard bytes.count >= at + size else { return nil }
        defer { at += size }
        let port = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))
        guard isIPv6 else {
            let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 2, as: UInt32.self))
            return TransportAddress(ipv4: bits, port: port)
        }
        return TransportAddress(
            ipv6: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 2, as: UInt64.self)),
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 10, as: UInt64.self)),
            scope: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 18, as: UInt32.self)), port: port)
    }
}
