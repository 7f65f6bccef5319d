extension TransportAddress {
    /// No text form of an address with port, brackets and zone is longer, in bytes.
    public static let longestText = 64

    /// Writes the IP address without brackets, zone and port, as `received` wants it: `192.0.2.1`, `2001:db8::1`.
    ///
    /// IPv6 addresses take the form of RFC 5952. Returns the number of bytes written, 0 when they do not fit:
    /// `longestText` bytes are always enough.
    public func writeIP(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        write(into: buffer) { address, text in address.appendIP(to: &text) }
    }

    /// Writes the IP address as the host of a URI: as `writeIP(into:)`, but IPv6 stands in brackets.
    public func writeHost(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        write(into: buffer) { address, text in address.appendHost(to: &text, zone: false) }
    }

    /// Writes host, colon and port: `192.0.2.1:5060`, `[2001:db8::1]:5060`.
    public func write(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        write(into: buffer) { address, text in
            address.appendHost(to: &text, zone: false)
            text.append(UInt8(ascii: ":"))
            text.append(decimal: UInt32(address.port))
        }
    }

    /// Writes with `body` into the buffer itself when it is surely large enough, else by way of the stack.
    private func write(
        into buffer: UnsafeMutableRawBufferPointer, _ body: (TransportAddress, inout AddressText) -> Void
    ) -> Int {
        if buffer.count >= Self.longestText, let base = buffer.baseAddress {
            var text = AddressText(base)
            body(self, &text)
            return text.count
        }
        return withUnsafeTemporaryAllocation(byteCount: Self.longestText, alignment: 1) { temporary in
            // The allocation has 64 bytes, so it has an address.
            var text = AddressText(temporary.baseAddress!)
            body(self, &text)
            guard text.count <= buffer.count, let base = buffer.baseAddress else { return 0 }
            base.copyMemory(from: temporary.baseAddress!, byteCount: text.count)
            return text.count
        }
    }

    private func appendHost(to text: inout AddressText, zone: Bool) {
        guard isIPv6 else { return appendIP(to: &text) }
        text.append(UInt8(ascii: "["))
        appendIP(to: &text)
        if zone && scope != 0 {
            text.append(UInt8(ascii: "%"))
            text.append(decimal: scope)
        }
        text.append(UInt8(ascii: "]"))
    }

    private func appendIP(to text: inout AddressText) {
        if isIPv6 { appendIPv6(to: &text) } else { text.append(ipv4: UInt32(truncatingIfNeeded: lowerBits)) }
    }

    /// RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups as `::`, the first when two
    /// are as long; §5: an IPv4-mapped address ends in dotted decimal.
    private func appendIPv6(to text: inout AddressText) {
        if upperBits == 0 && lowerBits >> 32 == 0xffff {
            for byte in "::ffff:".utf8 { text.append(byte) }
            return text.append(ipv4: UInt32(truncatingIfNeeded: lowerBits))
        }
        let zeros = longestZeroRun
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound && !zeros.isEmpty {
                text.append(UInt8(ascii: ":"))
                text.append(UInt8(ascii: ":"))
                index = zeros.upperBound
                continue
            }
            if index > 0 && index != zeros.upperBound { text.append(UInt8(ascii: ":")) }
            text.append(hexadecimal: group(index))
            index += 1
        }
    }

    /// The 16 bits of a group, 0 to 7 from the left.
    private func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? upperBits : lowerBits
        return UInt16(truncatingIfNeeded: half &>> UInt64(48 &- 16 &* (index & 3)))
    }

    /// The groups that `::` stands for; empty when no two zero groups are neighbours.
    private var longestZeroRun: Range<Int> {
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8 && group(end) == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = end + 1
        }
        return best
    }
}

extension TransportAddress: CustomStringConvertible {
    /// Host, zone and port, as the initialiser from text reads it: `127.0.0.1:5060`, `[::1]:5060`, `[fe80::1%2]:5060`.
    public var description: String {
        text { address, text in
            address.appendHost(to: &text, zone: true)
            text.append(UInt8(ascii: ":"))
            text.append(decimal: UInt32(address.port))
        }
    }

    /// The IP address alone, without brackets: `127.0.0.1`, `::1`.
    public var ip: String { text { address, text in address.appendIP(to: &text) } }

    private func text(_ body: (TransportAddress, inout AddressText) -> Void) -> String {
        String(unsafeUninitializedCapacity: Self.longestText) { buffer in
            // The standard library gives at least the asked 64 bytes.
            var text = AddressText(UnsafeMutableRawPointer(buffer.baseAddress!))
            body(self, &text)
            return text.count
        }
    }
}

/// Appends to memory of at least `TransportAddress.longestText` bytes, which no form of an address fills: 39 for the
/// longest IPv6 address, 2 for the brackets, 11 for the zone and 6 for the port.
private struct AddressText {
    private let base: UnsafeMutableRawPointer
    private(set) var count = 0

    init(_ base: UnsafeMutableRawPointer) { self.base = base }

    mutating func append(_ byte: UInt8) {
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    mutating func append(decimal value: UInt32) {
        var divisor: UInt32 = 1
        while value / divisor >= 10 { divisor &*= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    mutating func append(hexadecimal value: UInt16) {
        var shift: UInt16 = 12
        while shift > 0 && value &>> shift == 0 { shift &-= 4 }
        while true {
            let digit = UInt8(truncatingIfNeeded: value &>> shift) & 15
            append(digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &- 10 &+ digit)
            if shift == 0 { return }
            shift &-= 4
        }
    }

    mutating func append(ipv4 bits: UInt32) {
        append(decimal: bits >> 24)
        append(UInt8(ascii: "."))
        append(decimal: bits >> 16 & 255)
        append(UInt8(ascii: "."))
        append(decimal: bits >> 8 & 255)
        append(UInt8(ascii: "."))
        append(decimal: bits & 255)
    }
}
