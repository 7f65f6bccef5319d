import Glibc

/// An IPv4 or IPv6 address.
struct NumericAddress: Hashable, Sendable {
    /// 4 or 16 bytes in network order.
    let bytes: [UInt8]

    /// Reads dotted decimal or colon notation, without brackets or zone; nil for anything else.
    init?(_ text: String) {
        var four = in_addr()
        var sixteen = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            bytes = withUnsafeBytes(of: sixteen) { Array($0) }
        } else {
            return nil
        }
    }

    /// Whether it is an IPv6 address.
    var isIPv6: Bool { bytes.count == 16 }

    /// 127.0.0.0/8, ::1, or the former mapped into IPv6.
    var isLoopback: Bool {
        guard isIPv6 else { return bytes[0] == 127 }
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 127]
        return bytes == [UInt8](repeating: 0, count: 15) + [1] || bytes.starts(with: mapped)
    }

    /// 0.0.0.0 or ::, which stand for all addresses of the machine.
    var isWildcard: Bool { bytes.allSatisfy { $0 == 0 } }

    /// The one form in which the address is compared (RFC 5952), without brackets.
    var canonical: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        // The buffer has room for every address, so this cannot fail.
        inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &buffer, socklen_t(buffer.count))
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
