import Reactor
import SIP

/// Cuts a stream of TCP or TLS into messages.
struct LoadStreamFramer: Reactor.StreamFramer {
    private var framer = SIP.StreamFramer()

    /// The keep-alive of a peer, and our answer (RFC 5626 §4.4.1).
    static let ping: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
    static let pong: [UInt8] = [0x0D, 0x0A]

    mutating func append(_ bytes: UnsafeRawBufferPointer) { framer.append(bytes) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        do throws(MessageDefect) {
            switch try framer.next() {
            case .message(let bytes): return bytes
            case .ping: return Self.ping
            case .pong: return Self.pong
            case nil: return nil
            }
        } catch {
            throw StreamFramingError("\(error)")
        }
    }

    var holdsPartialFrame: Bool { framer.holdsPartialMessage }
}

/// Cuts what a WebSocket server sends into messages (RFC 6455, as a client).
///
/// The first frame that it gives is the head of the answer to the handshake. After that each is a message, or, told by a first byte
/// over 0x7F, which no message of SIP has, the control frame that answers one of the server's and is to be sent as it is.
struct LoadWebSocketFramer: Reactor.StreamFramer {
    private var buffer: [UInt8] = []
    private var start = 0
    private var isOpen = false
    /// The beginning of a message in fragments.
    private var fragments: [UInt8] = []

    /// The most bytes of the answer to the handshake, and of a message.
    static let limit = 65_536

    /// Bits and codes of a frame's head (RFC 6455 §5.2).
    static let final: UInt8 = 0x80
    static let text: UInt8 = 0x81
    static let close: UInt8 = 0x88
    private static let ping: UInt8 = 0x89
    static let pong: UInt8 = 0x8A
    private static let masked: UInt8 = 0x80

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    var holdsPartialFrame: Bool { start < buffer.count || !fragments.isEmpty }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        guard isOpen else { return try head() }
        while let (first, payload) = try frame() {
            switch first {
            case Self.ping: return Self.head(Self.pong, payload.count) + payload
            case Self.close: return Self.head(Self.close, payload.count) + payload
            case Self.pong: continue
            default: break
            }
            guard fragments.count + payload.count <= Self.limit else { throw StreamFramingError("message too long") }
            if first & Self.final == 0 || !fragments.isEmpty {
                fragments += payload
                guard first & Self.final != 0 else { continue }
                defer { fragments = [] }
                return fragments
            }
            // Line ends alone answer a keep-alive, or are one: nothing that is measured.
            if payload.count > Self.longestKeepAlive { return Array(payload) }
        }
        return nil
    }

    /// The double CRLF of RFC 5626 §4.4.1.
    private static let longestKeepAlive = 4

    /// The head of the answer to the handshake, which ends with an empty line.
    private mutating func head() throws(StreamFramingError) -> [UInt8]? {
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard buffer.count <= Self.limit else { throw StreamFramingError("no answer to the handshake of WebSocket") }
        guard let length = buffer.indices.first(where: { buffer[$0...].starts(with: end) }) else { return nil }
        isOpen = true
        start = length + end.count
        return Array(buffer[..<start])
    }

    /// The next frame's first byte and its payload; a server does not mask (§5.1).
    private mutating func frame() throws(StreamFramingError) -> (UInt8, ArraySlice<UInt8>)? {
        let bytes = buffer[start...]
        guard bytes.count >= 2 else { return nil }
        let first = bytes[start]
        var length = Int(bytes[start + 1])
        var headLength = 2
        guard length & Int(Self.masked) == 0, length < 127 else { throw StreamFramingError("no frame of a server") }
        if length == 126 {
            headLength = 4
            guard bytes.count >= headLength else { return nil }
            length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
        }
        guard bytes.count >= headLength + length else { return nil }
        let payload = bytes[(start + headLength)..<(start + headLength + length)]
        start += headLength + length
        return (first, payload)
    }

    /// The head of a frame of ours. Its masking key is zero, which leaves the message as it is: masks protect proxies from pages in
    /// browsers (§10.3), and there is none here.
    static func head(_ first: UInt8, _ length: Int) -> [UInt8] {
        let key: [UInt8] = [0, 0, 0, 0]
        guard length > 125 else { return [first, masked | UInt8(length)] + key }
        return [first, masked | 126, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)] + key
    }
}
