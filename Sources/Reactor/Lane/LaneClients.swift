/// Learns that timers have come due that it has scheduled on a lane.
public protocol TimerClient: AnyObject {
    /// Called on the lane. `timer.token` is what was given to `schedule`.
    func timerFired(_ timer: ExpiredTimer, on lane: Lane)

    /// Called when the lane stops, in place of further timers: what holds the client in a circle is to be let go.
    func laneStopped()
}

extension TimerClient {
    /// Nothing to do.
    public func laneStopped() {}
}

/// Names a client of a lane's timers, in one word that a timer can hold.
@frozen
public struct TimerClientID: Hashable, Sendable {
    let index: UInt32
}

/// Works at a fixed pace, such as every 20 ms of voice.
public protocol TickHandler: AnyObject {
    /// Called on the lane, once per tick. What it sends goes out before the lane does anything else.
    func tick(_ tick: LaneTick, on lane: Lane)
}

/// One beat of a periodic tick.
@frozen
public struct LaneTick: Hashable, Sendable {
    /// When the tick was due. Deadlines are multiples of the period from the first one: lateness does not add up.
    public let deadline: ContinuousClock.Instant

    /// Number of the tick, from 0; left out ones are counted.
    public let number: UInt64

    /// How many ticks before this one were left out, because the lane was late by whole periods.
    public let missed: UInt64
}

/// Names a periodic tick of a lane.
@frozen
public struct LaneTickID: Hashable, Sendable {
    let number: UInt64
}

/// Follows the turns of a lane.
public protocol LaneObserver: AnyObject {
    /// Called at the end of each turn, before the send batches are flushed: for work that was gathered in the turn.
    func turnEnded(on lane: Lane)

    /// Called once, when the lane stops: the last moment for sending and handing over.
    func laneWillStop(_ lane: Lane)
}

extension LaneObserver {
    /// Nothing to do.
    public func laneWillStop(_ lane: Lane) {}
}

/// What a descriptor is ready for.
@frozen
public struct DescriptorEvents: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Reading will not block.
    @inlinable
    public static var readable: DescriptorEvents { DescriptorEvents(rawValue: 1) }
    /// Writing will not block.
    @inlinable
    public static var writable: DescriptorEvents { DescriptorEvents(rawValue: 4) }
    /// There is an error to be fetched, or the other side has hung up. Always reported.
    @inlinable
    public static var failed: DescriptorEvents { DescriptorEvents(rawValue: 8) }
}

extension DescriptorEvents {
    /// The events of epoll, which has a bit of its own (EPOLLHUP) for the other side that hung up.
    init(epoll events: UInt32) {
        let hangUp: UInt32 = 16
        self.init(rawValue: events & 13 | (events & hangUp == 0 ? 0 : 8))
    }
}

/// Is told when a descriptor that it watches on a lane is ready.
public protocol DescriptorHandler: AnyObject {
    /// Called on the lane, again in each turn while the descriptor stays ready (level-triggered).
    func ready(_ events: DescriptorEvents, on lane: Lane)

    /// Called when the lane stops, in place of further events: close the descriptor.
    func laneStopped()
}

/// Names a watched descriptor of a lane.
@frozen
public struct WatchID: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32
}
