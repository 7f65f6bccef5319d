/// How fast a bucket of tokens fills, and how many it holds: the limit of something that may come in bursts.
///
/// A bucket is one number, the moment at which it will be full (the theoretical arrival time of the generic cell rate algorithm,
/// ITU-T I.371 Annex A), in microseconds.
struct TokenRate: Sendable, Hashable {
    /// The microseconds in which a token comes.
    let interval: UInt64
    /// The tokens that a full bucket holds.
    let size: UInt64

    /// - Parameters:
    ///   - count: the tokens that come in a period; at least one.
    ///   - size: the tokens that a full bucket holds; at least one.
    init(_ count: Int, per period: Duration, size: Int) {
        let (seconds, attoseconds) = period.components
        let microseconds = UInt64(max(1, seconds &* 1_000_000 &+ attoseconds / 1_000_000_000_000))
        interval = max(1, microseconds / UInt64(max(1, count)))
        self.size = UInt64(max(1, size))
    }

    private var depth: UInt64 { interval &* size }

    /// Takes a token; false, and nothing is taken, when there is none.
    func take(from bucket: inout UInt64, now: UInt64) -> Bool {
        let next = max(bucket, now) &+ interval
        guard next &- now <= depth else { return false }
        bucket = next
        return true
    }

    /// Takes a token even when there is none; no more than one is owed.
    func charge(_ bucket: inout UInt64, now: UInt64) {
        bucket = min(max(bucket, now) &+ interval, now &+ depth)
    }

    /// Gives a token back.
    func refund(_ bucket: inout UInt64, now: UInt64) {
        bucket = bucket > now &+ interval ? bucket &- interval : 0
    }

    /// Whether a token is there.
    func hasToken(in bucket: UInt64, now: UInt64) -> Bool { max(bucket, now) &+ interval &- now <= depth }

    /// Whole seconds until a token is there, at least one: for Retry-After (RFC 3261 §20.33).
    func secondsUntilToken(in bucket: UInt64, now: UInt64) -> UInt64 {
        let ready = max(bucket, now) &+ interval &- now
        guard ready > depth else { return 1 }
        return max(1, (ready &- depth &+ 999_999) / 1_000_000)
    }
}
