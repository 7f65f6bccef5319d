/// Dotted decimals.
enum IPv4Text {
    /// Reads four numbers of at most 255 without leading zeros (`decimal-uchar`): some resolvers would take a leading
    /// zero for octal, so there is no safe reading.
    static func parse(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: .dot, maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let number = part.decimal(limit: 255), part.count == 1 || part.first != 0x30 else { return nil }
            value = value << 8 | UInt32(number)
        }
        return value
    }

    static func format(_ value: UInt32) -> String {
        "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
    }
}

/// The text form of IPv6 addresses: RFC 4291 §2.2 to read, RFC 5952 to write.
enum IPv6Text {
    static func parse(_ text: ArraySlice<UInt8>) -> UInt128? {
        var head: [UInt16] = []
        var tail: [UInt16]? = nil
        var rest = text
        if rest.starts(with: [.colon, .colon]) {
            tail = []
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            guard head.count + (tail?.count ?? 0) < 8 else { return nil }
            let (group, behind) = rest.cut(at: .colon)
            guard let words = words(of: group, isLast: behind == nil) else { return nil }
            if tail == nil { head += words } else { tail! += words }  // not nil in this branch
            guard let behind else { break }
            guard !behind.isEmpty else { return nil }
            rest = behind
            if rest.first == .colon {
                guard tail == nil else { return nil }
                tail = []
                rest = rest.dropFirst()
            }
        }
        return assemble(head, tail)
    }

    /// The one word of a group, or the two of a dotted IPv4 address in last place.
    private static func words(of group: ArraySlice<UInt8>, isLast: Bool) -> [UInt16]? {
        if isLast, group.contains(.dot) {
            return IPv4Text.parse(group).map { [UInt16(truncatingIfNeeded: $0 >> 16), UInt16(truncatingIfNeeded: $0)] }
        }
        guard 1...4 ~= group.count else { return nil }
        var word: UInt16 = 0
        for byte in group {
            guard let digit = byte.hexadecimalValue else { return nil }
            word = word << 4 | UInt16(digit)
        }
        return [word]
    }

    private static func assemble(_ head: [UInt16], _ tail: [UInt16]?) -> UInt128? {
        let given = head.count + (tail?.count ?? 0)
        guard tail == nil ? given == 8 : given < 8 else { return nil }
        let words = head + [UInt16](repeating: 0, count: 8 - given) + (tail ?? [])
        return words.reduce(0) { $0 << 16 | UInt128($1) }
    }

    static func format(_ value: UInt128) -> String {
        let words = (0..<8).map { UInt16(truncatingIfNeeded: value >> (112 - 16 * UInt128($0))) }
        if words[0..<5].allSatisfy({ $0 == 0 }), words[5] == 0xFFFF {
            return "::ffff:" + IPv4Text.format(UInt32(truncatingIfNeeded: value))
        }
        guard let gap = longestZeroRun(words) else { return join(words[...]) }
        return join(words[..<gap.lowerBound]) + "::" + join(words[gap.upperBound...])
    }

    private static func join(_ words: ArraySlice<UInt16>) -> String {
        words.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// The first of the longest runs of at least two zero words (RFC 5952 §4.2).
    private static func longestZeroRun(_ words: [UInt16]) -> Range<Int>? {
        var longest = 0..<0
        var start = 0
        while start < words.count {
            let end = words[start...].firstIndex { $0 != 0 } ?? words.count
            if end - start > longest.count { longest = start..<end }
            start = max(end, start + 1)
        }
        return longest.count >= 2 ? longest : nil
    }
}
