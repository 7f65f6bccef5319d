import Glibc

extension TransportAddress {
    /// Reads `127.0.0.1:5060`, `[::1]:5060` or `[fe80::1%eth0]:5060`; with a default port also `127.0.0.1`, `[::1]` and
    /// `::1`. Host names are not addresses: nil.
    ///
    /// For configuration and command lines: a zone may be the name of an interface, which asks the system. Bytes from the
    /// network go through `init(host:port:)`, which does not.
    public init?(_ text: String, defaultPort: UInt16? = nil) {
        var text = text
        let parsed = text.withUTF8 { bytes in
            AddressReader(UnsafeRawBufferPointer(bytes)).addressAndPort(defaultPort: defaultPort)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    /// Reads a host that is an IP address, from bytes and without allocation: `127.0.0.1`, `::1`, `[::1]`; a zone must be
    /// a number. Nil for host names and everything else.
    public init?(host bytes: UnsafeRawBufferPointer, port: UInt16) {
        guard let parsed = AddressReader(bytes).host(port: port, namedZones: false) else { return nil }
        self = parsed
    }

    /// Reads a host that is an IP address: `127.0.0.1`, `::1`, `[::1]`. Nil for host names and everything else.
    public init?(host text: String, port: UInt16) {
        var text = text
        let parsed = text.withUTF8 { bytes in
            AddressReader(UnsafeRawBufferPointer(bytes)).host(port: port, namedZones: true)
        }
        guard let parsed else { return nil }
        self = parsed
    }
}

/// Reads the text forms of addresses: dotted decimal without leading zeros (RFC 3986 §3.2.2), IPv6 by RFC 4291 §2.2.
private struct AddressReader {
    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    func addressAndPort(defaultPort: UInt16?) -> TransportAddress? {
        guard let last = bytes.last else { return nil }
        let colon = bytes.lastIndex(of: UInt8(ascii: ":"))
        let isBare = colon == nil || last == UInt8(ascii: "]") || isBareIPv6
        if isBare {
            guard let defaultPort else { return nil }
            return host(port: defaultPort, namedZones: true)
        }
        guard let colon, let port = decimal(colon + 1..<bytes.count, atMost: 65_535) else { return nil }
        let hostBytes = UnsafeRawBufferPointer(rebasing: bytes[..<colon])
        return AddressReader(hostBytes).host(port: UInt16(port), namedZones: true)
    }

    /// Two colons and no bracket: the last colon belongs to the address.
    private var isBareIPv6: Bool {
        bytes.first != UInt8(ascii: "[")
            && bytes.firstIndex(of: UInt8(ascii: ":")) != bytes.lastIndex(of: UInt8(ascii: ":"))
    }

    func host(port: UInt16, namedZones: Bool) -> TransportAddress? {
        guard let first = bytes.first else { return nil }
        if first == UInt8(ascii: "[") {
            guard bytes.count > 2, bytes.last == UInt8(ascii: "]") else { return nil }
            let inner = UnsafeRawBufferPointer(rebasing: bytes[1..<bytes.count - 1])
            return AddressReader(inner).ipv6(port: port, namedZones: namedZones)
        }
        if bytes.contains(UInt8(ascii: ":")) { return ipv6(port: port, namedZones: namedZones) }
        return ipv4(0..<bytes.count).map { TransportAddress(ipv4: $0, port: port) }
    }

    private func ipv4(_ range: Range<Int>) -> UInt32? {
        guard range.count >= 7 && range.count <= 15 else { return nil }
        var bits: UInt32 = 0
        var start = range.lowerBound
        for part in 0..<4 {
            var end = start
            while end < range.upperBound && bytes[end] != UInt8(ascii: ".") { end += 1 }
            guard (part == 3) == (end == range.upperBound), let value = decimal(start..<end, atMost: 255) else {
                return nil
            }
            if end - start > 1 && bytes[start] == UInt8(ascii: "0") { return nil }
            bits = bits << 8 | value
            start = end + 1
        }
        return bits
    }

    private func ipv6(port: UInt16, namedZones: Bool) -> TransportAddress? {
        var end = bytes.count
        var scope: UInt32 = 0
        if let percent = bytes.firstIndex(of: UInt8(ascii: "%")) {
            guard let zone = zone(percent + 1..<end, named: namedZones) else { return nil }
            scope = zone
            end = percent
        }
        guard let (upper, lower) = ipv6Bits(end: end) else { return nil }
        return TransportAddress(ipv6: upper, lower, scope: scope, port: port)
    }

    /// Collects groups from the left; what follows `::` is moved to the right end afterwards.
    private func ipv6Bits(end: Int) -> (UInt64, UInt64)? {
        var groups: InlineArray<8, UInt16> = .init(repeating: 0)
        var count = 0
        var gap: Int?
        var index = 0
        if end >= 2 && bytes[0] == UInt8(ascii: ":") && bytes[1] == UInt8(ascii: ":") {
            gap = 0
            index = 2
        }
        while index < end {
            guard count < 8 else { return nil }
            var stop = index
            while stop < end && bytes[stop] != UInt8(ascii: ":") { stop += 1 }
            if stop == end, let dotted = ipv4(index..<end) {
                guard count <= 6 else { return nil }
                groups[count] = UInt16(dotted >> 16)
                groups[count + 1] = UInt16(dotted & 0xffff)
                count += 2
                break
            }
            guard let value = hexadecimal(index..<stop) else { return nil }
            groups[count] = value
            count += 1
            if stop == end { break }
            index = stop + 1
            if index == end { return nil }
            if bytes[index] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = count
                index += 1
            }
        }
        guard gap == nil ? count == 8 : count < 8 else { return nil }
        let position = gap ?? 8
        let moved = 8 - count
        var halves: InlineArray<2, UInt64> = .init(repeating: 0)
        for target in 0..<8 {
            let value: UInt16
            if target < position {
                value = groups[target]
            } else {
                value = target - moved < position ? 0 : groups[target - moved]
            }
            halves[target / 4] = halves[target / 4] << 16 | UInt64(value)
        }
        return (halves[0], halves[1])
    }

    private func hexadecimal(_ range: Range<Int>) -> UInt16? {
        guard (1...4).contains(range.count) else { return nil }
        var value: UInt16 = 0
        for index in range {
            let digit: UInt8
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[index] - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[index] - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[index] - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// One to ten digits whose value is at most `limit`.
    private func decimal(_ range: Range<Int>, atMost limit: UInt64) -> UInt32? {
        guard (1...10).contains(range.count) else { return nil }
        var value: UInt64 = 0
        for index in range {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) else { return nil }
            value = value * 10 + UInt64(bytes[index] - UInt8(ascii: "0"))
        }
        return value <= limit ? UInt32(value) : nil
    }

    private func zone(_ range: Range<Int>, named: Bool) -> UInt32? {
        if let number = decimal(range, atMost: UInt64(UInt32.max)) { return number == 0 ? nil : number }
        guard named, range.count > 0, range.count < Int(IF_NAMESIZE) else { return nil }
        let index = if_nametoindex(String(decoding: bytes[range], as: UTF8.self))
        return index == 0 ? nil : index
    }
}
