import Glibc
import NIOCore
import NIOPosix

/// A TCP socket that accepts connections, until it is closed.
public final class StreamListener: Sendable {
    /// The address that it listens on, with the port that the kernel has chosen if 0 was asked.
    public let localAddress: TransportAddress

    private let channel: EventLoopFuture<any Channel>

    private init(_ channel: EventLoopFuture<any Channel>, _ address: TransportAddress) {
        self.channel = channel
        localAddress = address
    }

    /// Listens on an address. Each connection gets a framer of its own; all tell `handler`. `tag` is the owner's to use. With `security`
    /// connections speak TLS, with `webSocket` each frame comes in a message of its own (RFC 6455); they are told of when the handshakes
    /// are done.
    ///
    /// Throws `SocketError` with code `addressInUse` when the port is taken. When connections cannot be accepted, because too many files
    /// are open, the listener tries again four times a second.
    public static func bind(
        _ address: TransportAddress, on threads: StreamThreads,
        _ configuration: StreamConfiguration = StreamConfiguration(),
        tag: UInt64 = 0, admission: StreamAdmission = StreamAdmission(), security: TLSContext? = nil,
        webSocket: WebSocketContext? = nil,
        framer: @escaping @Sendable () -> any StreamFramer,
        handler: any StreamHandler
    ) async throws(SocketError) -> StreamListener {
        let endpoint = StreamEndpoint(
            configuration: configuration, makeFramer: framer, handler: handler, counters: threads.counters)
        let stages = StreamStages(security: security.map(StreamSecurity.accepting) ?? .plain, webSocket: webSocket)
        var bootstrap = bootstrap(on: threads, endpoint, tag, admission, stages)
            .serverChannelOption(.backlog, value: Int32(clamping: configuration.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        if address.isIPv6 {
            bootstrap = bootstrap.serverChannelOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
        }
        do {
            let channel = try await bootstrap.bind(to: address.nioAddress).get()
            return StreamListener(
                channel.eventLoop.makeSucceededFuture(channel), TransportAddress(channel.localAddress) ?? address)
        } catch {
            throw SocketError(error, "listen on TCP", address)
        }
    }

    /// Accepts connections at a socket that listens already. Each gets a framer of its own; all tell `handler`.
    public static func accept(
        at socket: BoundStreamSocket, on threads: StreamThreads,
        _ configuration: StreamConfiguration = StreamConfiguration(), tag: UInt64 = 0,
        admission: StreamAdmission = StreamAdmission(), framer: @escaping @Sendable () -> any StreamFramer,
        handler: any StreamHandler
    ) -> StreamListener {
        let endpoint = StreamEndpoint(
            configuration: configuration, makeFramer: framer, handler: handler, counters: threads.counters)
        let bootstrap = bootstrap(on: threads, endpoint, tag, admission, StreamStages())
        guard let descriptor = socket.take() else {
            let error = SocketError(EBADF, "listen on TCP", socket.localAddress)
            return StreamListener(threads.group.next().makeFailedFuture(error), socket.localAddress)
        }
        return StreamListener(bootstrap.withBoundSocket(descriptor), socket.localAddress)
    }

    /// What listeners have in common.
    private static func bootstrap(
        on threads: StreamThreads, _ endpoint: StreamEndpoint, _ tag: UInt64, _ admission: StreamAdmission,
        _ stages: StreamStages
    ) -> ServerBootstrap {
        ServerBootstrap(group: threads.group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        AcceptBackoffHandler(backoffProvider: pause), AcceptErrorCounter(endpoint.counters))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try accept(channel, on: threads.loop(of: channel.eventLoop), endpoint, tag, admission, stages)
                }
            }
    }

    /// How long the listener leaves the system alone that has no room for a connection.
    static let pauseOfAccepting: Duration = .milliseconds(250)

    /// What concerns one connection only is no reason to pause.
    private static func pause(after error: IOError) -> TimeAmount? {
        switch error.errnoCode {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: TimeAmount(pauseOfAccepting)
        default: nil
        }
    }

    /// A connection that is not admitted fails here, and NIO closes it.
    private static func accept(
        _ channel: any Channel, on loop: StreamLoop, _ endpoint: StreamEndpoint, _ tag: UInt64,
        _ admission: StreamAdmission,
        _ stages: StreamStages
    ) throws {
        // A peer that has gone already has no address.
        guard let remote = TransportAddress(channel.remoteAddress) else { throw SocketError(ENOTCONN, "accept TCP") }
        let connection = StreamConnection(
            to: remote, isOutbound: false, tag: tag, keepsMessages: stages.webSocket != nil, endpoint,
            on: loop, admission: admission)
        guard admission.admit(connection) else {
            endpoint.counters.refused.addShared(1)
            throw SocketError(EUSERS, "accept TCP", remote)
        }
        do {
            try endpoint.configure(channel, connection, stages)
        } catch {
            admission.release(connection)
            throw error
        }
    }

    /// Stops accepting. Connections that were accepted stay.
    public func close() async {
        // Fails only when it is closed already.
        try? await channel.get().close()
    }

    /// Stops accepting as soon as its thread comes to it, and does not wait for that.
    public func closeSoon() { channel.whenSuccess { $0.close(promise: nil) } }
}

/// Counts what the system says when it cannot accept.
private final class AcceptErrorCounter: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let counters: StreamCounters

    init(_ counters: StreamCounters) { self.counters = counters }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What a connection's own set-up throws is counted there.
        if error is IOError { counters.acceptErrors.addShared(1) }
    }
}
