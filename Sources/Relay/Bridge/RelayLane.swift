import Reactor
import Synchronization

/// The bridges of one media lane, and what is done for them from time to time.
final class RelayLane: TimerClient, @unchecked Sendable {
    // Proof of Sendable: `lane` is constant and `doors` synchronised; all else is touched on the lane only.

    /// How often sockets are looked after and silence is noticed.
    static let interval = Duration.seconds(1)

    let lane: Lane
    private var bridges: [ObjectIdentifier: MediaBridge] = [:]
    private var timer: TimerClientID?
    /// What has gone through bridges that are no more.
    private var past = RelayTraffic()
    /// Those with a handshake under way.
    private var handshaking: [ObjectIdentifier: MediaBridge] = [:]

    /// The ports that ends with a part in ICE share, by the local address without its port.
    private let doors = Mutex<[TransportAddress: RelayDoor]>([:])

    init(_ lane: Lane) { self.lane = lane }

    /// Datagrams that were for nobody who shares a port; on the lane.
    var strangers: UInt64 { doors.withLock { $0.values.reduce(0) { $0 &+ $1.strangers } } }

    /// The port of a local address that ends with a part in ICE share; from any thread.
    ///
    /// - Parameters:
    ///   - codePoint: what its packets carry from now on, those of calls that have it already too.
    ///   - bind: binds it, where it is needed for the first time.
    func door(
        near address: TransportAddress, codePoint: Int, _ bind: () throws(SocketError) -> BoundDatagramSocket
    ) throws(SocketError) -> RelayDoor {
        try doors.withLock { doors throws(SocketError) in
            if let door = doors[address.with(port: 0)] {
                door.mark(codePoint, on: lane)
                return door
            }
            let door = RelayDoor(try bind())
            doors[address.with(port: 0)] = door
            // Before anybody else can have it, so that it is open when a leg needs it.
            lane.execute { door.open(on: $0) }
            return door
        }
    }

    /// Keeps a bridge; on the lane.
    func add(_ bridge: MediaBridge) {
        bridges[ObjectIdentifier(bridge)] = bridge
        guard timer == nil else { return }
        let client = lane.add(timerClient: self)
        timer = client
        lane.schedule(after: Self.interval, client, token: Self.sweepToken)
    }

    /// Lets a bridge go; on the lane.
    func remove(_ bridge: MediaBridge) {
        if bridges.removeValue(forKey: ObjectIdentifier(bridge)) != nil { add(bridge, to: &past) }
        handshaking[ObjectIdentifier(bridge)] = nil
    }

    /// What has gone through all bridges; on the lane.
    var traffic: RelayTraffic {
        var sum = past
        for bridge in bridges.values { add(bridge, to: &sum) }
        return sum
    }

    private func add(_ bridge: MediaBridge, to sum: inout RelayTraffic) {
        for stream in bridge.counted { sum.add(stream) }
    }

    /// The calls of the bridges, the oldest first; on the lane.
    func calls(limit: Int, at now: Int64) -> [RelayedCall] {
        bridges.values.sorted { $0.begun < $1.begun }.prefix(limit).map { $0.call(at: now, nil) }
    }

    /// How often handshakes are told the time while there are any: a flight is repeated after 1 s at first (RFC 6347 §4.2.4.1).
    static let pace = Duration.milliseconds(50)
    /// The tokens of the timer.
    private static let sweepToken: UInt64 = 0
    private static let paceToken: UInt64 = 1

    /// A bridge has a handshake under way; on the lane.
    func hasten(_ bridge: MediaBridge) {
        guard let timer else { return }
        if handshaking.isEmpty { lane.schedule(after: Self.pace, timer, token: Self.paceToken) }
        handshaking[ObjectIdentifier(bridge)] = bridge
    }

    private func passTime() {
        let now = lane.now
        for (id, bridge) in handshaking where !bridge.passTime(at: now) { handshaking[id] = nil }
        guard let timer, !handshaking.isEmpty else { return }
        lane.schedule(after: Self.pace, timer, token: Self.paceToken)
    }

    func timerFired(_ expired: ExpiredTimer, on lane: Lane) {
        guard expired.token == Self.sweepToken else { return passTime() }
        let now = lane.turnTime
        for bridge in bridges.values { bridge.sweep(at: now) }
        guard let timer else { return }
        lane.schedule(after: Self.interval, timer, token: Self.sweepToken)
    }

    /// Calls that are up when the lane stops have no media any more; they and the lane held one another.
    func laneStopped() {
        timer = nil
        bridges = [:]
        handshaking = [:]
        doors.withLock { $0 = [:] }
    }
}
