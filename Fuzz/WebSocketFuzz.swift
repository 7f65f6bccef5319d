// targets: SIP
// sources: Sources/Reactor/Stream/WebSocket/WebSocketReceiver.swift
// packages: NIOCore NIOEmbedded NIOWebSocket

import NIOCore
import NIOEmbedded
import NIOWebSocket

/// Hands the frames that NIO's decoder finds to our receiver, as the handler of a connection does.
private final class Reading: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    static let limit = 1_024

    var receiver = WebSocketReceiver(limit: limit)
    /// Whole messages, one after another.
    var messages: [[UInt8]] = []
    var pongs = 0
    var isOver = false
    /// The bytes of all data frames since the last whole message.
    private var collected: [UInt8] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        let frame = unwrapInboundIn(data)
        let isData = frame.opcode == .text || frame.opcode == .binary || frame.opcode == .continuation
        if isData { collected += Array(buffer: frame.unmaskedData) }
        switch receiver.receive(frame) {
        case .none: check(frame.opcode == .pong || !frame.fin, "a whole message was swallowed")
        case .message(let bytes):
            check(frame.fin && isData, "a message ends without its last frame")
            check(Array(buffer: bytes) == collected, "a message is not what its frames hold")
            check(bytes.readableBytes <= Self.limit, "a message is longer than is allowed")
            check(!receiver.holdsFragments, "something is left of a whole message")
            messages.append(collected)
            collected = []
        case .pong(let bytes):
            check(frame.opcode == .ping && bytes.readableBytes <= 125, "what was no ping is answered")
            pongs += 1
        case .answerClose:
            check(frame.opcode == .connectionClose, "what was no farewell is answered")
            isOver = true
        case .fail: isOver = true
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        check(error is NIOWebSocketError, "\(error)")
        isOver = true
    }
}

/// Reads the bytes as what a client sends after the handshake, whole and in pieces. libFuzzer calls it; what it finds is a trap
/// or a failed check.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWebSocket(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    // The first byte says how long the pieces are.
    guard let first = bytes.first else { return 0 }
    let whole = read(bytes.dropFirst(), piece: bytes.count)
    let pieces = read(bytes.dropFirst(), piece: 1 + Int(first & 15))
    check(whole.messages == pieces.messages, "messages depend on how they come")
    check(whole.pongs == pieces.pongs, "answers depend on how frames come")
    check(whole.isOver == pieces.isOver, "the end depends on how frames come")
    return 0
}

private func read(_ bytes: ArraySlice<UInt8>, piece: Int) -> Reading {
    let reading = Reading()
    let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: Reading.limit))
    let channel = EmbeddedChannel(handlers: [decoder, reading])
    var rest = bytes
    while !rest.isEmpty, !reading.isOver {
        // A failed read has been told to the handler too.
        _ = try? channel.writeInbound(ByteBuffer(bytes: rest.prefix(piece)))
        rest = rest.dropFirst(piece)
    }
    _ = try? channel.finish()
    return reading
}

private func check(_ condition: Bool, _ message: @autoclosure () -> String) {
    // A trap is how libFuzzer is told that a check has failed; this is part of no other program.
    if !condition { fatalError(message()) }
}
