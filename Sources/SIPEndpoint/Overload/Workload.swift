/// How much a lane has worked since it started, and what waits for it.
public struct Workload: Sendable, Hashable {
    /// The time, as exact as the clock is, and not that of the turn's beginning.
    public var time: ContinuousClock.Instant
    /// How long the lane was at work.
    public var worked: Duration
    /// Messages that wait to be served: about, where the system tells only the memory that they take.
    public var waiting: Int
    /// Messages that were lost since there was no room for them to wait.
    public var dropped: UInt64

    public init(time: ContinuousClock.Instant, worked: Duration, waiting: Int, dropped: UInt64) {
        self.time = time
        self.worked = worked
        self.waiting = waiting
        self.dropped = dropped
    }
}
