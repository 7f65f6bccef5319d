import Glibc
import Reactor
import Testing

/// Each read is a frame, as WebSocket keeps them apart.
struct MessageFramer: StreamFramer {
    private var message: [UInt8]?

    mutating func append(_ bytes: UnsafeRawBufferPointer) { message = Array(bytes) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        defer { message = nil }
        return message
    }

    var holdsPartialFrame: Bool { false }
}

/// A WebSocket client made of plain system calls, whose frames are written byte by byte as RFC 6455 §5.2 draws them.
final class RawWebSocket {
    /// A frame that has come.
    struct Frame: Equatable {
        var opcode: UInt8
        var isLast = true
        var bytes: [UInt8]

        static func text(_ text: String) -> Frame { Frame(opcode: 1, bytes: Array(text.utf8)) }
        static func binary(_ bytes: [UInt8]) -> Frame { Frame(opcode: 2, bytes: bytes) }
        static func pong(_ text: String) -> Frame { Frame(opcode: 10, bytes: Array(text.utf8)) }
        /// A close frame with its code.
        static func close(_ code: UInt16) -> Frame {
            Frame(opcode: 8, bytes: [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)])
        }
    }

    let raw: RawStream
    private var buffer: [UInt8] = []

    init(to address: TransportAddress, receiveBuffer: Int32 = 0) throws {
        raw = try RawStream(to: address, receiveBuffer: receiveBuffer)
    }

    /// The request of RFC 6455 §1.3, for the subprotocol `lines`, with other fields in place of some of it.
    static func request(_ changes: [String: String?] = [:], line: String = "GET /chat HTTP/1.1") -> String {
        var fields: [String: String] = [
            "Host": "server.example.com", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "lines",
            "Sec-WebSocket-Version": "13",
        ]
        for (name, value) in changes { fields[name] = value }
        return ([line] + fields.sorted { $0.key < $1.key }.map { "\($0): \($1)" } + ["", ""]).joined(separator: "\r\n")
    }

    /// Sends the request and returns the head of the answer.
    func open(_ changes: [String: String?] = [:]) -> String {
        send(Array(Self.request(changes).utf8))
        return head()
    }

    /// The head of an answer of HTTP.
    func head() -> String {
        while true {
            let text = String(decoding: buffer, as: UTF8.self)
            if let end = text.firstRange(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                buffer.removeFirst(head.utf8.count + 4)
                return head
            }
            guard read() else { return "" }
        }
    }

    private func read() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(raw.descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        buffer += chunk.prefix(count)
        return true
    }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(raw.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// The bytes of a frame with the mask `0x37fa213d`, which is that of RFC 6455 §5.7.
    static func frame(
        _ opcode: UInt8, _ bytes: [UInt8], isLast: Bool = true, isMasked: Bool = true, reserved: UInt8 = 0,
        length: Int? = nil
    ) -> [UInt8] {
        var frame: [UInt8] = [opcode | (isLast ? 0x80 : 0) | reserved]
        let mask: UInt8 = isMasked ? 0x80 : 0
        let length = length ?? bytes.count
        switch length {
        case ..<126: frame.append(mask | UInt8(length))
        case ..<65_536: frame += [mask | 126, UInt8(length >> 8), UInt8(truncatingIfNeeded: length)]
        default: frame += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * $0)) }
        }
        guard isMasked else { return frame + bytes }
        let key: [UInt8] = [0x37, 0xfa, 0x21, 0x3d]
        return frame + key + bytes.enumerated().map { $1 ^ key[$0 % 4] }
    }

    func send(text: String) { send(Self.frame(1, Array(text.utf8))) }

    /// The next frame; nil when the connection has ended.
    func next() -> Frame? {
        while true {
            if let (frame, length) = Self.parse(buffer) {
                buffer.removeFirst(length)
                return frame
            }
            guard read() else { return nil }
        }
    }

    /// A frame without mask, as servers send them.
    private static func parse(_ bytes: [UInt8]) -> (Frame, Int)? {
        guard bytes.count >= 2 else { return nil }
        var (at, length) = (2, Int(bytes[1]))
        if length >= 126 {
            let size = length == 126 ? 2 : 8
            guard bytes.count >= 2 + size else { return nil }
            length = bytes[2..<2 + size].reduce(0) { $0 << 8 | Int($1) }
            at += size
        }
        guard bytes.count >= at + length else { return nil }
        let frame = Frame(
            opcode: bytes[0] & 15, isLast: bytes[0] & 0x80 != 0, bytes: Array(bytes[at..<at + length]))
        return (frame, at + length)
    }
}

extension StreamThreads {
    /// Listens for WebSockets.
    func listen(
        _ handler: StreamRecorder, webSocket: WebSocketContext, security: TLSContext? = nil,
        _ configuration: StreamConfiguration = StreamConfiguration(), family: TransportAddress.Family = .ipv4
    ) async throws -> TransportAddress {
        try await StreamListener.bind(
            .loopback(family), on: self, configuration, tag: 3, security: security, webSocket: webSocket,
            framer: { MessageFramer() }, handler: handler
        ).localAddress
    }
}
