/// A position in a message that moves forward over the grammar's small parts.
///
/// Offsets are absolute in the message, so that what it finds can be kept as `ByteRange`. It never reads at or behind
/// `end`; the memory must outlive the cursor.
@usableFromInline
struct Cursor {
    @usableFromInline let base: UnsafePointer<UInt8>
    @usableFromInline var at: Int
    @usableFromInline let end: Int

    @inlinable @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        self.base = base
        self.at = range.lowerBound
        self.end = range.upperBound
    }

    @inlinable @inline(__always)
    init(_ base: UnsafePointer<UInt8>, from at: Int, to end: Int) {
        self.base = base
        self.at = at
        self.end = end
    }

    /// Whether everything is consumed.
    @inlinable @inline(__always)
    var isAtEnd: Bool { at >= end }

    /// The next byte, or NUL at the end (NUL is in no production).
    @inlinable @inline(__always)
    var peek: UInt8 { at < end ? base[at] : 0 }

    /// Consumes `byte` if it is next.
    @inlinable @inline(__always)
    mutating func skip(_ byte: UInt8) -> Bool {
        guard at < end, base[at] == byte else { return false }
        at &+= 1
        return true
    }

    /// Consumes linear white space, folded line ends included.
    @inlinable @inline(__always)
    mutating func skipWhitespace() {
        while at < end, base[at].isLinearWhitespace { at &+= 1 }
    }

    /// Consumes white space, `byte`, white space; false (and only white space consumed) when `byte` is not there.
    @inlinable @inline(__always)
    mutating func skipSeparator(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard skip(byte) else { return false }
        skipWhitespace()
        return true
    }

    /// Consumes the longest run of characters in `set`; it may be empty.
    @inlinable @inline(__always)
    mutating func take(_ set: ByteSet) -> ByteRange {
        let start = at
        while at < end, set.contains(base[at]) { at &+= 1 }
        return ByteRange(start, at)
    }

    /// Consumes the longest run of characters in a class; it may be empty.
    @inline(__always)
    mutating func take(run characters: ByteClass) -> ByteRange {
        let start = at
        var i = at
        // Four at a time: the end is looked for less often.
        while i &+ 4 <= end {
            guard characters.contains(base[i]) else { break }
            guard characters.contains(base[i &+ 1]) else {
                i &+= 1
                break
            }
            guard characters.contains(base[i &+ 2]) else {
                i &+= 2
                break
            }
            guard characters.contains(base[i &+ 3]) else {
                i &+= 3
                break
            }
            i &+= 4
        }
        while i < end, characters.contains(base[i]) { i &+= 1 }
        at = i
        return ByteRange(start, i)
    }

    /// Consumes a quoted string, the quotes included; nil when it is not closed or not there.
    ///
    /// RFC 3261 §25.1 `quoted-string`; a backslash takes the byte after it along.
    @inlinable
    mutating func takeQuotedString() -> ByteRange? {
        guard peek == UInt8(ascii: "\"") else { return nil }
        let start = at
        var i = at &+ 1
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: "\"") {
                at = i &+ 1
                return ByteRange(start, at)
            }
            i &+= byte == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    /// Consumes a decimal number no greater than `maximum`; nil when there is no digit or it is greater.
    @inlinable
    mutating func takeNumber(maximum: UInt64) -> UInt64? {
        var value: UInt64 = 0
        let start = at
        while at < end, base[at].isDigit {
            value = value &* 10 &+ UInt64(base[at] &- 0x30)
            if value > maximum { return nil }
            at &+= 1
        }
        return at > start ? value : nil
    }

    /// Consumes a number in text order; used where only the run matters.
    @inlinable
    mutating func takeDigits() -> ByteRange {
        let start = at
        while at < end, base[at].isDigit { at &+= 1 }
        return ByteRange(start, at)
    }
}

/// Whether the bytes equal `text` when ASCII case is put aside; `text` is in small letters.
@inline(__always)
func equalIgnoringCase(_ base: UnsafePointer<UInt8>, _ range: ByteRange, _ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard Int(range.count) == count else { return false }
    let other = text.utf8Start
    let bytes = base + range.lowerBound
    for i in 0..<count where bytes[i].lowercased != other[i] { return false }
    return true
}

/// Whether two runs of bytes are equal when ASCII case is put aside.
func equalIgnoringCase(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where a[i].lowercased != b[i].lowercased { return false }
    return true
}
