/// Round-trip time from a reception report (RFC 3550 §6.4.1, figure 2).
public enum RoundTrip {
    /// Round-trip times over this are taken as nonsense from the peer.
    public static let limit = Duration.seconds(60)

    /// The span from sending our report to receiving the block that answers it, less what the peer held it.
    ///
    /// - Parameters:
    ///   - arrival: our wallclock when the block came, by the same clock that our sender reports carry.
    ///   - lastSenderReport: LSR of the block; zero says that the peer has had no report from us.
    ///   - delay: DLSR of the block, in units of 1/65,536 s.
    /// - Returns: nil when the peer has had no report, or when the figures cannot be true. A result below zero by less
    ///   than a tenth of a second (two clocks' rounding) is zero.
    public static func time(arrival: NTPTimestamp, lastSenderReport: UInt32, delay: UInt32) -> Duration? {
        guard lastSenderReport != 0 else { return nil }
        let elapsed = Int64(Int32(bitPattern: arrival.middle &- lastSenderReport &- delay))
        if elapsed < 0 { return elapsed > -6554 ? .zero : nil }
        let time = Duration.seconds(elapsed >> 16) + .nanoseconds((elapsed & 0xFFFF) * 1_000_000_000 / 65536)
        return time <= limit ? time : nil
    }

    /// A span as DLSR carries it, in units of 1/65,536 s; negative is 0, too long is all ones.
    public static func units(_ span: Duration) -> UInt32 {
        let (seconds, attoseconds) = span.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 65536 else { return .max }
        return UInt32(seconds) << 16 | UInt32((attoseconds / 1_000_000_000) * 65536 / 1_000_000_000)
    }
}
