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
