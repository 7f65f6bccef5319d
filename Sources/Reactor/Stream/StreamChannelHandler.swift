import NIOCore

/// Frames what a channel reads and watches its times; lives on the channel's event loop.
final class StreamChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: StreamConnection
    private var framer: any StreamFramer
    /// Frames of the read that is under way.
    private var frames: [[UInt8]] = []
    private var isMisframed = false
    private var hasInputEnded = false
    private var error: SocketError?
    /// When the rest of the frame must have come.
    private var frameDeadline: NIODeadline?
    /// When a connection whose input has ended is closed.
    private var lastDeadline: NIODeadline?
    private var watch: (deadline: NIODeadline, task: Scheduled<Void>)?

    init(_ connection: StreamConnection, _ framer: any StreamFramer) {
        self.connection = connection
        self.framer = framer
    }

    func channelActive(context: ChannelHandlerContext) {
        connection.connected(context.channel)
        watchTimes(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        connection.noteReceived(buffer.readableBytes)
        guard !isMisframed else { return }
        buffer.withUnsafeReadableBytes { framer.append($0) }
        do throws(StreamFramingError) {
            while let frame = try framer.next() { frames.append(frame) }
            noteFrame(framer.holdsPartialFrame)
        } catch {
            isMisframed = true
            frameDeadline = nil
            lastDeadline = .now() + TimeAmount(connection.configuration.closeTime)
            deliver()
            connection.misframed(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        deliver()
        watchTimes(context)
        context.fireChannelReadComplete()
    }

    private func deliver() {
        guard !frames.isEmpty else { return }
        let complete = frames
        frames = []
        connection.received(complete)
    }

    /// The time for a frame runs from its first byte, however many bytes come meanwhile.
    private func noteFrame(_ isPartial: Bool) {
        if !isPartial {
            frameDeadline = nil
        } else if frameDeadline == nil || !frames.isEmpty {
            frameDeadline = .now() + TimeAmount(connection.configuration.frameTime)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent, !hasInputEnded {
            hasInputEnded = true
            deliver()
            frameDeadline = nil
            lastDeadline = lastDeadline ?? .now() + TimeAmount(connection.configuration.halfClosedTime)
            connection.inputEnded()
            watchTimes(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = SocketError(error, "TCP", connection.remoteAddress)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        watch?.task.cancel()
        watch = nil
        deliver()
        connection.ended(error.map { .failed($0) } ?? .remote)
        context.fireChannelInactive()
    }

    /// An accepted connection may go before it has been active.
    func handlerRemoved(context: ChannelHandlerContext) {
        if !connection.isOutbound { connection.ended(.remote) }
    }

    // MARK: Times

    /// Sees to it that a task looks at the times no later than the next of them.
    private func watchTimes(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let next = min(connection.idleDeadline, frameDeadline ?? .distantFuture, lastDeadline ?? .distantFuture)
        // A task that comes too early finds out; only one that comes too late is replaced.
        if let watch, watch.deadline <= next { return }
        watch?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.timeHasCome(context) }
        watch = (next, task)
    }

    private func timeHasCome(_ context: ChannelHandlerContext) {
        watch = nil
        let now = NIODeadline.now()
        if let frameDeadline, frameDeadline <= now {
            connection.abort(.unfinishedFrame)
        } else if let lastDeadline, lastDeadline <= now {
            connection.abort(.remote)
        } else if connection.idleDeadline <= now {
            connection.abort(.idle)
        } else {
            watchTimes(context)
        }
    }
}
