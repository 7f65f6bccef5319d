import NIOCore
import NIOWebSocket

/// Between the bytes of WebSocket and the messages of the owner: each message in is one read. Messages out come in their
/// frames (`StreamConnection`), and only the frames of control are made here.
final class WebSocketMessageHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: StreamConnection
    private let pingInterval: Duration
    @exclusivity(unchecked) private var reader: WebSocketFrameReader
    @exclusivity(unchecked) private var receiver: WebSocketReceiver
    /// Whether a close frame was sent: nothing follows it (RFC 6455 §5.5.1).
    @exclusivity(unchecked) private var hasClosed = false
    /// Whether anything has come since the peer was last asked for a sign of life.
    @exclusivity(unchecked) private var isAlive = true
    /// Whether the peer was asked, and has not answered.
    @exclusivity(unchecked) private var isAsked = false
    private var ping: Scheduled<Void>?
    @exclusivity(unchecked) private var fragmentLimit: Scheduled<Void>?

    init(_ connection: StreamConnection, _ configuration: WebSocketConfiguration) {
        self.connection = connection
        pingInterval = configuration.pingInterval
        reader = WebSocketFrameReader(limit: configuration.messageLimit)
        receiver = WebSocketReceiver(limit: configuration.messageLimit)
    }

    func handlerAdded(context: ChannelHandlerContext) { schedulePing(context) }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        ping?.cancel()
        fragmentLimit?.cancel()
        ping = nil
        fragmentLimit = nil
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isAlive = true
        isAsked = false
        connection.noteActivity()
        guard !hasClosed else { return }
        reader.append(unwrapInboundIn(data))
        do throws(WebSocketViolation) {
            // Behind its own close frame nothing is answered (§5.5.1).
            while !hasClosed, let frame = try reader.next() { take(frame, context) }
        } catch {
            fail(context, error.code)
        }
        reader.trim()
        limitFragments(context)
    }

    private func take(_ frame: WebSocketReceivedFrame, _ context: ChannelHandlerContext) {
        switch receiver.receive(frame) {
        case .none: break
        case .message(let bytes): context.fireChannelRead(wrapInboundOut(bytes))
        case .pong(let bytes): answer(ping: bytes, context)
        case .answerClose(let code):
            close(context, code, nil)
            connection.finish(.remote)
        case .fail(let code): fail(context, code)
        }
    }

    /// A peer that asks and does not read what is answered would fill our memory.
    private func answer(ping bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return connection.abort(.slowReader) }
        context.writeAndFlush(wrapOutboundOut(WebSocketFrameHead.frame(.pong, bytes)), promise: nil)
    }

    /// The time for a message in fragments runs from the first of them.
    private func limitFragments(_ context: ChannelHandlerContext) {
        guard receiver.holdsFragments else {
            fragmentLimit?.cancel()
            fragmentLimit = nil
            return
        }
        guard fragmentLimit == nil else { return }
        fragmentLimit = context.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(connection.configuration.frameTime)
        ) { self.connection.abort(.unfinishedFrame) }
    }

    private func fail(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
        close(context, code, nil)
        connection.finish(.misframed(StreamFramingError("the peer broke the rules of WebSocket (\(code.number))")))
    }

    // MARK: Signs of life

    private func schedulePing(_ context: ChannelHandlerContext) {
        guard pingInterval > .zero else { return }
        ping = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(pingInterval)) {
            self.askForLife(context)
        }
    }

    private func askForLife(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        guard !isAsked else { return connection.abort(.unanswered) }
        if !isAlive {
            isAsked = true
            context.writeAndFlush(wrapOutboundOut(WebSocketFrameHead.frame(.ping, ByteBuffer())), promise: nil)
        }
        isAlive = false
        schedulePing(context)
    }

    // MARK: Sending

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        guard !hasClosed else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        // An empty buffer comes behind all that is sent, to learn when it is: the farewell takes its place.
        guard bytes.readableBytes > 0 else {
            return close(context, WebSocketErrorCode(connection.closeReason), promise)
        }
        context.write(data, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input { close(context, WebSocketErrorCode(connection.closeReason), nil) }
        context.close(mode: mode, promise: promise)
    }

    /// Sends a close frame, once.
    private func close(
        _ context: ChannelHandlerContext, _ code: WebSocketErrorCode, _ promise: EventLoopPromise<Void>?
    ) {
        guard !hasClosed else { return }
        hasClosed = true
        var data = context.channel.allocator.buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        context.writeAndFlush(wrapOutboundOut(WebSocketFrameHead.frame(.connectionClose, data)), promise: promise)
    }
}

extension WebSocketErrorCode {
    /// What a peer is told of why its connection is closed (RFC 6455 §7.4.1).
    init(_ reason: StreamCloseReason?) {
        switch reason {
        case .idle, .unanswered, .shutdown: self = .goingAway
        case .misframed, .unfinishedFrame: self = .protocolError
        case .slowReader: self = .policyViolation
        default: self = .normalClosure
        }
    }

    /// The code's number.
    fileprivate var number: UInt16 {
        var buffer = ByteBuffer()
        buffer.write(webSocketErrorCode: self)
        return buffer.readInteger() ?? 0
    }
}
