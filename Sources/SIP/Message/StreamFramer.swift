#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Cuts a byte stream into messages by Content-Length (RFC 3261 §18.3, §20.14) and finds the keep-alives between them
/// (RFC 5626 §3.5.1).
public struct StreamFramer: Sendable {
    /// What was found in the stream.
    public enum Frame: Hashable, Sendable {
        /// One message, from its start line to the end of its body.
        case message([UInt8])
        /// A double CRLF, to be answered by a single one (RFC 5626 §4.4.1).
        case ping
        /// A single CRLF that answers a ping, on a connection where pings are sent (RFC 5626 §4.4.1).
        case pong
    }

    private let limits: MessageLimits
    /// Whether line ends that stand alone answer pings of this side.
    private let takesPongs: Bool
    private var buffer: [UInt8] = []
    private var start = 0
    /// Up to where the end of the head was looked for, so that a slow sender is not searched again and again.
    private var searched = 0
    /// Length of the message under way once its head is there.
    private var expected: Int?

    /// A framer of a stream that begins.
    ///
    /// - Parameter takesPongs: whether this side sends pings: then a CRLF alone is their answer, and no half of a ping.
    public init(limits: MessageLimits = MessageLimits(), takesPongs: Bool = false) {
        self.limits = limits
        self.takesPongs = takesPongs
    }

    /// Bytes that wait for the rest of their message.
    public var pendingByteCount: Int { buffer.count - start }

    /// Whether a message has begun and is not whole. Line ends alone begin none, however long they wait: they are the
    /// keep-alives of phones that send them one by one.
    public var holdsPartialMessage: Bool {
        start < buffer.count && buffer[start] != 0x0D && buffer[start] != 0x0A
    }

    /// Adds what was read.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0, start == buffer.count || start > 65_536 {
            buffer.removeSubrange(0..<start)
            searched = max(0, searched - start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// Adds what was read.
    public mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// The next frame; nil when more bytes are needed.
    ///
    /// - Throws: `MessageDefect` when the stream cannot be followed any more: no Content-Length, or a limit passed. The
    ///   head of the message, as far as it came, is in `rejectedHead`, to be answered before the connection is closed.
    public mutating func next() throws(MessageDefect) -> Frame? {
        if let expected { return takeMessage(expected) }
        if takesPongs, takePong() { return .pong }
        if skipLineEnds() { return .ping }
        // Line ends alone may be the start of a ping: they are no head yet.
        guard start < buffer.count, buffer[start] != 0x0D, buffer[start] != 0x0A else { return nil }
        // A start line begins with a method or with "SIP": what begins with anything else, such as the handshake of TLS, is not
        // waited for.
        guard buffer[start] > 0x20, buffer[start] < 0x7F else {
            throw MessageDefect(.notSIP, "The stream does not carry SIP")
        }
        guard let (headLength, declared) = findHead() else {
            if buffer.count - start > limits.headSize {
                throw MessageDefect(.tooLarge, "The header fields are longer than allowed", status: 513)
            }
            return nil
        }
        guard headLength <= limits.headSize else {
            throw MessageDefect(.tooLarge, "The header fields are longer than allowed", status: 513)
        }
        // `??` would have to take what may throw as a closure.
        let length = if let declared { headLength + declared } else { headLength + (try bodyLength(headLength)) }
        guard length <= limits.messageSize else {
            throw MessageDefect(.tooLarge, "The message is larger than allowed", status: 513)
        }
        expected = length
        return takeMessage(length)
    }

    /// The head of the message that `next` refused, whole or as far as it came.
    public var rejectedHead: [UInt8] { Array(buffer[start..<min(buffer.count, start + limits.headSize)]) }

    private mutating func takeMessage(_ length: Int) -> Frame? {
        guard buffer.count - start >= length else { return nil }
        let from = start
        let message = buffer.withUnsafeBytes { all in
            [UInt8](unsafeUninitializedCapacity: length) { copy, count in
                UnsafeMutableRawBufferPointer(copy).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: all[from..<from + length]))
                count = length
            }
        }
        start += length
        expected = nil
        // A phone is silent for minutes: what its last message took is not kept for the next.
        if start == buffer.count {
            buffer = []
            start = 0
        }
        searched = start
        return .message(message)
    }

    /// Takes a CRLF that no other one follows; true when there was one.
    private mutating func takePong() -> Bool {
        let next = start + 2
        guard next <= buffer.count, buffer[start] == 0x0D, buffer[start + 1] == 0x0A,
            next == buffer.count || buffer[next] != 0x0D && buffer[next] != 0x0A
        else { return false }
        start = next
        searched = max(searched, next)
        return true
    }

    /// Skips line ends before a start line; true when they were a ping.
    private mutating func skipLineEnds() -> Bool {
        var at = start
        while at < buffer.count, buffer[at] == 0x0D || buffer[at] == 0x0A {
            at += 1
            if at - start == 4 {
                start = at
                searched = at
                return true
            }
        }
        // Fewer than four bytes may be the start of a ping: wait, unless a message follows.
        if at < buffer.count {
            start = at
            searched = max(searched, at)
        }
        return false
    }

    /// The length of the head with its blank line, and that of the body where the head is of the usual form, so that no index has
    /// to be made to know it.
    private mutating func findHead() -> (length: Int, body: Int?)? {
        let from = start
        let begin = max(from, searched)
        let fieldLimit = limits.headerFieldCount
        let found = buffer.withUnsafeBytes { (all) -> (length: Int, body: Int?)? in
            guard let base = all.baseAddress else { return nil }
            var scan = LengthScan(base + from, all.count - from, isWhole: begin == from)
            var at = begin
            while at < all.count, let found = memchr(base + at, 0x0A, all.count - at) {
                at = UnsafeRawPointer(found) - base
                if at > from, all[at - 1] == 0x0A { return (at + 1 - from, scan.length(atMost: fieldLimit)) }
                if at > from + 1, all[at - 1] == 0x0D, all[at - 2] == 0x0A {
                    return (at + 1 - from, scan.length(atMost: fieldLimit))
                }
                at += 1
                scan.lineBegins(at: at - from)
            }
            return nil
        }
        if let found { return found }
        // A line end may be cut in two: look again at the last two bytes.
        searched = max(start, buffer.count - 2)
        return nil
    }

    private func bodyLength(_ headLength: Int) throws(MessageDefect) -> Int {
        var index = MessageIndex(capacity: 32)
        let limits = self.limits
        let start = self.start
        return try buffer.withUnsafeBufferPointer { (all) throws(MessageDefect) -> Int in
            let raw = UnsafeRawBufferPointer(all)
            let head = UnsafeRawBufferPointer(rebasing: raw[start..<start + headLength])
            try index.parse(head, limits: limits, framing: .stream)
            let view = index.view(of: head)
            guard view.fieldCount(of: .contentLength) <= 1 else {
                throw MessageDefect(.repeatedHeader, "There is more than one Content-Length", header: .contentLength)
            }
            guard let length = try view.contentLength else {
                throw MessageDefect(
                    .missingHeader, "On a stream Content-Length is mandatory", header: .contentLength)
            }
            return length
        }
    }
}

/// Finds the length of a body while the lines of a head are counted, where the head is as nearly all are: its start line is of SIP/2.0
/// and plainly so, and one Content-Length stands in it as a number on a line of its own. Where anything is otherwise it knows nothing,
/// and the index says what is wrong.
private struct LengthScan {
    private let bytes: UnsafePointer<UInt8>
    private let count: Int
    private var isUsual: Bool
    private var lines = 0
    private var found: Int?

    /// - Parameters:
    ///   - bytes: `count` bytes: a head from its first byte; what follows it may be there.
    ///   - isWhole: whether the lines are counted from the first.
    init(_ bytes: UnsafeRawPointer, _ count: Int, isWhole: Bool) {
        self.bytes = bytes.assumingMemoryBound(to: UInt8.self)
        self.count = count
        isUsual = isWhole
    }

    /// A line behind the start line begins.
    mutating func lineBegins(at start: Int) {
        guard isUsual else { return }
        lines &+= 1
        if lines == 1, !isUsualStartLine(start) {
            isUsual = false
            return
        }
        guard start < count else { return }
        switch bytes[start] | 0x20 {
        case UInt8(ascii: "c"): if let colon = colon(behind: "content-length", at: start) { note(from: colon) }
        case UInt8(ascii: "l"): if let colon = colon(behind: "l", at: start) { note(from: colon) }
        default: break
        }
    }

    /// The length that the head declares; nil when the head is not the usual.
    func length(atMost fieldLimit: Int) -> Int? { isUsual && lines <= fieldLimit ? found : nil }

    /// Where the colon or space behind a name is; nil when another name stands here.
    private func colon(behind name: StaticString, at start: Int) -> Int? {
        let end = start + name.utf8CodeUnitCount
        guard end < count else { return nil }
        for index in start..<end where bytes[index].lowercased != name.utf8Start[index - start] { return nil }
        return bytes[end] == UInt8(ascii: ":") || bytes[end].isLinearWhitespace ? end : nil
    }

    /// Reads the number behind the colon.
    private mutating func note(from colon: Int) {
        isUsual = false
        guard found == nil, bytes[colon] == UInt8(ascii: ":") else { return }
        var at = colon + 1
        while at < count, bytes[at] == 0x20 { at += 1 }
        let first = at
        var value = 0
        while at < count, at - first < 9, let digit = bytes[at].digit {
            value = value * 10 + digit
            at += 1
        }
        // A line that goes on would have the line feed of this one inside its value.
        guard at > first, at + 2 < count, bytes[at] == 0x0D, bytes[at + 1] == 0x0A,
            bytes[at + 2] != 0x20, bytes[at + 2] != 0x09
        else { return }
        found = value
        isUsual = true
    }

    /// Whether the first line, up to `end`, is a status line of SIP/2.0, or a token, a space, what begins with no space, and
    /// the version behind one space.
    private func isUsualStartLine(_ end: Int) -> Bool {
        let version: StaticString = " SIP/2.0\r\n"
        let versionStart = end - version.utf8CodeUnitCount
        guard versionStart > 0 else { return false }
        if memcmp(bytes, version.utf8Start + 1, 7) == 0 { return bytes[7] == 0x20 }
        guard memcmp(bytes + versionStart, version.utf8Start, version.utf8CodeUnitCount) == 0 else { return false }
        var at = 0
        while ByteSet.token.contains(bytes[at]) { at += 1 }
        return at > 0 && bytes[at] == 0x20 && at + 1 < versionStart && bytes[at + 1] > 0x20
    }
}

extension UInt8 {
    fileprivate var digit: Int? { self >= 0x30 && self <= 0x39 ? Int(self) - 0x30 : nil }
}
