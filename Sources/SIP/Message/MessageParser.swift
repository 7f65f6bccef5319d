#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// Indexing is one pass: the line ends are found by `memchr`, header names by a hash of their words. Nothing is typed.
extension MessageIndex {
    /// How the end of a message is known.
    public enum Framing: Sendable {
        /// A datagram: the body ends with it when there is no Content-Length, and bytes behind Content-Length are
        /// ignored (RFC 3261 §18.3).
        case datagram
        /// A stream: the bytes are exactly one message, cut by `StreamFramer`.
        case stream
    }

    /// Indexes a message.
    ///
    /// What makes the message impossible to answer is thrown; all else that is wrong is left in `defect`, and the index
    /// is as complete as it can be, so that a response can be built.
    ///
    /// - Throws: `MessageDefect` with code `notSIP`, `incomplete`, `tooLarge` or `headerLine`.
    public mutating func parse(
        _ bytes: UnsafeRawBufferPointer, limits: MessageLimits = MessageLimits(), framing: Framing = .datagram
    ) throws(MessageDefect) {
        removeAll()
        guard let start = bytes.baseAddress, bytes.count > 0 else {
            throw MessageDefect(.notSIP, "The datagram is empty")
        }
        if bytes.count > limits.messageSize {
            note(MessageDefect(.tooLarge, "The message is larger than allowed", status: 513))
        }
        let base = start.assumingMemoryBound(to: UInt8.self)
        let end = bytes.count
        var at = 0
        // RFC 3261 §7.5: line ends before the start line are ignored.
        while at < end, base[at] == 0x0D || base[at] == 0x0A { at &+= 1 }
        guard let lineFeed = Self.lineFeed(base, at, end) else {
            throw MessageDefect(.notSIP, "There is no start line")
        }
        if lineFeed &- at > limits.startLineSize {
            note(MessageDefect(.tooLarge, "The start line is longer than allowed", status: 414))
        }
        try parseStartLine(base, at, Self.trimCarriageReturn(base, at, lineFeed))
        try parseFields(base, from: lineFeed &+ 1, end: end, limits: limits)
        parseBody(base, end: end, framing: framing)
    }

    /// Bytes within which the colon behind a header name must come; the longest registered name has 32.
    static let maximumNameSize = 256

    @inline(__always)
    private static func lineFeed(_ base: UnsafePointer<UInt8>, _ from: Int, _ end: Int) -> Int? {
        guard let found = memchr(base + from, 0x0A, end &- from) else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    @inline(__always)
    private static func trimCarriageReturn(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        end > start && base[end &- 1] == 0x0D ? end &- 1 : end
    }

    private mutating func parseFields(
        _ base: UnsafePointer<UInt8>, from first: Int, end: Int, limits: MessageLimits
    ) throws(MessageDefect) {
        let table = HeaderNameTable.shared
        var at = first
        while true {
            guard at < end else {
                note(MessageDefect(.incomplete, "The blank line behind the header fields is missing"))
                headersEnd = end
                body = ByteRange(end, end)
                return
            }
            // The blank line.
            if base[at] == 0x0D, at &+ 1 < end, base[at &+ 1] == 0x0A {
                headersEnd = at
                body = ByteRange(at &+ 2, end)
                return
            }
            if base[at] == 0x0A {
                headersEnd = at
                body = ByteRange(at &+ 1, end)
                return
            }
            // The name: up to the colon, eight bytes at a time, and no further than a name may be long.
            let nameLimit = min(end, at &+ Self.maximumNameSize)
            var colon = at
            var found = false
            while colon &+ 8 <= nameLimit {
                let word = UnsafeRawPointer(base + colon).loadUnaligned(as: UInt64.self)
                let x = word ^ 0x3A3A_3A3A_3A3A_3A3A
                let hit = (x &- 0x0101_0101_0101_0101) & ~x & 0x8080_8080_8080_8080
                if hit != 0 {
                    colon &+= hit.trailingZeroBitCount &>> 3
                    found = true
                    break
                }
                colon &+= 8
            }
            if !found {
                while colon < nameLimit, base[colon] != 0x3A { colon &+= 1 }
                guard colon < nameLimit else {
                    guard let own = Self.lineFeed(base, at, end) else {
                        note(MessageDefect(.incomplete, "The message ends within its header fields"))
                        headersEnd = at
                        body = ByteRange(end, end)
                        return
                    }
                    note(MessageDefect(.headerLine, "A header line has no colon"))
                    at = own &+ 1
                    continue
                }
            }
            // The line end; a value goes on when the next line starts with white space.
            var lineEnd = end
            var next = end
            var folded = false
            var searchFrom = colon &+ 1
            while true {
                guard let found = Self.lineFeed(base, searchFrom, end) else {
                    note(MessageDefect(.incomplete, "The message ends within its header fields"))
                    lineEnd = end
                    next = end
                    break
                }
                lineEnd = found
                next = found &+ 1
                guard next < end, base[next] == 0x20 || base[next] == 0x09 else { break }
                folded = true
                searchFrom = next
            }
            let nameEnd = colon > at && base[colon &- 1] > 0x20 ? colon : Self.trimmedEnd(base, at, colon)
            let length = nameEnd &- at
            var name = HeaderName.other
            if length > 0 { name = table.find(base + at, length: length, readable: end &- at) }
            if name == .other, !Self.isToken(base, at, nameEnd) {
                note(MessageDefect(.headerLine, "A header line does not start with a name and a colon"))
                // The colon may belong to a later line: go on behind this line only.
                if let own = Self.lineFeed(base, at, end), own < colon {
                    at = own &+ 1
                    continue
                }
                at = next
                continue
            }
            if next &- at > limits.headerFieldSize {
                note(MessageDefect(.tooLarge, "A header field is longer than allowed", header: name))
            }
            var valueStart = colon &+ 1
            while valueStart < lineEnd, base[valueStart].isLinearWhitespace { valueStart &+= 1 }
            var valueEnd = lineEnd
            while valueEnd > valueStart, base[valueEnd &- 1].isLinearWhitespace { valueEnd &-= 1 }
            if count == limits.headerFieldCount {
                note(MessageDefect(.tooLarge, "There are more header fields than allowed"))
                headersEnd = at
                body = ByteRange(end, end)
                return
            }
            if count == capacity { grow() }
            fields[count] = HeaderField(
                nameStart: UInt32(truncatingIfNeeded: at), valueStart: UInt32(truncatingIfNeeded: valueStart),
                valueCount: UInt32(truncatingIfNeeded: valueEnd &- valueStart),
                nameCount: UInt16(truncatingIfNeeded: length), name: name, isFolded: folded)
            count &+= 1
            at = next
        }
    }

    private static func trimmedEnd(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        var end = end
        while end > start, base[end &- 1] == 0x20 || base[end &- 1] == 0x09 { end &-= 1 }
        return end
    }

    private static func isToken(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end > start, end &- start <= Int(UInt16.max) else { return false }
        for i in start..<end where !ByteSet.token.contains(base[i]) { return false }
        return true
    }

    /// Cuts the body by Content-Length (RFC 3261 §18.3, §20.14).
    private mutating func parseBody(_ base: UnsafePointer<UInt8>, end: Int, framing: Framing) {
        guard let index = firstIndex(of: .contentLength) else { return }
        var cursor = Cursor(base, fields[index].valueRange)
        guard let length = cursor.takeNumber(maximum: UInt64(Int32.max)), cursor.isAtEnd else {
            note(MessageDefect(.headerValue, "Content-Length is not a number", header: .contentLength))
            return
        }
        if Int(length) > Int(body.count) {
            note(MessageDefect(.truncatedBody, "Content-Length is larger than the body", header: .contentLength))
        } else {
            body = ByteRange(start: body.lowerBound, count: Int(length))
        }
    }

    func firstIndex(of name: HeaderName) -> Int? {
        for i in 0..<count where fields[i].name == name { return i }
        return nil
    }

    // MARK: The start line

    private mutating func parseStartLine(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(MessageDefect) {
        if end &- start >= 8, equalIgnoringCase(base, ByteRange(start: start, count: 4), "sip/") {
            parseStatusLine(base, start, end)
        } else {
            try parseRequestLine(base, start, end)
        }
    }

    /// `Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF` (RFC 3261 §7.2).
    private mutating func parseStatusLine(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) {
        var cursor = Cursor(base, from: start, to: end)
        while !cursor.isAtEnd, cursor.peek != 0x20 { cursor.at &+= 1 }
        startLine.versionRange = ByteRange(start, cursor.at)
        startLine.isVersion2 = equalIgnoringCase(base, startLine.versionRange, "sip/2.0")
        // A code of 1 marks a response whose real code cannot be read.
        startLine.statusCode = 1
        guard cursor.skip(0x20), let code = cursor.takeNumber(maximum: 999_999), code >= 100, code <= 699 else {
            return note(MessageDefect(.startLine, "The status code is not between 100 and 699"))
        }
        startLine.statusCode = StatusCode(rawValue: UInt16(code))
        if !startLine.isVersion2 { note(MessageDefect(.version, "The version is not SIP/2.0", status: 505)) }
        // A missing space before an empty reason phrase is tolerated.
        if !cursor.isAtEnd, !cursor.skip(0x20) {
            note(MessageDefect(.startLine, "There is no space behind the status code"))
        }
        startLine.reasonRange = ByteRange(cursor.at, end)
    }

    /// `Request-Line = Method SP Request-URI SP SIP-Version CRLF` (RFC 3261 §7.1).
    private mutating func parseRequestLine(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(MessageDefect) {
        var cursor = Cursor(base, from: start, to: end)
        let method = cursor.take(.token)
        guard !method.isEmpty, cursor.peek == 0x20 || cursor.peek == 0x09 else {
            throw MessageDefect(.notSIP, "The first line is not a SIP start line")
        }
        startLine.methodRange = method
        startLine.method = Method(base, method)
        var lineEnd = end
        while lineEnd > cursor.at, base[lineEnd &- 1] == 0x20 || base[lineEnd &- 1] == 0x09 { lineEnd &-= 1 }
        if lineEnd != end { note(MessageDefect(.startLine, "There is white space behind the version")) }
        var versionStart = lineEnd
        while versionStart > cursor.at, base[versionStart &- 1] != 0x20, base[versionStart &- 1] != 0x09 {
            versionStart &-= 1
        }
        let version = ByteRange(versionStart, lineEnd)
        guard version.count >= 5, equalIgnoringCase(base, ByteRange(start: versionStart, count: 4), "sip/") else {
            throw MessageDefect(.notSIP, "The first line does not end with a SIP version")
        }
        startLine.versionRange = version
        startLine.isVersion2 = equalIgnoringCase(base, version, "sip/2.0")
        if !startLine.isVersion2 { note(MessageDefect(.version, "The version is not SIP/2.0", status: 505)) }
        var uriStart = cursor.at &+ 1
        var uriEnd = versionStart &- 1
        while uriStart < uriEnd, base[uriStart] == 0x20 || base[uriStart] == 0x09 { uriStart &+= 1 }
        while uriEnd > uriStart, base[uriEnd &- 1] == 0x20 || base[uriEnd &- 1] == 0x09 { uriEnd &-= 1 }
        if uriStart != cursor.at &+ 1 || uriEnd != versionStart &- 1 {
            note(MessageDefect(.startLine, "The parts of the request line are separated by more than one space"))
        }
        guard uriEnd > uriStart else {
            throw MessageDefect(.notSIP, "The request line has no Request-URI")
        }
        startLine.uriRange = ByteRange(uriStart, uriEnd)
    }
}
