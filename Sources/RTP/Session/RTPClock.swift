/// The clock of an RTP payload: converts spans of time to timestamp units and back, without drift.
@frozen
public struct RTPClock: Hashable, Sendable {
    /// Units per second (Hz), at least 1.
    public let rate: UInt32

    /// Clock of telephone audio, 8,000 Hz (RFC 3551 §4.5.14).
    public static let narrowband = RTPClock(rate: 8000)

    /// Makes a clock of `rate` Hz; 0 is taken as 1.
    @inlinable
    public init(rate: UInt32) {
        self.rate = max(rate, 1)
    }

    /// Whole units in `duration`, rounded towards zero; held within ±2^62.
    @inlinable
    public func units(in duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let limit = (Int64(1) << 62) / Int64(rate)
        guard seconds < limit, seconds > -limit else { return seconds < 0 ? -(1 << 62) : 1 << 62 }
        // A part of a second is below 10^18 attoseconds: in nanoseconds times 2^32 it stays below 2^62.
        return seconds * Int64(rate) + (attoseconds / 1_000_000_000) * Int64(rate) / 1_000_000_000
    }

    /// The time that `units` last, to the nanosecond.
    @inlinable
    public func duration(of units: Int64) -> Duration {
        let (seconds, rest) = units.quotientAndRemainder(dividingBy: Int64(rate))
        return .seconds(seconds) + .nanoseconds(rest * 1_000_000_000 / Int64(rate))
    }
}
