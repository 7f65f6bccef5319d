import Glibc

/// The time of a lane: nanoseconds since it started, read once or twice in a turn, and what they are as instants.
struct LaneClock: Sendable {
    /// The instant that the nanoseconds count from.
    private let epoch: ContinuousClock.Instant
    private let start: Int64

    init() {
        epoch = ContinuousClock.now
        start = Self.reading()
    }

    /// Nanoseconds since the start. Reads the clock that `ContinuousClock` has on Linux (CLOCK_BOOTTIME) as an integer, which
    /// spares the arithmetic of `Duration` in each turn.
    func nanoseconds() -> Int64 { Self.reading() &- start }

    private static func reading() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// A time of another lane's clock on this one; `.min` and `.max` stay what they are.
    func time(_ nanoseconds: Int64, of other: LaneClock) -> Int64 {
        nanoseconds == .min || nanoseconds == .max ? nanoseconds : nanoseconds &+ (other.start &- start)
    }

    func instant(_ nanoseconds: Int64) -> ContinuousClock.Instant { epoch + .nanoseconds(nanoseconds) }

    /// Nanoseconds since the start, rounded up so that nothing comes early.
    func nanoseconds(at instant: ContinuousClock.Instant) -> Int64 { (instant - epoch).nanosecondsRoundedUp }
}

extension Duration {
    /// The whole nanoseconds that are not shorter; the nearest representable number when there is none.
    var nanosecondsRoundedUp: Int64 {
        let attosecondsPerNanosecond: Int128 = 1_000_000_000
        let value = attoseconds
        // What is shorter than some hours, as nearly all is, is divided by 2⁹ and then, in one word, by 5⁹.
        if value >= 0, let short = UInt64(exactly: (value + 999_999_999) &>> 9) { return Int64(short / 1_953_125) }
        return Int64(
            clamping: value > 0 ? (value - 1) / attosecondsPerNanosecond + 1 : value / attosecondsPerNanosecond)
    }
}
