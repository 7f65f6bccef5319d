/// The value of a header field, as it is found behind the colon: where it is without the white space around it, and
/// where the next line starts.
struct FieldLine {
    var valueStart: Int
    var valueEnd: Int
    /// Offset behind the line feed, or the end of the message.
    var next: Int
    /// Whether the value goes on over further lines.
    var isFolded = false
    /// Whether `unfold` must look closer: a fold, no line feed, or other white space than one space and a line end.
    var isUnusual: Bool

    /// - Parameters:
    ///   - start: offset behind the colon
    ///   - lineFeed: offset of the line feed behind it, or `end` when there is none
    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ start: Int, _ lineFeed: Int, _ end: Int) {
        valueStart = start
        valueEnd = start
        next = lineFeed &+ 1
        guard lineFeed > start, next < end else {
            isUnusual = true
            return
        }
        // Nearly always: one space, the value, and CRLF.
        if base[start] == 0x20 { valueStart = start &+ 1 }
        valueEnd = base[lineFeed &- 1] == 0x0D ? lineFeed &- 1 : lineFeed
        // The byte before the value's end is behind the colon or the colon itself.
        isUnusual = base[valueStart] <= 0x20 || base[valueEnd &- 1] <= 0x20 || base[next] <= 0x20
    }

    /// Follows the value over the lines that start with white space (RFC 3261 §7.3.1), and takes off all white space.
    @inline(never)
    mutating func unfold(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) {
        var lineEnd = MessageIndex.lineFeed(base, start, end)
        isFolded = false
        while lineEnd &+ 1 < end, base[lineEnd &+ 1] == 0x20 || base[lineEnd &+ 1] == 0x09 {
            isFolded = true
            lineEnd = MessageIndex.lineFeed(base, lineEnd &+ 1, end)
        }
        next = min(end, lineEnd &+ 1)
        valueStart = start
        while valueStart < lineEnd, base[valueStart].isLinearWhitespace { valueStart &+= 1 }
        valueEnd = lineEnd
        while valueEnd > valueStart, base[valueEnd &- 1].isLinearWhitespace { valueEnd &-= 1 }
    }
}
