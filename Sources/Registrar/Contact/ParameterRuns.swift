/// The parameters of a header value as runs between semicolons, for those who copy most of them unseen.
struct ParameterRuns {
    /// One parameter without the ";" and without white space around it.
    struct Run {
        let whole: UnsafeRawBufferPointer

        fileprivate init(_ whole: UnsafeRawBufferPointer) { self.whole = whole }

        /// Where "=" stands, or the end.
        private var sign: Int { whole.firstIndex(of: UInt8(ascii: "=")) ?? whole.count }

        /// The value; empty when there is none.
        var value: UnsafeRawBufferPointer {
            trimmed(UnsafeRawBufferPointer(rebasing: whole[min(sign + 1, whole.count)...]))
        }

        /// Whether the name is that text, given in small letters; case is put aside.
        @inline(__always)
        func hasName(_ text: StaticString) -> Bool {
            guard whole.count >= text.utf8CodeUnitCount, lowercased(whole[0]) == text.utf8Start[0] else { return false }
            return equalIgnoringCase(trimmed(UnsafeRawBufferPointer(rebasing: whole[..<sign])), text)
        }
    }

    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    /// Walks over parameters from their first ";" on.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func next() -> Run? {
        guard at < bytes.count, let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
        let count = bytes.count
        let start = at &+ 1
        var end = start
        while end < count, base[end] != UInt8(ascii: ";") {
            if base[end] == UInt8(ascii: "\"") { end = Self.closingQuote(base, end, count) }
            end &+= 1
        }
        end = min(end, count)
        at = end
        return Run(trimmed(UnsafeRawBufferPointer(start: base + start, count: end &- start)))
    }

    /// Where a quoted string ends; a backslash takes the byte behind it along (RFC 3261 §25.1).
    private static func closingQuote(_ base: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
        var end = start &+ 1
        while end < count, base[end] != UInt8(ascii: "\"") { end &+= base[end] == UInt8(ascii: "\\") ? 2 : 1 }
        return end
    }
}

/// The bytes without white space around them.
@inline(__always)
private func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    var end = bytes.count
    while start < end, bytes[start] <= 0x20 { start &+= 1 }
    while end > start, bytes[end &- 1] <= 0x20 { end &-= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
}
