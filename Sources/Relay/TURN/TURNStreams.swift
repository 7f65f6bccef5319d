import ICE
import Media
import Reactor
import Synchronization

/// The connections of clients, over TCP and TLS: each belongs to one lane, which is told of all that comes.
final class TURNStreams: StreamHandler {
    private let lanes = Mutex<[LaneBound<TURNLane>]>([])

    init() {}

    /// The lanes are made; connections may come.
    func attach(_ lanes: [LaneBound<TURNLane>]) { self.lanes.withLock { $0 = lanes } }

    private func owner(of connection: StreamConnection) -> LaneBound<TURNLane>? {
        lanes.withLock { $0.isEmpty ? nil : $0[Int(connection.id.number % UInt64($0.count))] }
    }

    func opened(_ connection: StreamConnection) {
        guard let owner = owner(of: connection) else { return connection.abort() }
        owner.lane.execute { _ in owner.value.opened(connection) }
    }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        guard let owner = owner(of: connection) else { return connection.abort() }
        let message = FramesOfClient(frames, connection, owner)
        if !connection.hand(message, to: owner.lane, { .sheddable }), !connection.giveBack(frames[...]) {
            connection.abort()
        }
    }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.close() }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        guard let owner = owner(of: connection) else { return }
        owner.lane.execute { _ in owner.value.closed(connection) }
    }
}

/// Frames on their way to the lane of their connection.
private final class FramesOfClient: LaneMessage {
    private let frames: [[UInt8]]
    private let connection: StreamConnection
    private let owner: LaneBound<TURNLane>

    init(_ frames: [[UInt8]], _ connection: StreamConnection, _ owner: LaneBound<TURNLane>) {
        self.frames = frames
        self.connection = connection
        self.owner = owner
    }

    func deliver(on lane: Lane) {
        // One that was closed meanwhile would have its allocation for nobody.
        guard connection.isOpen else { return }
        owner.value.received(frames, on: connection)
    }
}
