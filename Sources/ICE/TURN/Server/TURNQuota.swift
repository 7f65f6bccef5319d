import Synchronization

/// How many allocations there may be: in all and of one user. Servers on several threads share one.
public final class TURNQuota: Sendable {
    /// The most in all.
    public let total: Int
    /// The most of one user.
    public let perUser: Int

    private struct Counts {
        var total = 0
        var users: [[UInt8]: Int] = [:]
    }

    private let counts = Mutex(Counts())

    public init(total: Int = 10_000, perUser: Int = 100) {
        self.total = total
        self.perUser = perUser
    }

    /// Allocations that there are.
    public var count: Int { counts.withLock { $0.total } }

    /// Counts one in, if there is room for it.
    func take(_ user: [UInt8]) -> Bool {
        counts.withLock { counts in
            guard counts.total < total, counts.users[user, default: 0] < perUser else { return false }
            counts.total += 1
            counts.users[user, default: 0] += 1
            return true
        }
    }

    /// Counts one out that was counted in.
    func give(_ user: [UInt8]) {
        counts.withLock { counts in
            counts.total -= 1
            let rest = counts.users[user, default: 1] - 1
            counts.users[user] = rest > 0 ? rest : nil
        }
    }
}
