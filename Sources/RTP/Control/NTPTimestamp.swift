/// A wallclock time in the format of NTP: seconds since 1 January 1900 UTC and a binary fraction (RFC 3550 §4).
@frozen
public struct NTPTimestamp: Hashable, Sendable {
    /// Seconds in the upper 32 bits, fraction in units of 2^-32 s in the lower.
    public var bits: UInt64

    /// Seconds from 1900 to 1970 (RFC 868 gives the same figure).
    public static let unixEpoch: Int64 = 2_208_988_800

    /// A time from its 64 bits on the wire.
    @inlinable
    public init(bits: UInt64) {
        self.bits = bits
    }

    /// A time from its two words on the wire.
    @inlinable
    public init(seconds: UInt32, fraction: UInt32) {
        bits = UInt64(seconds) << 32 | UInt64(fraction)
    }

    /// A time from the system's clock: seconds and nanoseconds (0 to 999,999,999) since 1970. Wraps in 2036 as NTP does.
    @inlinable
    public init(unixSeconds: Int64, nanoseconds: Int64) {
        let fraction = (UInt64(truncatingIfNeeded: max(0, min(nanoseconds, 999_999_999))) << 32) / 1_000_000_000
        bits = UInt64(truncatingIfNeeded: unixSeconds &+ Self.unixEpoch) << 32 | fraction
    }

    /// The middle 32 bits: seconds modulo 2^16 and a 16-bit fraction, as LSR and round-trip times use them.
    @inlinable
    public var middle: UInt32 { UInt32(truncatingIfNeeded: bits >> 16) }

    /// The time `span` later (earlier when negative), to 2^-32 s; wraps like NTP.
    @inlinable
    public func advanced(by span: Duration) -> NTPTimestamp {
        let (seconds, attoseconds) = span.components
        // Below 10^9 in magnitude, so that the shift by 32 fits 63 bits.
        let nanoseconds = attoseconds / 1_000_000_000
        let fraction = (nanoseconds << 32) / 1_000_000_000
        return NTPTimestamp(bits: bits &+ UInt64(bitPattern: (seconds &<< 32) &+ fraction))
    }
}

/// Ties the monotonic clock, by which machines run, to the wallclock, which sender reports carry (RFC 3550 §6.4.1).
///
/// Read both clocks once, together, when a call starts; a wallclock that is set later does not disturb the call.
@frozen
public struct WallclockReference: Hashable, Sendable {
    /// The monotonic time at which the reference was taken.
    public let instant: ContinuousClock.Instant

    /// The wallclock at that time.
    public let wallclock: NTPTimestamp

    /// Ties `instant` to `wallclock`.
    @inlinable
    public init(instant: ContinuousClock.Instant, wallclock: NTPTimestamp) {
        self.instant = instant
        self.wallclock = wallclock
    }

    /// The wallclock at `instant`.
    @inlinable
    public func time(at instant: ContinuousClock.Instant) -> NTPTimestamp {
        wallclock.advanced(by: self.instant.duration(to: instant))
    }
}
