/// An IP address written as text in a URI, a Via or a `received` parameter (RFC 3986 §3.2.2, as RFC 5954 §4.1 wants it).
///
/// Two texts that say the same address are equal (RFC 5954 §4.2).
public enum AddressLiteral: Hashable, Sendable {
    /// An IPv4 address, its first octet in the highest bits.
    case v4(UInt32)
    /// An IPv6 address in two halves.
    case v6(high: UInt64, low: UInt64)

    /// Reads an address that is the whole of `bytes`; an IPv6 address may stand in brackets. Nil when it is none.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return nil }
        self.init(start.assumingMemoryBound(to: UInt8.self), 0, bytes.count)
    }

    /// Reads an address from a text.
    public init?(_ text: String) {
        var text = text
        guard let found = text.withUTF8({ AddressLiteral(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = found
    }

    init?(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) {
        guard start < end else { return nil }
        if base[start] == UInt8(ascii: "[") {
            guard base[end &- 1] == UInt8(ascii: "]"), end &- start > 3 else { return nil }
            self.init(v6: base, start &+ 1, end &- 1)
        } else if let address = Self.v4(base, start, end) {
            self = .v4(address)
        } else {
            self.init(v6: base, start, end)
        }
    }

    /// `IPv4address`: four decimal octets without leading zeros (RFC 5954 §4.1).
    static func v4(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> UInt32? {
        var at = start
        guard let first = octet(base, &at, end), dot(base, &at, end), let second = octet(base, &at, end),
            dot(base, &at, end), let third = octet(base, &at, end), dot(base, &at, end),
            let fourth = octet(base, &at, end), at == end
        else { return nil }
        return first &<< 24 | second &<< 16 | third &<< 8 | fourth
    }

    /// Consumes one to three digits, 0 to 255.
    @inline(__always)
    private static func octet(_ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int) -> UInt32? {
        guard at < end, base[at].isDigit else { return nil }
        var value = UInt32(base[at] &- 0x30)
        at &+= 1
        guard at < end, base[at].isDigit else { return value }
        if value == 0 { return nil }
        value = value &* 10 &+ UInt32(base[at] &- 0x30)
        at &+= 1
        guard at < end, base[at].isDigit else { return value }
        value = value &* 10 &+ UInt32(base[at] &- 0x30)
        at &+= 1
        return value <= 255 ? value : nil
    }

    @inline(__always)
    private static func dot(_ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int) -> Bool {
        guard at < end, base[at] == UInt8(ascii: ".") else { return false }
        at &+= 1
        return true
    }

    /// `IPv6address` without brackets.
    ///
    /// Three colons before a trailing IPv4 address are read as two, since the grammar of RFC 3261 produced them
    /// (RFC 5118 §4.10).
    init?(v6 base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) {
        var cursor = Cursor(base, from: start, to: end)
        var groups = GroupList()
        var gap: Int?
        if cursor.peek == UInt8(ascii: ":") {
            guard cursor.skip(UInt8(ascii: ":")), cursor.peek == UInt8(ascii: ":") else { return nil }
        } else {
            guard groups.take(&cursor) else { return nil }
        }
        while !cursor.isAtEnd {
            guard cursor.skip(UInt8(ascii: ":")) else { return nil }
            let isGap = groups.count == 0 && gap == nil || cursor.peek == UInt8(ascii: ":")
            if isGap {
                guard gap == nil else { return nil }
                gap = groups.count
                if groups.count > 0 { cursor.at &+= 1 }
                if cursor.isAtEnd { break }
                if cursor.peek == UInt8(ascii: ":") {
                    // Too many colons, unless an IPv4 address is all that follows.
                    guard let tail = Self.v4(base, cursor.at &+ 1, end), groups.append(v4: tail) else { return nil }
                    cursor.at = end
                    break
                }
            }
            if let tail = Self.v4(base, cursor.at, end) {
                guard groups.append(v4: tail) else { return nil }
                cursor.at = end
            } else {
                guard groups.take(&cursor) else { return nil }
            }
        }
        guard let halves = groups.halves(gap: gap) else { return nil }
        self = .v6(high: halves.high, low: halves.low)
    }

    /// The groups of 16 bits of an IPv6 address as they are read.
    private struct GroupList {
        private var high: UInt64 = 0
        private var low: UInt64 = 0
        var count = 0

        /// Adds a group behind the others; false when there are eight already.
        mutating func append(_ group: UInt64) -> Bool {
            guard count < 8 else { return false }
            high = high &<< 16 | low &>> 48
            low = low &<< 16 | group
            count &+= 1
            return true
        }

        mutating func append(v4 address: UInt32) -> Bool {
            append(UInt64(address &>> 16)) && append(UInt64(address & 0xFFFF))
        }

        /// Reads one to four hexadecimal digits.
        mutating func take(_ cursor: inout Cursor) -> Bool {
            var value: UInt64 = 0
            var digits = 0
            while let digit = cursor.peek.hexValue {
                value = value &<< 4 | UInt64(digit)
                digits &+= 1
                cursor.at &+= 1
                if digits > 4 { return false }
            }
            return digits > 0 && append(value)
        }

        /// All 128 bits, with the zeros of the gap where it was; nil when the number of groups does not fit.
        func halves(gap: Int?) -> (high: UInt64, low: UInt64)? {
            guard let gap else { return count == 8 ? (high, low) : nil }
            guard count < 8 else { return nil }
            // The groups before the gap move up to the top, those behind it stay.
            var result = GroupList()
            for place in 0..<8 {
                let missing = 8 &- count
                let source = place < gap ? place : place < gap &+ missing ? nil : place &- missing
                _ = result.append(source.map { group($0) } ?? 0)
            }
            return (result.high, result.low)
        }

        private func group(_ place: Int) -> UInt64 {
            let fromEnd = count &- 1 &- place
            let word = fromEnd < 4 ? low : high
            return word &>> UInt64(16 &* (fromEnd & 3)) & 0xFFFF
        }
    }

    /// Whether it is 255.255.255.255, where nothing that SIP says is to be sent (RFC 4475 §3.3.10).
    public var isBroadcast: Bool { self == .v4(.max) }
}

extension AddressLiteral: CustomStringConvertible {
    /// The address as RFC 5952 writes it, without brackets.
    public var description: String {
        switch self {
        case .v4(let address): Self.dotted(address)
        case .v6(let high, let low): Self.colons(high, low)
        }
    }

    private static func dotted(_ address: UInt32) -> String {
        [24, 16, 8, 0].map { String(address >> UInt32($0) & 0xFF) }.joined(separator: ".")
    }

    private static func colons(_ high: UInt64, _ low: UInt64) -> String {
        // IPv4-mapped addresses keep their dotted end (RFC 5952 §5).
        if high == 0, low >> 32 == 0xFFFF { return "::ffff:" + dotted(UInt32(truncatingIfNeeded: low)) }
        let groups = [high, low].flatMap { half in [48, 32, 16, 0].map { half >> UInt64($0) & 0xFFFF } }
        let text = groups.map { String($0, radix: 16) }
        guard let gap = longestZeros(groups) else { return text.joined(separator: ":") }
        return text[..<gap.lowerBound].joined(separator: ":") + "::" + text[gap.upperBound...].joined(separator: ":")
    }

    /// The longest run of two or more zero groups, the first of equals (RFC 5952 §4.2).
    private static func longestZeros(_ groups: [UInt64]) -> Range<Int>? {
        var best: Range<Int>?
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start > max(1, best?.count ?? 0) { best = start..<end }
            start = end + 1
        }
        return best
    }
}
