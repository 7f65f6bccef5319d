import NIOCore
import NIOSSL
import NIOTLS

/// Frames what a channel reads and watches its times; lives on the channel's event loop.
final class StreamChannelHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    // `@exclusivity(unchecked)`: members are touched on the event loop only, and none is given to foreign code while it is being changed
    // but the framer, which knows nothing of its handler.
    private let connection: StreamConnection
    @exclusivity(unchecked) private var framer: any StreamFramer
    @exclusivity(unchecked) private var opening: StreamOpening
    /// What the peer has proven in its handshake.
    private var names: CertificateNames?
    /// When the connection must be open.
    @exclusivity(unchecked) private var openDeadline: NIODeadline?
    /// Frames of the read that is under way.
    @exclusivity(unchecked) private var frames: [[UInt8]] = []
    @exclusivity(unchecked) private var isMisframed = false
    /// Frames that were given back: while there are some nothing is read.
    @exclusivity(unchecked) private var waiting: [[UInt8]] = []
    /// Whether a read was asked for meanwhile, and what there is to be told behind the frames.
    private var isReadDue = false
    private var misframing: StreamFramingError?
    private var isEndDue = false
    private var hasInputEnded = false
    private var error: SocketError?
    /// When the rest of the frame must have come.
    @exclusivity(unchecked) private var frameDeadline: NIODeadline?
    /// When a connection whose input has ended is closed.
    @exclusivity(unchecked) private var lastDeadline: NIODeadline?
    @exclusivity(unchecked) private var watch: (deadline: NIODeadline, task: Scheduled<Void>)?

    init(_ connection: StreamConnection, _ framer: any StreamFramer, _ opening: StreamOpening) {
        self.connection = connection
        self.framer = framer
        self.opening = opening
        if !opening.steps.isEmpty {
            let configuration = connection.configuration
            openDeadline =
                .now() + TimeAmount(connection.isOutbound ? configuration.connectTime : configuration.handshakeTime)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        if opening.steps.isEmpty { connection.connected(context.channel) }
        watchTimes(context)
        context.fireChannelActive()
    }

    // MARK: Opening

    /// The handshake is done: a server must have proven the domain that is wanted of it (RFC 5922 §7.3).
    private func secured(_ context: ChannelHandlerContext) {
        if opening.readsNames, let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate() {
            do {
                names = try CertificateNames(certificate)
            } catch {
                return connection.abort(.notSecured(TLSFailure(.untrusted, error.reason)))
            }
        }
        if let domain = opening.domain, names?.prove(domain) != true {
            return connection.abort(.notSecured(.wrongName(domain, names ?? CertificateNames(domains: []))))
        }
        complete(.handshake, context)
    }

    /// A step is done; after the last the connection is open.
    private func complete(_ step: StreamOpening.Steps, _ context: ChannelHandlerContext) {
        opening.steps.remove(step)
        guard opening.steps.isEmpty else { return }
        openDeadline = nil
        connection.connected(context.channel, names)
        watchTimes(context)
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
            deliver(context)
            if waiting.isEmpty { connection.misframed(error) } else { misframing = error }
        }
    }

    /// How long frames that were given back wait until they are tried again.
    private static let pause = TimeAmount.milliseconds(1)

    func read(context: ChannelHandlerContext) {
        guard waiting.isEmpty, !connection.isHeld else {
            isReadDue = true
            return
        }
        isReadDue = false
        context.read()
    }

    /// Gives the frames to the handler again.
    private func tryAgain(_ context: ChannelHandlerContext) {
        guard !waiting.isEmpty else { return }
        let frames = waiting
        connection.leave(frames)
        waiting = connection.received(frames, isFirst: false)
        guard waiting.isEmpty else { return wait(context) }
        deliver(context)
        guard waiting.isEmpty else { return }
        if let misframing {
            self.misframing = nil
            connection.misframed(misframing)
        }
        if isEndDue {
            isEndDue = false
            connection.inputEnded()
        }
        guard isReadDue, !connection.isHeld else { return }
        isReadDue = false
        context.read()
    }

    private func wait(_ context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.tryAgain(context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        deliver(context)
        watchTimes(context)
        context.fireChannelReadComplete()
    }

    /// Gives what has come to the handler, behind what waits.
    private func deliver(_ context: ChannelHandlerContext) {
        guard !frames.isEmpty, waiting.isEmpty else { return }
        let complete = frames
        frames = []
        waiting = connection.received(complete)
        if !waiting.isEmpty { wait(context) }
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
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent, opening.steps.contains(.handshake) {
            secured(context)
        }
        if event is WebSocketOpened { complete(.upgrade, context) }
        if case ChannelEvent.inputClosed? = event as? ChannelEvent, opening.steps.contains(.upgrade) {
            connection.abort(.notUpgraded("the peer has closed the connection"))
        }
        if case ChannelEvent.inputClosed? = event as? ChannelEvent, !hasInputEnded {
            hasInputEnded = true
            deliver(context)
            frameDeadline = nil
            lastDeadline = lastDeadline ?? .now() + TimeAmount(connection.configuration.halfClosedTime)
            if waiting.isEmpty { connection.inputEnded() } else { isEndDue = true }
            watchTimes(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that closes without the farewell of TLS has closed all the same; what is whole counts.
        if case NIOSSLError.uncleanShutdown = error { return }
        if opening.steps.contains(.handshake) {
            let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate()
            return connection.abort(.notSecured(TLSFailure(error, certificate: certificate)))
        }
        if opening.steps.contains(.upgrade) {
            return connection.abort(.notUpgraded((error as? WebSocketRefusal)?.reason ?? "this is no HTTP"))
        }
        self.error = SocketError(error, "TCP", connection.remoteAddress)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        watch?.task.cancel()
        watch = nil
        // Nobody is there to be held back: what finds no room now goes with its connection.
        connection.leave(waiting)
        let last = waiting + frames
        (waiting, frames) = ([], [])
        if !last.isEmpty { connection.leave(connection.received(last, isFirst: false)) }
        connection.ended(error.map { .failed($0) } ?? .remote)
        context.fireChannelInactive()
    }

    /// An accepted connection may go before it has been active.
    func handlerRemoved(context: ChannelHandlerContext) {
        if !connection.isOutbound { connection.ended(.remote) }
    }

    /// Over TLS the farewell is said, and the other side's is not awaited: whoever reads slowly, or not at all, would hold us up.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all, let security = try? context.pipeline.syncOperations.context(handlerType: NIOSSLHandler.self)
        else { return context.close(mode: mode, promise: promise) }
        context.close(mode: .output, promise: nil)
        security.close(promise: promise)
    }

    // MARK: Times

    /// Sees to it that a task looks at the times no later than the next of them.
    private func watchTimes(_ context: ChannelHandlerContext) {
        let next = min(
            connection.idleDeadline, frameDeadline ?? .distantFuture, lastDeadline ?? .distantFuture,
            openDeadline ?? .distantFuture)
        // A task that comes too early finds out; only one that comes too late is replaced.
        if let watch, watch.deadline <= next { return }
        guard context.channel.isActive else { return }
        watch?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.timeHasCome(context) }
        watch = (next, task)
    }

    private func timeHasCome(_ context: ChannelHandlerContext) {
        watch = nil
        let now = NIODeadline.now()
        if let openDeadline, openDeadline <= now {
            let reason = "the peer did not finish its handshake in time"
            connection.abort(
                opening.steps.contains(.handshake)
                    ? .notSecured(TLSFailure(.timeout, reason)) : .notUpgraded(reason))
        } else if let frameDeadline, frameDeadline <= now {
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
