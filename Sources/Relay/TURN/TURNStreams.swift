import ICE
import Media
import Reactor
import Synchronization

/// The connections of clients, over TCP and TLS: each belongs to one lane, which is told of all that comes. One for data (RFC 6062)
/// belongs to the lane of the peer's connection that it names; once it is bound what comes by it goes out by that one.
final class TURNStreams: StreamHandler {
    private struct State {
        var lanes: [LaneBound<TURNLane>] = []
        /// Connections for data, by their numbers.
        var forData: [UInt64: ForData] = [:]
    }

    private struct ForData {
        var lane: Int
        var splice: TURNSplice?
    }

    private let state = Mutex(State())

    init() {}

    /// The lanes are made; connections may come.
    func attach(_ lanes: [LaneBound<TURNLane>]) { state.withLock { $0.lanes = lanes } }

    private func owner(of connection: StreamConnection) -> LaneBound<TURNLane>? {
        state.withLock { $0.lanes.isEmpty ? nil : $0.lanes[Int(connection.id.number % UInt64($0.lanes.count))] }
    }

    func opened(_ connection: StreamConnection) {
        guard let owner = owner(of: connection) else { return connection.abort() }
        owner.lane.execute { _ in owner.value.opened(connection) }
    }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        guard !frames.contains(where: { $0[0] == TURNConnectionFramer.mark || TURNConnectionFramer.isBinding($0) })
        else {
            return receivedForData(frames, on: connection)
        }
        guard let owner = owner(of: connection) else { return connection.abort() }
        let message = FramesOfClient(frames, connection, owner, isForData: false)
        if !connection.hand(message, to: owner.lane, { .sheddable }), !connection.giveBack(frames[...]) {
            connection.abort()
        }
    }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.close() }

    func drained(_ connection: StreamConnection) {
        state.withLock { $0.forData[connection.id.number]?.splice }?.drained(connection)
    }

    func inputEnded(on connection: StreamConnection) {
        guard let splice = state.withLock({ $0.forData[connection.id.number]?.splice }) else {
            return connection.close()
        }
        splice.ended(connection)
    }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        guard let owner = owner(of: connection) else { return }
        owner.lane.execute { _ in owner.value.closed(connection) }
        let found = state.withLock { state -> (LaneBound<TURNLane>, TURNSplice?)? in
            guard let forData = state.forData.removeValue(forKey: connection.id.number),
                forData.lane < state.lanes.count
            else { return nil }
            return (state.lanes[forData.lane], forData.splice)
        }
        guard let (owner, splice) = found else { return }
        owner.lane.execute { _ in owner.value.closedForData(connection, splice) }
    }

    // MARK: Connections for data

    private func receivedForData(_ frames: [[UInt8]], on connection: StreamConnection) {
        if let splice = state.withLock({ $0.forData[connection.id.number]?.splice }) {
            return splice.fromClient(frames.map { [UInt8]($0.dropFirst()) })
        }
        // What comes behind the request waits for what becomes of it.
        connection.hold()
        guard let (owner, former) = lane(of: connection, frames) else { return connection.abort() }
        former?.lane.execute { _ in former?.value.left(connection) }
        let message = FramesOfClient(frames, connection, owner, isForData: true)
        if !connection.hand(message, to: owner.lane, { .sheddable }), !connection.giveBack(frames[...]) {
            connection.abort()
        }
    }

    /// The lane that a connection for data belongs to, and that which it has belonged to until now.
    private func lane(
        of connection: StreamConnection, _ frames: [[UInt8]]
    ) -> (now: LaneBound<TURNLane>, before: LaneBound<TURNLane>?)? {
        let number = connection.id.number
        return state.withLock { state in
            guard !state.lanes.isEmpty else { return nil }
            if let known = state.forData[number] { return (state.lanes[known.lane], nil) }
            let former = Int(number % UInt64(state.lanes.count))
            let id = frames.lazy.filter(TURNConnectionFramer.isBinding).compactMap(Self.connectionID).first
            let lane = id.map { TURNServerPart.index(ofConnection: $0, of: state.lanes.count) } ?? former
            state.forData[number] = ForData(lane: lane)
            return (state.lanes[lane], lane == former ? nil : state.lanes[former])
        }
    }

    private static func connectionID(_ frame: [UInt8]) -> UInt32? {
        let bytes = frame.span.bytes
        return (try? STUNMessage(parsing: bytes))?.word32(.connectionID, in: bytes)
    }

    /// A connection is bound to that of a peer. False when it is no more.
    func bind(_ connection: StreamConnection, _ splice: TURNSplice) -> Bool {
        state.withLock { state in
            guard state.forData[connection.id.number] != nil else { return false }
            state.forData[connection.id.number]?.splice = splice
            return true
        }
    }
}

/// Frames on their way to the lane of their connection.
private final class FramesOfClient: LaneMessage {
    private let frames: [[UInt8]]
    private let connection: StreamConnection
    private let owner: LaneBound<TURNLane>
    private let isForData: Bool

    init(_ frames: [[UInt8]], _ connection: StreamConnection, _ owner: LaneBound<TURNLane>, isForData: Bool) {
        self.frames = frames
        self.connection = connection
        self.owner = owner
        self.isForData = isForData
    }

    func deliver(on lane: Lane) {
        // One that was closed meanwhile would have its allocation for nobody.
        guard connection.isOpen else { return }
        guard isForData else { return owner.value.received(frames, on: connection) }
        let octets = frames.map { $0.first == TURNConnectionFramer.mark ? [UInt8]($0.dropFirst()) : $0 }
        owner.value.receivedForData(octets, on: connection)
    }
}
