import Reactor

/// The `c=` line of a description that is not parsed otherwise (RFC 8866 §5.7).
///
/// It is read where it stands, and nothing is allocated: what it is for is asked of each call.
enum ConnectionLine {
    /// Where the first stream in use is to be sent: by its own line, or that of the session.
    ///
    /// - Parameter body: a session description.
    /// - Returns: the address with port 0; nil when there is no such stream, it names none, or a host name.
    static func ofFirstStream(in body: UnsafeRawBufferPointer) -> TransportAddress? {
        var session: TransportAddress?
        var isInStreams = false
        var isInUse = false
        var lines = DescriptionLines(body)
        while let line = lines.next() {
            switch line[0] {
            case UInt8(ascii: "m"):
                // It had no line of its own.
                if isInUse { return session }
                isInStreams = true
                isInUse = hasPort(line)
            case UInt8(ascii: "c") where isInUse: return address(line)
            case UInt8(ascii: "c") where !isInStreams && session == nil: session = address(line)
            default: break
            }
        }
        return isInUse ? session : nil
    }

    /// Whether an `m=` line has a port other than 0 (RFC 3264 §6): `m=audio 49170/2 RTP/AVP 0`.
    private static func hasPort(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let port = word(1, of: line) else { return false }
        var place = 0
        while place < port.count, port[place] == UInt8(ascii: "0") { place += 1 }
        return place < port.count
    }

    /// The address of a `c=` line: `c=IN IP4 192.0.2.1/127`.
    private static func address(_ line: UnsafeRawBufferPointer) -> TransportAddress? {
        word(2, of: line).flatMap { TransportAddress(host: $0, port: 0) }
    }

    /// A word of a line, counted from 0, without what is behind a slash; nil when nothing is before that.
    private static func word(_ number: Int, of line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var (start, spaces) = (0, 0)
        while spaces < number {
            guard start < line.count else { return nil }
            if line[start] == 0x20 { spaces += 1 }
            start += 1
        }
        var end = start
        while end < line.count, line[end] != 0x20, line[end] != UInt8(ascii: "/") { end += 1 }
        return end > start ? UnsafeRawBufferPointer(rebasing: line[start..<end]) : nil
    }
}
