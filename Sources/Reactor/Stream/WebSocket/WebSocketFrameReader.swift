import NIOCore
import NIOWebSocket

/// A frame of a peer, without its mask.
struct WebSocketReceivedFrame {
    /// Whether it is the last of its message.
    var isLast: Bool
    /// Whether one of the bits is set that extensions use.
    var hasReservedBits: Bool
    /// Whether the peer had masked it, as clients must (RFC 6455 §5.1).
    var isMasked: Bool
    var opcode: WebSocketOpcode
    var data: ByteBuffer
}

/// A peer breaks the rules of frames.
struct WebSocketViolation: Error, Equatable {
    /// What it is told.
    let code: WebSocketErrorCode
}

/// Cuts what a peer sends into frames (RFC 6455 §5.2) and takes off their masks (§5.3).
struct WebSocketFrameReader {
    /// The most bytes of data in a frame.
    let limit: Int
    /// What has come and is not read yet.
    private var bytes = ByteBuffer()
    /// The memory of the last frame's data, for the next when nobody has kept it.
    private var spare = ByteBuffer()

    /// The most bytes of data in a frame of control (§5.5).
    private static let controlLimit = 125

    init(limit: Int) { self.limit = limit }

    /// Takes what has come.
    mutating func append(_ added: ByteBuffer) {
        if bytes.readableBytes == 0 { bytes = added } else { bytes.writeImmutableBuffer(added) }
    }

    /// Lets go of what was read, and of the memory that it came in.
    mutating func trim() {
        spare = ByteBuffer()
        guard bytes.readerIndex > 0 else { return }
        bytes = bytes.readableBytes == 0 ? ByteBuffer() : ByteBuffer(bytes: bytes.readableBytesView)
    }

    /// The next whole frame; nil when more bytes are needed for it.
    ///
    /// - Throws: what the peer is told, when it breaks the rules; the reader is not asked again then.
    mutating func next() throws(WebSocketViolation) -> WebSocketReceivedFrame? {
        guard let (headLength, length) = try measure(), bytes.readableBytes - headLength >= length else { return nil }
        var data = ByteBuffer()
        swap(&data, &spare)
        let frame = bytes.readWithUnsafeReadableBytes { raw in
            let isMasked = raw[1] & 0x80 != 0
            let mask = isMasked ? raw.loadUnaligned(fromByteOffset: headLength - 4, as: UInt32.self) : 0
            let source = UnsafeRawBufferPointer(rebasing: raw[headLength..<headLength + length])
            Self.unmask(source, mask, into: &data)
            let frame = WebSocketReceivedFrame(
                isLast: raw[0] & 0x80 != 0, hasReservedBits: raw[0] & 0x70 != 0, isMasked: isMasked,
                opcode: WebSocketOpcode(encodedWebSocketOpcode: raw[0] & 0x0F) ?? .continuation,
                data: data)
            return (headLength + length, frame)
        }
        spare = data
        return frame
    }

    /// Bytes of the head, and of the data behind it; nil when the head is not whole. Nothing is awaited that is too long.
    private func measure() throws(WebSocketViolation) -> (head: Int, data: Int)? {
        let start = bytes.readerIndex
        guard let first = bytes.getInteger(at: start, as: UInt8.self),
            let second = bytes.getInteger(at: start + 1, as: UInt8.self)
        else { return nil }
        let wide: UInt64
        var head = 2
        switch second & 0x7F {
        case 126:
            guard let length = bytes.getInteger(at: start + 2, as: UInt16.self) else { return nil }
            (wide, head) = (UInt64(length), 4)
        case 127:
            guard let length = bytes.getInteger(at: start + 2, as: UInt64.self) else { return nil }
            (wide, head) = (length, 10)
        case let length: wide = UInt64(length)
        }
        guard let length = Int(exactly: wide), length <= limit else { throw WebSocketViolation(code: .messageTooLarge) }
        // Frames of control are short and whole (§5.5).
        if first & 0x08 != 0, first & 0x80 == 0 || length > Self.controlLimit {
            throw WebSocketViolation(code: .protocolError)
        }
        if second & 0x80 != 0 { head += 4 }
        return bytes.readableBytes >= head ? (head, length) : nil
    }

    /// Copies data without its mask, whose first byte in memory is its first on the wire.
    private static func unmask(_ source: UnsafeRawBufferPointer, _ mask: UInt32, into buffer: inout ByteBuffer) {
        // Where somebody has kept the last frame this takes memory of its own.
        buffer.clear(minimumCapacity: source.count)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: source.count) { target in
            let wide = UInt64(mask) << 32 | UInt64(mask)
            var at = 0
            while at + 8 <= source.count {
                let word = source.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                target.storeBytes(of: word ^ wide, toByteOffset: at, as: UInt64.self)
                at += 8
            }
            while at < source.count {
                let shift = 8 * (UInt32(at) & 3)
                target[at] = source[at] ^ UInt8(truncatingIfNeeded: mask.littleEndian >> shift)
                at += 1
            }
            return source.count
        }
    }
}
