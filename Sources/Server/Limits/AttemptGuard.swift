import Reactor
import SIP

/// Limits attempts to authenticate, of each user and of each source, over all lanes.
///
/// An attempt is a request without credentials, or with wrong ones. One that succeeds gives its token back: so those who have
/// their passwords use nothing up, and a carrier-grade NAT with thousands of them is never over its limit on their account. Where
/// others behind it use up what the source has, users who have authenticated from there before go on: only strangers to the source
/// wait.
final class AttemptGuard: Sendable {
    /// How many attempts are let through.
    struct Rates: Sendable, Hashable {
        /// Of one user name from one source.
        var user: TokenRate
        /// Of one source.
        var source: TokenRate
    }

    /// What is done with a request.
    enum Verdict: Sendable, Hashable {
        /// It may try.
        case admitted
        /// The user has tried too often from this source; seconds until the next attempt.
        case userWaits(UInt64)
        /// The source has tried too often.
        case sourceWaits(UInt64)
    }

    /// Who tries: a source, and a user at it.
    struct Attempt: Sendable {
        let source: UInt64
        let user: UInt64
    }

    /// The sources, and the users at sources, that are remembered.
    static let capacity = 65_536
    /// How long a user who has authenticated is known at a source: a day, in microseconds.
    static let memory: UInt64 = 86_400_000_000

    private let hash = SipHash.random()
    private let sources = BoundedTable(capacity: capacity)
    private let users = BoundedTable(capacity: capacity)
    private let known = BoundedTable(capacity: capacity)

    /// Who tries, by where the request came from and the user whom it names. Addresses of IPv6 count by their first 64 bits, as one
    /// subscriber has them all (RFC 6177).
    func attempt(_ source: TransportAddress, user: UnsafeRawBufferPointer, domain: Int) -> Attempt {
        let place = source.isIPv6 ? source.upperBits : source.lowerBits
        return withUnsafeTemporaryAllocation(byteCount: 17 + user.count, alignment: 8) { memory in
            memory.storeBytes(of: place, as: UInt64.self)
            memory.storeBytes(of: UInt64(truncatingIfNeeded: domain), toByteOffset: 8, as: UInt64.self)
            memory[16] = source.isIPv6 ? 6 : 4
            UnsafeMutableRawBufferPointer(rebasing: memory[17...]).copyMemory(from: user)
            return Attempt(
                source: hash(UnsafeRawBufferPointer(rebasing: memory[..<17])).0,
                user: hash(UnsafeRawBufferPointer(memory)).0)
        }
    }

    /// Whether an attempt is let through.
    ///
    /// - Parameter now: microseconds since an instant of the run.
    func admit(_ attempt: Attempt, _ rates: Rates, now: UInt64) -> Verdict {
        let user = users.value(attempt.user)
        guard rates.user.hasToken(in: user, now: now) else {
            return .userWaits(rates.user.secondsUntilToken(in: user, now: now))
        }
        let source = sources.value(attempt.source)
        guard !rates.source.hasToken(in: source, now: now) else { return .admitted }
        let last = known.value(attempt.user)
        if last != 0, now &- min(last, now) < Self.memory { return .admitted }
        return .sourceWaits(rates.source.secondsUntilToken(in: source, now: now))
    }

    /// The request had no credentials, or wrong ones.
    func failed(_ attempt: Attempt, _ rates: Rates, now: UInt64) {
        users.change(attempt.user) { rates.user.charge(&$0, now: now) }
        sources.change(attempt.source) { rates.source.charge(&$0, now: now) }
    }

    /// The credentials were right: the request before, which had none, counts no more.
    func succeeded(_ attempt: Attempt, _ rates: Rates, now: UInt64) {
        let hasTried = users.change(attempt.user) { moment in
            guard moment > now else { return false }
            moment = 0
            return true
        }
        if hasTried { sources.change(attempt.source) { rates.source.refund(&$0, now: now) } }
        known.change(attempt.user) { $0 = max(1, now) }
    }
}
