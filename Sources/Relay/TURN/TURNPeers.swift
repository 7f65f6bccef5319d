import Glibc
import ICE
import Reactor
import Synchronization

/// The connections between the relays of a lane and peers (RFC 6062).
final class TURNPeers: StreamHandler {
    /// How long it may take to connect to a peer: 30 s, the least (RFC 6062 §5.2).
    static let connectTime = Duration.seconds(30)
    /// Connections of peers that the system holds for a relay until they are accepted.
    static let backlog: Int32 = 16

    private let threads: StreamThreads
    private let configuration: StreamConfiguration
    private let admission: StreamAdmission
    private let state: Mutex<State>

    private struct State {
        var owner: LaneBound<TURNLane>?
        /// By the numbers of peers' connections.
        var splices: [UInt64: TURNSplice] = [:]
    }

    /// - Parameter admission: how many connections of peers are taken, by all lanes.
    init(
        _ owner: LaneBound<TURNLane>, _ threads: StreamThreads, _ configuration: StreamConfiguration,
        _ admission: StreamAdmission
    ) {
        self.threads = threads
        self.admission = admission
        var configuration = configuration
        configuration.connectTime = Self.connectTime
        self.configuration = configuration
        state = Mutex(State(owner: owner))
    }

    /// Nobody is told any more.
    func detach() {
        state.withLock { state in
            state.owner = nil
            state.splices = [:]
        }
    }

    /// Connects to a peer from the address of a relay.
    func connect(to peer: TransportAddress, from relay: TransportAddress, _ id: UInt32) -> StreamConnection {
        StreamConnector(on: threads, configuration, framer: { UnparsedFramer() }, handler: self)
            .connect(to: peer, from: relay, sharesPort: true, tag: UInt64(id))
    }

    /// Takes connections of peers.
    func accept(at socket: BoundStreamSocket, _ relay: TURNRelayID) -> StreamListener {
        StreamListener.accept(
            at: socket, on: threads, configuration, tag: relay.rawValue, admission: admission,
            framer: { UnparsedFramer() }, handler: self)
    }

    /// Notes what a connection is part of.
    func add(_ splice: TURNSplice) { state.withLock { $0.splices[splice.peer.id.number] = splice } }

    /// What a connection is part of; not noted any more.
    func remove(_ connection: StreamConnection) -> TURNSplice? {
        state.withLock { $0.splices.removeValue(forKey: connection.id.number) }
    }

    private func splice(of connection: StreamConnection) -> TURNSplice? {
        state.withLock { $0.splices[connection.id.number] }
    }

    private var owner: LaneBound<TURNLane>? { state.withLock { $0.owner } }

    // MARK: StreamHandler

    func opened(_ connection: StreamConnection) {
        guard let owner else { return connection.abort() }
        // TCP keeps what comes until a client's connection is bound.
        connection.hold()
        owner.lane.execute { _ in owner.value.peerOpened(connection) }
    }

    func received(_ octets: [[UInt8]], on connection: StreamConnection) {
        guard let splice = splice(of: connection) else { return connection.abort() }
        splice.fromPeer(octets)
    }

    func drained(_ connection: StreamConnection) { splice(of: connection)?.drained(connection) }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.abort() }

    func inputEnded(on connection: StreamConnection) {
        guard let splice = splice(of: connection) else { return connection.close() }
        splice.ended(connection)
    }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        guard let owner else { return }
        owner.lane.execute { _ in owner.value.peerClosed(connection) }
    }
}
