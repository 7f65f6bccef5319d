import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Makes TCP connections, plain or secured by TLS.
public final class StreamConnector: Sendable {
    private let threads: StreamThreads
    private let endpoint: StreamEndpoint

    /// A connector whose connections run on `threads`. Each gets a framer of its own; all tell `handler`.
    public init(
        on threads: StreamThreads, _ configuration: StreamConfiguration = StreamConfiguration(),
        framer: @escaping @Sendable () -> any StreamFramer, handler: any StreamHandler
    ) {
        self.threads = threads
        endpoint = StreamEndpoint(
            configuration: configuration, makeFramer: framer, handler: handler, counters: threads.counters)
    }

    /// Begins to make a connection and returns at once; from any thread. Frames may be sent to it from now on. If it cannot be made, the
    /// handler hears `closed` with `notConnected`, or `notSecured`. `local` chooses the address it comes from.
    ///
    /// - Parameters:
    ///   - sharesPort: whether a ``BoundStreamSocket`` is bound to `local`, and other connections are made from there.
    ///   - security: what it is secured with; nil leaves it plain.
    ///   - domain: whom the server must prove to be by its certificate when it is secured (RFC 5922 §7.3): a domain or an IP address.
    public func connect(
        to remote: TransportAddress, from local: TransportAddress? = nil, sharesPort: Bool = false, tag: UInt64 = 0,
        security: TLSContext? = nil, domain: String = ""
    ) -> StreamConnection {
        let stages = StreamStages(security: security.map { .proving($0, domain: domain) } ?? .plain)
        let loop = threads.loop(of: threads.group.next())
        let connection = StreamConnection(to: remote, isOutbound: true, tag: tag, endpoint, on: loop)
        guard !endpoint.counters.isShutDown.load(ordering: .relaxed) else {
            connection.ended(.shutdown)
            return connection
        }
        // On the thread of the connection its end could be told within this call, to a caller that waits for its return.
        if loop.eventLoop.inEventLoop {
            loop.eventLoop.execute { self.begin(connection, from: local, sharesPort, stages) }
        } else {
            begin(connection, from: local, sharesPort, stages)
        }
        return connection
    }

    private func begin(
        _ connection: StreamConnection, from local: TransportAddress?, _ sharesPort: Bool, _ stages: StreamStages
    ) {
        let endpoint = endpoint
        let remote = connection.remoteAddress
        var bootstrap = ClientBootstrap(group: connection.loop.eventLoop)
            .connectTimeout(TimeAmount(endpoint.configuration.connectTime))
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try endpoint.configure(channel, connection, stages) }
            }
        if sharesPort {
            bootstrap = bootstrap.channelOption(
                ChannelOptions.Types.SocketOption(level: .socket, name: .init(rawValue: SO_REUSEPORT)), value: 1)
        }
        if let local { bootstrap = bootstrap.bind(to: local.nioAddress) }
        bootstrap.connect(to: remote.nioAddress).whenFailure { error in
            // The set-up of TLS may fail before anything is sent.
            connection.ended(
                (error as? TLSFailure).map { .notSecured($0) }
                    ?? .notConnected(SocketError(error, "connect TCP", remote)))
        }
    }
}
