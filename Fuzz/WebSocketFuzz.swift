// targets: SIP
// sources: Sources/Reactor/Stream/WebSocket/WebSocketReceiver.swift Sources/Reactor/Stream/WebSocket/WebSocketFrameReader.swift
// packages: NIOCore NIOEmbedded NIOWebSocket

import NIOCore
import NIOEmbedded
import NIOWebSocket

/// What was made of a stream of bytes.
private struct Outcome: Equatable {
    static let limit = 1_024

    /// Whole messages, one after another.
    var messages: [[UInt8]] = []
    var pongs = 0
    private var receiver = WebSocketReceiver(limit: limit)
    private(set) var isOver = false
    /// The bytes of all data frames since the last whole message.
    private var collected: [UInt8] = []

    static func == (left: Self, right: Self) -> Bool { left.messages == right.messages && left.pongs == right.pongs }

    mutating func take(_ frame: WebSocketReceivedFrame) {
        guard !isOver else { return }
        let isData = frame.opcode == .text || frame.opcode == .binary || frame.opcode == .continuation
        if isData { collected += Array(buffer: frame.data) }
        switch receiver.receive(frame) {
        case .none: check(frame.opcode == .pong || !frame.isLast, "a whole message was swallowed")
        case .message(let bytes):
            check(frame.isLast && isData, "a message ends without its last frame")
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

    mutating func fail() { isOver = true }
}

/// Has the frames cut by NIO, whose decoder must find the same.
private final class Judge: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    var outcome = Outcome()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        outcome.take(
            WebSocketReceivedFrame(
                isLast: frame.fin, hasReservedBits: !frame.reservedBits.isEmpty, isMasked: frame.maskKey != nil,
                opcode: frame.opcode, data: frame.unmaskedData))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        check(error is NIOWebSocketError, "\(error)")
        outcome.fail()
    }
}

/// Reads the bytes as what a client sends after the handshake: whole, in pieces, and by the decoder of NIO. libFuzzer calls it;
/// what it finds is a trap or a failed check.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWebSocket(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    // The first byte says how long the pieces are.
    guard let first = bytes.first else { return 0 }
    let whole = read(bytes.dropFirst(), piece: bytes.count)
    let pieces = read(bytes.dropFirst(), piece: 1 + Int(first & 15))
    check(whole == pieces && whole.isOver == pieces.isOver, "what is read depends on how it comes")
    check(whole == judged(bytes.dropFirst()), "another decoder reads something else")
    return 0
}

private func read(_ bytes: ArraySlice<UInt8>, piece: Int) -> Outcome {
    var outcome = Outcome()
    var reader = WebSocketFrameReader(limit: Outcome.limit)
    var rest = bytes
    while !rest.isEmpty, !outcome.isOver {
        reader.append(ByteBuffer(bytes: rest.prefix(piece)))
        rest = rest.dropFirst(piece)
        do throws(WebSocketViolation) {
            while !outcome.isOver, let frame = try reader.next() { outcome.take(frame) }
        } catch {
            outcome.fail()
        }
        reader.trim()
    }
    return outcome
}

private func judged(_ bytes: ArraySlice<UInt8>) -> Outcome {
    let judge = Judge()
    let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: Outcome.limit))
    let channel = EmbeddedChannel(handlers: [decoder, judge])
    // A failed read has been told to the judge too.
    _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
    _ = try? channel.finish()
    return judge.outcome
}
