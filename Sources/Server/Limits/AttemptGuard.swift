import Reactor
import SIP

/// Limits attempts to authenticate, of each user and of each source, over all lanes.
///
/// An attempt is a request without credentials, or with wrong ones. One that succeeds gives its token back: so those who have
/// their passwords use nothing up, and a carrier-grade NAT with thousands of them is never over its limit on their account. Where
/// others behind it use up what the source has, users who have authenticated from there before go on: only strangers to the source
/// wait. Nor can others at a source stop a user by wrong attempts in that name: a place, which is a source with its port, where the
/// user has authenticated before has attempts of its own.
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

    /// Who tries: a source, a user at it, and the user at the place in it that the request came from.
    struct Attempt: Sendable {
        let source: UInt64
        let user: UInt64
        let place: UInt64
    }

    /// The sources, and the users at sources, that are remembered.
    static let capacity = 65_536
    /// How long a user who has authenticated is known at a source: a day, in microseconds.
    static let memory: UInt64 = 86_400_000_000

    private let hash = SipHash.random()
    private let sources = BoundedTable(capacity: capacity)
    private let users = BoundedTable(capacity: capacity)
    private let known = BoundedTable(capacity: capacity)
    /// The same for places.
    private let places = BoundedTable(capacity: capacity)

    /// Who tries, by where the request came from and the user whom it names. Addresses of IPv6 count by their first 64 bits, as one
    /// subscriber has them all (RFC 6177).
    func attempt(_ source: TransportAddress, user: UnsafeRawBufferPointer, domain: Int) -> Attempt {
        let place = source.isIPv6 ? source.upperBits : source.lowerBits
        return withUnsafeTemporaryAllocation(byteCount: 17 + user.count + 10, alignment: 8) { memory in
            memory.storeBytes(of: place, as: UInt64.self)
            memory.storeBytes(of: UInt64(truncatingIfNeeded: domain), toByteOffset: 8, as: UInt64.self)
            memory[16] = source.isIPv6 ? 6 : 4
            let end = 17 + user.count
            UnsafeMutableRawBufferPointer(rebasing: memory[17..<end]).copyMemory(from: user)
            memory.storeBytes(of: source.lowerBits, toByteOffset: end, as: UInt64.self)
            memory.storeBytes(of: source.port, toByteOffset: end + 8, as: UInt16.self)
            return Attempt(
                source: hash(UnsafeRawBufferPointer(rebasing: memory[..<17])).0,
                user: hash(UnsafeRawBufferPointer(rebasing: memory[..<end])).0,
                place: hash(UnsafeRawBufferPointer(memory)).0)
        }
    }

    /// The bucket that an attempt takes from: that of its place where the user is known there.
    private func bucket(_ attempt: Attempt, now: UInt64) -> UInt64 {
        Self.isRecent(places.value(attempt.place), now: now) ? attempt.place : attempt.user
    }

    private static func isRecent(_ moment: UInt64, now: UInt64) -> Bool {
        moment != 0 && now &- min(moment, now) < memory
    }

    /// Whether an attempt is let through.
    ///
    /// - Parameter now: microseconds since an instant of the run.
    func admit(_ attempt: Attempt, _ rates: Rates, now: UInt64) -> Verdict {
        let user = users.value(bucket(attempt, now: now))
        guard rates.user.hasToken(in: user, now: now) else {
            return .userWaits(rates.user.secondsUntilToken(in: user, now: now))
        }
        let source = sources.value(attempt.source)
        guard !rates.source.hasToken(in: source, now: now) else { return .admitted }
        guard !Self.isRecent(known.value(attempt.user), now: now) else { return .admitted }
        return .sourceWaits(rates.source.secondsUntilToken(in: source, now: now))
    }

    /// The request had no credentials, or wrong ones.
    func failed(_ attempt: Attempt, _ rates: Rates, now: UInt64) {
        users.change(bucket(attempt, now: now)) { rates.user.charge(&$0, now: now) }
        sources.change(attempt.source) { rates.source.charge(&$0, now: now) }
    }

    /// The credentials were right: the request before, which had none, counts no more.
    func succeeded(_ attempt: Attempt, _ rates: Rates, now: UInt64) {
        let hasTried = users.change(bucket(attempt, now: now)) { moment in
            guard moment > now else { return false }
            moment = 0
            return true
        }
        if hasTried { sources.change(attempt.source) { rates.source.refund(&$0, now: now) } }
        known.change(attempt.user) { $0 = max(1, now) }
        places.change(attempt.place) { $0 = max(1, now) }
    }
}
