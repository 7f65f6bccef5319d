import NIOCore
import NIOWebSocket

/// Puts frames of a client together to messages, and says what its control frames want (RFC 6455 §5).
struct WebSocketReceiver {
    /// What a frame comes to.
    enum Action: Equatable {
        /// Nothing yet.
        case none
        /// A whole message.
        case message(ByteBuffer)
        /// An answer to a ping, with its data.
        case pong(ByteBuffer)
        /// The peer closes; the code to answer with.
        case answerClose(WebSocketErrorCode)
        /// The peer does what it must not: the code to close with.
        case fail(WebSocketErrorCode)
    }

    /// The most bytes of a message.
    let limit: Int
    /// The beginning of a message in fragments, and whether it is text.
    private var pending: (bytes: ByteBuffer, isText: Bool)?

    init(limit: Int) { self.limit = limit }

    /// Whether a message has begun and is not whole.
    var holdsFragments: Bool { pending != nil }

    /// Takes a frame.
    mutating func receive(_ frame: WebSocketReceivedFrame) -> Action {
        // Clients mask what they send, and nobody has agreed on extensions (§5.1, §5.2).
        guard frame.isMasked, !frame.hasReservedBits else { return .fail(.protocolError) }
        let data = frame.data
        switch frame.opcode {
        case .text, .binary:
            guard pending == nil else { return .fail(.protocolError) }
            guard data.readableBytes <= limit else { return .fail(.messageTooLarge) }
            guard frame.isLast else {
                pending = (data, frame.opcode == .text)
                return .none
            }
            return whole(data, isText: frame.opcode == .text)
        case .continuation:
            guard let (begun, isText) = pending else { return .fail(.protocolError) }
            pending = nil
            var bytes = begun
            guard data.readableBytes <= limit - bytes.readableBytes else { return .fail(.messageTooLarge) }
            bytes.writeImmutableBuffer(data)
            guard frame.isLast else {
                pending = (bytes, isText)
                return .none
            }
            return whole(bytes, isText: isText)
        case .ping: return .pong(data)
        case .pong: return .none
        case .connectionClose: return closing(data)
        default: return .fail(.protocolError)
        }
    }

    /// Text is UTF-8 (§8.1).
    private func whole(_ bytes: ByteBuffer, isText: Bool) -> Action {
        !isText || Self.isUTF8(bytes) ? .message(bytes) : .fail(.dataInconsistentWithMessage)
    }

    /// The code in a close frame, with what may stand there (§5.5.1, §7.4).
    private func closing(_ data: ByteBuffer) -> Action {
        var data = data
        guard data.readableBytes > 0 else { return .answerClose(.normalClosure) }
        guard let code = data.readInteger(as: UInt16.self), Self.mayBeSent(code), Self.isUTF8(data) else {
            return .fail(.protocolError)
        }
        return .answerClose(WebSocketErrorCode(codeNumber: Int(code)))
    }

    /// Whether a code may stand in a close frame: those that are defined for it, and those of others (§7.4.2).
    private static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1_000...1_003, 1_007...1_014, 3_000...4_999: true
        default: false
        }
    }

    /// Whether bytes are UTF-8.
    static func isUTF8(_ buffer: ByteBuffer) -> Bool { buffer.withUnsafeReadableBytes { isUTF8($0) } }

    /// Whether bytes are UTF-8; nearly always they are ASCII, which is looked for in words.
    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        var bits: UInt64 = 0
        while at + 8 <= bytes.count {
            bits |= bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            at += 8
        }
        while at < bytes.count {
            bits |= UInt64(bytes[at])
            at += 1
        }
        return bits & 0x8080_8080_8080_8080 == 0 || String(validating: bytes, as: UTF8.self) != nil
    }
}
