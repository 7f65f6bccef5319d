import NIOCore
import NIOWebSocket

/// What stands in front of the data of a whole frame from us, who do not mask as a server (RFC 6455 §5.2).
struct WebSocketFrameHead {
    /// Most bytes that it takes.
    static let limit = 10

    let opcode: WebSocketOpcode
    /// Bytes of data.
    let count: Int

    init(_ opcode: WebSocketOpcode, count: Int) {
        self.opcode = opcode
        self.count = count
    }

    /// The head of a message: text where it can be, since programs in browsers like it; else binary (RFC 7118 §4.2).
    init(ofMessage bytes: UnsafeRawBufferPointer) {
        self.init(WebSocketReceiver.isUTF8(bytes) ? .text : .binary, count: bytes.count)
    }

    /// Writes the head: the frame is the last of its message, and has the shortest form of its length.
    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        if count < 126 {
            buffer.writeInteger(UInt8(count))
        } else if let short = UInt16(exactly: count) {
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(short)
        } else {
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(count))
        }
    }

    /// A frame of control.
    static func frame(_ opcode: WebSocketOpcode, _ data: ByteBuffer) -> ByteBuffer {
        var frame = ByteBufferAllocator().buffer(capacity: limit + data.readableBytes)
        WebSocketFrameHead(opcode, count: data.readableBytes).write(into: &frame)
        frame.writeImmutableBuffer(data)
        return frame
    }
}
