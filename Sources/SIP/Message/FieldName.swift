/// The name of a header field, as it is found at the start of a line.
struct FieldName {
    /// Offset of the colon; the end of the message when none comes within a name's length.
    var colon: Int
    /// Bytes of the name, without white space before the colon.
    var length: Int
    var name: HeaderName
    private var hasColon: Bool

    /// Bytes within which the colon behind a header name must come; the longest registered name has 29.
    static var maximumSize: Int { 256 }

    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ names: HeaderNameTable) {
        // The name is taken eight bytes at a time; the first word and the last eight bytes tell which one it is.
        let first: UInt64
        var last: UInt64 = 0
        if start &+ 8 <= end {
            let word = Self.word(base, start)
            let hit = Self.colons(in: word)
            if hit != 0 {
                // The bytes before the colon; shifting twice keeps the shift below the width of the word.
                let bits = UInt64(truncatingIfNeeded: hit.trailingZeroBitCount) & 0x38
                length = Int(bits &>> 3)
                colon = start &+ length
                first = word & (1 &<< bits &- 1)
                hasColon = true
            } else {
                (colon, hasColon) = Self.findColon(base, start &+ 8, start, end)
                length = colon &- start
                first = word
                last = length > 8 ? Self.word(base, colon &- 8) : 0
            }
        } else {
            (colon, hasColon) = Self.findColon(base, start, start, end)
            length = colon &- start
            first = HeaderNameTable.word(base + start, length)
        }
        name = hasColon ? names.find(base + start, length: length, first: first, last: last) : .other
    }

    /// Looks again at a name that was not found: takes off white space before the colon, which is rare, and says whether
    /// there is a colon and a name of a token's characters.
    @inline(never)
    mutating func isUnregistered(_ base: UnsafePointer<UInt8>, _ start: Int) -> Bool {
        guard hasColon else { return false }
        while length > 0, base[start &+ length &- 1] == 0x20 || base[start &+ length &- 1] == 0x09 { length &-= 1 }
        name = HeaderName(UnsafeRawBufferPointer(start: base + start, count: length))
        for i in start..<start &+ length where !ByteClass.token.contains(base[i]) { return false }
        return length > 0
    }

    @inline(__always)
    private static func word(_ base: UnsafePointer<UInt8>, _ at: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self))
    }

    /// The high bit of the lowest byte that is a colon; bits above it say nothing.
    @inline(__always)
    private static func colons(in word: UInt64) -> UInt64 {
        let x = word ^ 0x3A3A_3A3A_3A3A_3A3A
        return (x &- 0x0101_0101_0101_0101) & ~x & 0x8080_8080_8080_8080
    }

    @inline(__always)
    private static func findColon(
        _ base: UnsafePointer<UInt8>, _ from: Int, _ start: Int, _ end: Int
    ) -> (Int, Bool) {
        var at = from
        let limit = min(end, start &+ maximumSize)
        while at &+ 8 <= limit {
            let hit = colons(in: word(base, at))
            if hit != 0 { return (at &+ hit.trailingZeroBitCount &>> 3, true) }
            at &+= 8
        }
        while at < limit {
            if base[at] == 0x3A { return (at, true) }
            at &+= 1
        }
        return (limit, false)
    }
}
