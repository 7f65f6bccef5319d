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
    }

    private let limits: MessageLimits
    private var buffer: [UInt8] = []
    private var start = 0
    /// Up to where the end of the head was looked for, so that a slow sender is not searched again and again.
    private var searched = 0
    /// Length of the message under way once its head is there.
    private var expected: Int?

    public init(limits: MessageLimits = MessageLimits()) { self.limits = limits }

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
        if skipLineEnds() { return .ping }
        // Line ends alone may be the start of a ping: they are no head yet.
        guard start < buffer.count, buffer[start] != 0x0D, buffer[start] != 0x0A else { return nil }
        // A start line begins with a method or with "SIP": what begins with anything else, such as the handshake of TLS, is not
        // waited for.
        guard buffer[start] > 0x20, buffer[start] < 0x7F else {
            throw MessageDefect(.notSIP, "The stream does not carry SIP")
        }
        guard let headLength = findHead() else {
            if buffer.count - start > limits.headSize {
                throw MessageDefect(.tooLarge, "The header fields are longer than allowed", status: 513)
            }
            return nil
        }
        guard headLength <= limits.headSize else {
            throw MessageDefect(.tooLarge, "The header fields are longer than allowed", status: 513)
        }
        let length = headLength + (try bodyLength(headLength))
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
        let message = Array(buffer[start..<start + length])
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

    /// The length of the head with its blank line.
    private mutating func findHead() -> Int? {
        let from = start
        let length = buffer.withUnsafeBytes { (all) -> Int? in
            guard let base = all.baseAddress else { return nil }
            var at = max(from, searched)
            while at < all.count, let found = memchr(base + at, 0x0A, all.count - at) {
                at = UnsafeRawPointer(found) - base
                if at > from, all[at - 1] == 0x0A { return at + 1 - from }
                if at > from + 1, all[at - 1] == 0x0D, all[at - 2] == 0x0A { return at + 1 - from }
                at += 1
            }
            return nil
        }
        if let length { return length }
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
