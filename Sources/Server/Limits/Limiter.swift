import Reactor
import SIP

/// The limits of users and sources, over all lanes; made once at start, so that nothing is forgotten when the configuration is read
/// again.
final class Limiter: Sendable {
    /// What is allowed.
    struct Rates: Sendable, Hashable {
        /// Attempts to authenticate; nil for any number.
        var attempts: AttemptGuard.Rates?
        /// Requests of a user; nil for any number.
        var requests: TokenRate?
        /// Requests to users of ours that come from one source without proof of who sends them; nil for any number.
        var strangers: TokenRate?
        /// Calls in progress of a user; 0 for any number.
        var calls = 0
        /// How long a call is counted of which nothing is heard.
        var callLifetime: Duration = .seconds(43_200)
    }

    /// The users whose requests are counted.
    static let userCapacity = 65_536

    /// The sources whose strangers' requests are counted.
    static let sourceCapacity = 65_536

    let attempts = AttemptGuard()
    let calls = CallLimit()
    private let requests = BoundedTable(capacity: userCapacity)
    private let strangers = BoundedTable(capacity: sourceCapacity)
    private let hash = SipHash.random()
    private let epoch: ContinuousClock.Instant

    init(epoch: ContinuousClock.Instant = .now) { self.epoch = epoch }

    /// Microseconds of the run; never 0.
    func time(_ now: ContinuousClock.Instant) -> UInt64 {
        let (seconds, attoseconds) = max(now - epoch, .zero).components
        return UInt64(seconds) &* 1_000_000 &+ UInt64(attoseconds / 1_000_000_000_000) &+ 1
    }

    /// The key of a user.
    func user(_ name: [UInt8], domain: Int) -> UInt64 {
        name.withUnsafeBytes { hash($0).0 } ^ UInt64(truncatingIfNeeded: domain) &* 0x9E37_79B9_7F4A_7C15
    }

    /// A request of a stranger; the seconds to wait when there are too many from its source, else nil. A source is an IPv4 address, or
    /// the first 64 bits of an IPv6 address, as one subscriber has them all (RFC 6177).
    func count(stranger source: TransportAddress, _ rate: TokenRate, now: UInt64) -> UInt64? {
        let key = withUnsafeBytes(of: (source.isIPv6 ? source.upperBits : source.lowerBits, source.isIPv6 ? 6 : 4)) {
            hash($0).0
        }
        return strangers.change(key) { bucket in
            rate.take(from: &bucket, now: now) ? nil : rate.secondsUntilToken(in: bucket, now: now)
        }
    }

    /// A request of a user; the seconds to wait when there are too many, else nil.
    func count(user: UInt64, _ rate: TokenRate, now: UInt64) -> UInt64? {
        requests.change(user) { bucket in
            rate.take(from: &bucket, now: now) ? nil : rate.secondsUntilToken(in: bucket, now: now)
        }
    }
}
