import Glibc

/// A moment in seconds since 1970 (UTC), as expiry is kept, so that it means the same after a restart.
///
/// It reaches to the year 2106; later moments are held there.
@frozen
public struct WallTime: Hashable, Comparable, Sendable {
    /// Seconds since 1970-01-01 00:00 UTC.
    public var seconds: UInt32

    @inlinable
    public init(seconds: UInt32) { self.seconds = seconds }

    /// The system's time now.
    public static var now: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: UInt32(clamping: time.tv_sec))
    }

    /// A clock that shows the system's time and runs on evenly when that is set: who sets the clock of a machine shall not
    /// end bindings. It goes on while the machine sleeps.
    public static func steadyClock() -> @Sendable () -> WallTime {
        let difference = nanoseconds(CLOCK_REALTIME) &- nanoseconds(CLOCK_BOOTTIME)
        return { WallTime(seconds: UInt32(clamping: (nanoseconds(CLOCK_BOOTTIME) &+ difference) / 1_000_000_000)) }
    }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    @inlinable
    public static func < (a: WallTime, b: WallTime) -> Bool { a.seconds < b.seconds }

    /// The moment some seconds later, no later than the last one there is.
    @inlinable
    public func adding(seconds more: UInt32) -> WallTime {
        let (sum, overflow) = seconds.addingReportingOverflow(more)
        return WallTime(seconds: overflow ? .max : sum)
    }

    /// Seconds from this moment until another; 0 when that one has passed.
    @inlinable
    public func seconds(until other: WallTime) -> UInt32 { other.seconds > seconds ? other.seconds &- seconds : 0 }
}
