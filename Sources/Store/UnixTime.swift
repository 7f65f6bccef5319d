import Glibc

/// A moment of the wall clock: milliseconds since 1970-01-01 00:00 UTC.
///
/// For what must survive a restart (the expiry of a binding); everything else is timed by `ContinuousClock`.
public struct UnixTime: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01 00:00 UTC.
    public var milliseconds: Int64

    /// Makes a moment from milliseconds since 1970-01-01 00:00 UTC.
    @inlinable
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The present moment, as the system's wall clock tells it.
    public static var now: UnixTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UnixTime(milliseconds: Int64(time.tv_sec) &* 1_000 &+ Int64(time.tv_nsec) / 1_000_000)
    }

    @inlinable
    public static func < (left: UnixTime, right: UnixTime) -> Bool { left.milliseconds < right.milliseconds }

    /// The moment `duration` later, whole milliseconds, at the end of the range when it would lie beyond.
    public static func + (time: UnixTime, duration: Duration) -> UnixTime {
        let (seconds, attoseconds) = duration.components
        let (whole, overflowed) = seconds.multipliedReportingOverflow(by: 1_000)
        let limit = seconds < 0 ? Int64.min : Int64.max
        guard !overflowed else { return UnixTime(milliseconds: limit) }
        // Less than a second of attoseconds is below 1,000 ms, so only the last sum can leave the range.
        let (span, spanOverflowed) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        let (sum, sumOverflowed) = time.milliseconds.addingReportingOverflow(span)
        return UnixTime(milliseconds: spanOverflowed || sumOverflowed ? limit : sum)
    }
}
