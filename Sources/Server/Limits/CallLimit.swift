import SIP
import Synchronization

/// Counts the calls in progress of each user, over all lanes.
final class CallLimit: Sendable {
    private let counts: [Part]

    /// A part of the counts.
    private final class Part: Sendable {
        let users = Mutex<[UInt64: Int]>([:])
    }

    init() { counts = (0..<16).map { _ in Part() } }

    private func part(_ user: UInt64) -> Part { counts[Int(user >> 60)] }

    /// A call begins; false when the user has as many as are allowed.
    func begin(_ user: UInt64, limit: Int) -> Bool {
        part(user).users.withLock { users in
            let count = users[user] ?? 0
            guard count < limit else { return false }
            users[user] = count + 1
            return true
        }
    }

    /// A call has ended.
    func end(_ user: UInt64) {
        part(user).users.withLock { users in
            guard let count = users[user] else { return }
            users[user] = count > 1 ? count - 1 : nil
        }
    }

    /// Calls in progress of all users.
    var total: Int { counts.reduce(0) { $0 + $1.users.withLock { $0.values.reduce(0, +) } } }
}

/// The calls in progress that a lane has let through, and whose they are.
///
/// A call begins with its INVITE and ends with a refusal or a BYE. One that ends unseen, since its phones are gone or talk
/// past this server, is forgotten when nothing was heard of it for its lifetime.
struct CallLedger {
    private struct Entry {
        var user: UInt64
        var heard: ContinuousClock.Instant
    }

    /// The calls that a lane keeps; further ones are let through uncounted.
    static let capacity = 100_000

    private let limit: CallLimit
    private var calls: [UInt64: Entry] = [:]
    private let hash = SipHash.random()

    init(_ limit: CallLimit) { self.limit = limit }

    private func key(_ view: MessageView) -> UInt64? { (try? view.callID).map { hash(view.bytes($0)).0 } }

    /// Calls that are counted.
    var count: Int { calls.count }

    /// An INVITE of a user; false when the user has as many calls as are allowed. One that comes again, as with credentials, is
    /// the same call.
    mutating func begin(_ view: MessageView, user: UInt64, limit most: Int, now: ContinuousClock.Instant) -> Bool {
        guard most > 0, calls.count < Self.capacity, let key = key(view), calls[key] == nil else { return true }
        guard limit.begin(user, limit: most) else { return false }
        calls[key] = Entry(user: user, heard: now)
        return true
    }

    /// A request of a call that is there.
    mutating func hear(_ view: MessageView, now: ContinuousClock.Instant) {
        guard !calls.isEmpty, let key = key(view), calls[key] != nil else { return }
        if view.method == .bye { return forget(key) }
        calls[key]?.heard = now
    }

    /// The INVITE was refused, or could not be forwarded.
    mutating func end(_ view: MessageView) {
        guard !calls.isEmpty, let key = key(view) else { return }
        forget(key)
    }

    private mutating func forget(_ key: UInt64) {
        guard let entry = calls.removeValue(forKey: key) else { return }
        limit.end(entry.user)
    }

    /// Forgets the calls of which nothing was heard for a time.
    mutating func sweep(olderThan lifetime: Duration, now: ContinuousClock.Instant) {
        for (key, entry) in calls where now - entry.heard > lifetime { forget(key) }
    }
}
