#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// Indexing is one pass: line ends are found by `memchr`, header names by a hash of their words. Nothing is typed.
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
        let lineFeed = Self.lineFeed(base, at, end)
        guard lineFeed < end else { throw MessageDefect(.notSIP, "There is no start line") }
        if lineFeed &- at > limits.startLineSize {
            note(MessageDefect(.tooLarge, "The start line is longer than allowed", status: 414))
        }
        try parseStartLine(base, at, Self.trimCarriageReturn(base, at, lineFeed))
        try parseFields(base, from: lineFeed &+ 1, end: end, limits: limits)
        parseBody(base, end: end, framing: framing)
    }

    /// Indexes the header fields; what is usual is done in this loop, what is not in the functions below it.
    private mutating func parseFields(
        _ base: UnsafePointer<UInt8>, from first: Int, end: Int, limits: MessageLimits
    ) throws(MessageDefect) {
        let names = HeaderNameTable.shared
        let sizeLimit = limits.headerFieldSize
        var room = min(capacity, limits.headerFieldCount)
        var output = fields
        var number = 0
        var at = first
        while true {
            // A blank line starts with a control character, a header name never does.
            if at >= end || base[at] <= 0x0D, finishHead(base, at, end) { break }
            // The line's end is looked for from its start and not from the colon: the two searches then run side by side.
            let lineFeed = Self.lineFeed(base, at, end)
            var name = FieldName(base, at, end, names)
            if name.name == .other, !name.isUnregistered(base, at) {
                at = skipLine(base, at, end)
                continue
            }
            if number == room {
                count = number
                if number == limits.headerFieldCount { return noteTooManyFields(at, end) }
                grow()
                room = min(capacity, limits.headerFieldCount)
                output = fields
            }
            var line = FieldLine(base, name.colon &+ 1, lineFeed, end)
            if line.isUnusual { line.unfold(base, name.colon &+ 1, end) }
            if line.next &- at > sizeLimit {
                note(MessageDefect(.tooLarge, "A header field is longer than allowed", header: name.name))
            }
            output[number] = HeaderField(
                nameStart: UInt32(truncatingIfNeeded: at), valueStart: UInt32(truncatingIfNeeded: line.valueStart),
                valueCount: UInt32(truncatingIfNeeded: line.valueEnd &- line.valueStart),
                nameCount: UInt16(truncatingIfNeeded: name.length), name: name.name, isFolded: line.isFolded)
            number &+= 1
            at = line.next
        }
        count = number
    }

    /// The offset of the next line feed, or `end`.
    @inline(__always)
    static func lineFeed(_ base: UnsafePointer<UInt8>, _ from: Int, _ end: Int) -> Int {
        guard let found = memchr(base + from, 0x0A, end &- from) else { return end }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    @inline(__always)
    private static func trimCarriageReturn(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        end > start && base[end &- 1] == 0x0D ? end &- 1 : end
    }

    /// Ends the head at a blank line or where the bytes end; false when a header line starts here.
    ///
    /// Bytes that end with a whole header line lack nothing but the blank line, as some of the messages that RFC 4475 and
    /// RFC 5118 print in their archives do; that is forgiven, and Content-Length tells whether a body was cut off.
    @inline(never)
    private mutating func finishHead(_ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int) -> Bool {
        if at >= end {
            if base[end &- 1] != 0x0A {
                note(MessageDefect(.incomplete, "The message ends within its header fields"))
            }
            headersEnd = end
            body = ByteRange(end, end)
            return true
        }
        let isReturn = base[at] == 0x0D && at &+ 1 < end && base[at &+ 1] == 0x0A
        guard isReturn || base[at] == 0x0A else { return false }
        headersEnd = at
        body = ByteRange(isReturn ? at &+ 2 : at &+ 1, end)
        return true
    }

    /// Skips a line that is no header field.
    @inline(never)
    private mutating func skipLine(_ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int) -> Int {
        note(MessageDefect(.headerLine, "A header line does not start with a name and a colon"))
        return min(end, Self.lineFeed(base, at, end) &+ 1)
    }

    @inline(never)
    private mutating func noteTooManyFields(_ at: Int, _ end: Int) {
        note(MessageDefect(.tooLarge, "There are more header fields than allowed"))
        headersEnd = at
        body = ByteRange(end, end)
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
        if end &- start >= 8, Self.isProtocol(base, start) {
            parseStatusLine(base, start, end)
        } else {
            try parseRequestLine(base, start, end)
        }
    }

    /// Whether "SIP/" starts here, in any case; four bytes must be readable.
    @inline(__always)
    private static func isProtocol(_ base: UnsafePointer<UInt8>, _ at: Int) -> Bool {
        base.smallWord(at: at) == 0x2F70_6973 && base[at &+ 3] == 0x2F
    }

    /// Whether a version that starts with "SIP/" is SIP/2.0.
    @inline(__always)
    private static func isVersion2(_ base: UnsafePointer<UInt8>, _ range: ByteRange) -> Bool {
        let digits = base + range.lowerBound
        return range.count == 7 && digits[4] == 0x32 && digits[5] == 0x2E && digits[6] == 0x30
    }

    /// `Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF` (RFC 3261 §7.2).
    private mutating func parseStatusLine(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) {
        var cursor = Cursor(base, from: start, to: end)
        while !cursor.isAtEnd, cursor.peek != 0x20 { cursor.at &+= 1 }
        startLine.versionRange = ByteRange(start, cursor.at)
        startLine.isVersion2 = Self.isVersion2(base, startLine.versionRange)
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
        let method = cursor.take(run: .token)
        guard !method.isEmpty, cursor.peek == 0x20 || cursor.peek == 0x09 else {
            throw MessageDefect(.notSIP, "The first line is not a SIP start line")
        }
        startLine.methodRange = method
        startLine.method = Method(base, method)
        var lineEnd = end
        var versionStart = end &- 7
        if versionStart <= cursor.at || base[versionStart] & 0x5F != UInt8(ascii: "S")
            || base[versionStart &- 1] != 0x20
        {
            while lineEnd > cursor.at, base[lineEnd &- 1] == 0x20 || base[lineEnd &- 1] == 0x09 { lineEnd &-= 1 }
            if lineEnd != end { note(MessageDefect(.startLine, "There is white space behind the version")) }
            versionStart = lineEnd
            while versionStart > cursor.at, base[versionStart &- 1] != 0x20, base[versionStart &- 1] != 0x09 {
                versionStart &-= 1
            }
        }
        let version = ByteRange(versionStart, lineEnd)
        guard version.count >= 5, Self.isProtocol(base, versionStart) else {
            throw MessageDefect(.notSIP, "The first line does not end with a SIP version")
        }
        startLine.versionRange = version
        startLine.isVersion2 = Self.isVersion2(base, version)
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
