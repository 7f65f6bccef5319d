import ICE
import Media
public import Reactor
import Synchronization

/// The connections to TURN servers, by TCP and TLS, of all calls of an agent: what comes is handed to the lane of its call.
public final class RelayConnections: StreamHandler {
    /// Whose a connection is.
    struct Owner: Sendable {
        let checks: LaneBound<ConnectivityChecks>
        let link: Int
    }

    private struct State {
        var owners: [UInt64: Owner] = [:]
        var next: UInt64 = 0
        /// Made with the first connection.
        var running: (threads: StreamThreads, connector: StreamConnector)?
        var isShutDown = false
    }

    private let state = Mutex(State())
    private let security: TLSContext?

    /// The most octets that wait for a server, some seconds of sound: what is late is of no use, so the connection is closed then.
    static let outboundLimit = 65_536

    /// No connections yet; the first one has a thread made.
    ///
    /// - Parameter security: what those by TLS are secured with; nil when there are none.
    public init(security: TLSContext?) { self.security = security }

    private func start() -> (threads: StreamThreads, connector: StreamConnector) {
        let threads = StreamThreads()
        var configuration = StreamConfiguration()
        configuration.outboundLimit = Self.outboundLimit
        return (
            threads, StreamConnector(on: threads, configuration, framer: { TURNStreamFramer() }, handler: self)
        )
    }

    /// Begins to make a connection; `checks` are told on their lane what becomes of it. Nil behind ``shutdown()``.
    func connect(to server: ICEPolicy.Server, _ checks: LaneBound<ConnectivityChecks>, link: Int) -> StreamConnection? {
        guard let address = server.address else { return nil }
        let begun = state.withLock { state -> (tag: UInt64, connector: StreamConnector)? in
            guard !state.isShutDown else { return nil }
            let running = state.running ?? start()
            state.running = running
            state.next += 1
            state.owners[state.next] = Owner(checks: checks, link: link)
            return (state.next, running.connector)
        }
        guard let (tag, connector) = begun else { return nil }
        let domain = server.domain.isEmpty ? address.ip : server.domain
        return connector.connect(
            to: address, tag: tag, security: server.transport == .tls ? security : nil, domain: domain)
    }

    /// Closes all connections, and ends the thread.
    public func shutdown() async {
        let running = state.withLock { state in
            state.isShutDown = true
            return state.running.take()
        }
        await running?.threads.shutdown()
    }

    private func owner(of connection: StreamConnection) -> Owner? { state.withLock { $0.owners[connection.tag] } }

    // MARK: StreamHandler

    public func opened(_ connection: StreamConnection) {
        guard let owner = owner(of: connection) else { return connection.abort() }
        owner.checks.lane.execute { _ in owner.checks.value.opened(link: owner.link) }
    }

    public func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        guard let owner = owner(of: connection) else { return connection.abort() }
        let message = FramesOfRelay(frames, owner)
        if !connection.hand(message, to: owner.checks.lane, { .sheddable }), !connection.giveBack(frames[...]) {
            connection.abort()
        }
    }

    public func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.abort() }

    public func inputEnded(on connection: StreamConnection) { connection.abort() }

    public func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        guard let owner = state.withLock({ $0.owners.removeValue(forKey: connection.tag) }) else { return }
        owner.checks.lane.execute { _ in owner.checks.value.closed(link: owner.link) }
    }
}

/// What has come by a connection to a TURN server.
private final class FramesOfRelay: LaneMessage {
    private let frames: [[UInt8]]
    private let owner: RelayConnections.Owner

    init(_ frames: [[UInt8]], _ owner: RelayConnections.Owner) {
        self.frames = frames
        self.owner = owner
    }

    func deliver(on lane: Lane) { owner.checks.value.receive(frames, link: owner.link) }
}
