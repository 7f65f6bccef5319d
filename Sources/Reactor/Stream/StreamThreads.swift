import NIOCore
import NIOPosix
import Synchronization

/// The threads that carry streams. They frame and hand over; of a protocol nothing runs on them but the turns of lanes that sleep
/// when something is handed to them (`StreamLoop`).
public final class StreamThreads: Sendable {
    let group: MultiThreadedEventLoopGroup
    let counters = StreamCounters()
    private let loops: [StreamLoop]

    /// Starts threads.
    public init(count: Int = 1) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(count, 1))
        loops = group.makeIterator().map { StreamLoop($0) }
    }

    /// The thread of an event loop of the group.
    func loop(of eventLoop: any EventLoop) -> StreamLoop {
        // The group has no other loops than those it was made with.
        loops.first { $0.eventLoop === eventLoop } ?? loops[0]
    }

    /// What the streams of these threads have counted.
    public var statistics: StreamStatistics { counters.snapshot }

    /// Closes all connections and listeners, and ends the threads. Thereafter no connection can be made.
    public func shutdown() async {
        counters.isShutDown.store(true, ordering: .relaxed)
        // Fails only when it was done before.
        try? await group.shutdownGracefully()
    }
}

/// What streams have counted since their threads were started.
public struct StreamStatistics: Hashable, Sendable {
    /// Connections accepted.
    public var accepted: UInt64 = 0
    /// Connections refused because there are too many, in all or from their source.
    public var refused: UInt64 = 0
    /// Times that the system could not give us a connection, as when too many files are open.
    public var acceptErrors: UInt64 = 0
    /// Connections that we have made.
    public var connected: UInt64 = 0
    /// Connections that we could not make.
    public var connectErrors: UInt64 = 0
    /// Connections, of ours and of others, whose handshake failed or took too long.
    public var handshakeErrors: UInt64 = 0
    /// Frames received.
    public var framesReceived: UInt64 = 0
    /// Bytes received.
    public var bytesReceived: UInt64 = 0
    /// Frames given to connections.
    public var framesSent: UInt64 = 0
    /// Bytes given to the kernel.
    public var bytesSent: UInt64 = 0
    /// Connections closed because their peer read too slowly.
    public var slowReaders: UInt64 = 0
    /// Connections closed because nothing came or went, or no sign of life.
    public var idle: UInt64 = 0
    /// Connections closed because a frame was not finished in time.
    public var unfinishedFrames: UInt64 = 0
    /// Connections whose stream made no sense.
    public var misframed: UInt64 = 0

    /// Nothing counted.
    public init() {}

    /// All counters with their names, in a fixed order.
    public var all: [(name: String, value: UInt64)] {
        [
            ("accepted", accepted), ("refused", refused), ("acceptErrors", acceptErrors), ("connected", connected),
            ("connectErrors", connectErrors), ("handshakeErrors", handshakeErrors), ("framesReceived", framesReceived),
            ("bytesReceived", bytesReceived),
            ("framesSent", framesSent), ("bytesSent", bytesSent), ("slowReaders", slowReaders), ("idle", idle),
            ("unfinishedFrames", unfinishedFrames), ("misframed", misframed),
        ]
    }
}

/// The counters of streams, written by all threads.
final class StreamCounters: Sendable {
    let accepted = Counter()
    let refused = Counter()
    let acceptErrors = Counter()
    let connected = Counter()
    let connectErrors = Counter()
    let handshakeErrors = Counter()
    let framesReceived = Counter()
    let bytesReceived = Counter()
    let framesSent = Counter()
    let bytesSent = Counter()
    let slowReaders = Counter()
    let idle = Counter()
    let unfinishedFrames = Counter()
    let misframed = Counter()
    let isShutDown = Atomic<Bool>(false)

    var snapshot: StreamStatistics {
        var values = StreamStatistics()
        values.accepted = accepted.current
        values.refused = refused.current
        values.acceptErrors = acceptErrors.current
        values.connected = connected.current
        values.connectErrors = connectErrors.current
        values.handshakeErrors = handshakeErrors.current
        values.framesReceived = framesReceived.current
        values.bytesReceived = bytesReceived.current
        values.framesSent = framesSent.current
        values.bytesSent = bytesSent.current
        values.slowReaders = slowReaders.current
        values.idle = idle.current
        values.unfinishedFrames = unfinishedFrames.current
        values.misframed = misframed.current
        return values
    }

    /// Counts the end of a connection by its reason.
    func count(_ reason: StreamCloseReason) {
        switch reason {
        case .notConnected: connectErrors.addShared(1)
        case .notSecured, .notUpgraded: handshakeErrors.addShared(1)
        case .slowReader: slowReaders.addShared(1)
        case .idle, .unanswered: idle.addShared(1)
        case .unfinishedFrame: unfinishedFrames.addShared(1)
        case .misframed: misframed.addShared(1)
        case .local, .remote, .failed, .shutdown: break
        }
    }
}
