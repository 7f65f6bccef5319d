import Reactor

/// The bridges of one media lane, and what is done for them from time to time.
final class RelayLane: TimerClient, @unchecked Sendable {
    // Proof of Sendable: `lane` is constant; all else is touched on the lane only.

    /// How often sockets are looked after and silence is noticed.
    static let interval = Duration.seconds(1)

    let lane: Lane
    private var bridges: [ObjectIdentifier: MediaBridge] = [:]
    private var timer: TimerClientID?
    private var isHasty = false

    init(_ lane: Lane) { self.lane = lane }

    /// Keeps a bridge; on the lane.
    func add(_ bridge: MediaBridge) {
        bridges[ObjectIdentifier(bridge)] = bridge
        guard timer == nil else { return }
        let client = lane.add(timerClient: self)
        timer = client
        lane.schedule(after: Self.interval, client, token: 0)
    }

    /// Lets a bridge go; on the lane.
    func remove(_ bridge: MediaBridge) { bridges[ObjectIdentifier(bridge)] = nil }

    /// How often time is told to handshakes while there are any.
    static let pace = Duration.milliseconds(50)

    /// A handshake has begun.
    func hasten() {
        guard let timer, !isHasty else { return }
        isHasty = true
        lane.schedule(after: Self.pace, timer, token: 1)
    }

    private func passTime() {
        isHasty = false
        let now = lane.now
        var goesOn = false
        for bridge in bridges.values { goesOn = bridge.passTime(at: now) || goesOn }
        if goesOn { hasten() }
    }

    func timerFired(_ expired: ExpiredTimer, on lane: Lane) {
        guard expired.token == 0 else { return passTime() }
        let now = lane.turnTime
        for bridge in bridges.values { bridge.sweep(at: now) }
        guard let timer else { return }
        lane.schedule(after: Self.interval, timer, token: 0)
    }
}
