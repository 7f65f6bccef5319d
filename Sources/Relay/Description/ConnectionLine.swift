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
        for line in DescriptionLines(body) {
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
        guard let ports = word(1, of: line) else { return false }
        return ports.prefix { $0 != UInt8(ascii: "/") }.contains { $0 != UInt8(ascii: "0") }
    }

    /// The address of a `c=` line: `c=IN IP4 192.0.2.1/127`.
    private static func address(_ line: UnsafeRawBufferPointer) -> TransportAddress? {
        guard let text = word(2, of: line) else { return nil }
        let host = UnsafeRawBufferPointer(rebasing: text.prefix { $0 != UInt8(ascii: "/") })
        return TransportAddress(host: host, port: 0)
    }

    /// A word of a line, counted from 0.
    private static func word(_ number: Int, of line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
        var rest = line[...]
        for _ in 0..<number {
            guard let space = rest.firstIndex(of: 0x20) else { return nil }
            rest = rest[(space + 1)...]
        }
        let word = rest.prefix { $0 != 0x20 }
        return word.isEmpty ? nil : word
    }
}
