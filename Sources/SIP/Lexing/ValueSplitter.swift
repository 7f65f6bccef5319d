#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Splits the value of one header field at the commas outside of quotes and angle brackets (RFC 3261 §7.3.1).
struct ValueSplitter {
    private let base: UnsafePointer<UInt8>
    private var at: Int
    private let end: Int
    /// Whether a value is still to come; an empty run has none, a run that ends with a comma ends with an empty one.
    private var isDone: Bool

    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        self.base = base
        at = range.lowerBound
        end = range.upperBound
        isDone = range.isEmpty
    }

    /// The next value without the white space around it; it may be empty.
    @inline(__always)
    mutating func next() -> ByteRange? {
        if isDone { return nil }
        // Most fields hold one value and no comma at all.
        guard memchr(base + at, 0x2C, end &- at) != nil else {
            isDone = true
            return trimmed(at, end)
        }
        return takeUpToComma()
    }

    @inline(never)
    private mutating func takeUpToComma() -> ByteRange {
        let start = at
        var i = at
        var isBracketed = false
        scan: while i < end {
            if !ByteClass.listSign.contains(base[i]) {
                i &+= 1
                continue
            }
            switch base[i] {
            case UInt8(ascii: "\""):
                var cursor = Cursor(base, from: i, to: end)
                // An unclosed quote takes all that is left; typing the value will find it.
                guard cursor.takeQuotedString() != nil else {
                    i = end
                    break scan
                }
                i = cursor.at
                continue
            case UInt8(ascii: "<"): isBracketed = true
            case UInt8(ascii: ">"): isBracketed = false
            default: if !isBracketed { break scan }
            }
            i &+= 1
        }
        isDone = i >= end
        at = i &+ 1
        return trimmed(start, i)
    }

    @inline(__always)
    private func trimmed(_ first: Int, _ last: Int) -> ByteRange {
        var start = first
        var stop = last
        while start < stop, base[start].isLinearWhitespace { start &+= 1 }
        while stop > start, base[stop &- 1].isLinearWhitespace { stop &-= 1 }
        return ByteRange(start, stop)
    }
}
