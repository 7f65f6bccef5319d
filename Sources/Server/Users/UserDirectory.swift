public import Routing
import Synchronization

/// The users of this server and their secrets, in memory; it follows the database and is asked from any lane.
public final class UserDirectory: Directory {
    /// What is kept of one user.
    public struct Entry: Sendable {
        /// H(username:realm:password) in hexadecimal digits, by algorithm.
        public var secrets: [DigestAlgorithmName: [UInt8]]
        /// The name to show.
        public var displayName: String

        public init(secrets: [DigestAlgorithmName: [UInt8]], displayName: String = "") {
            self.secrets = secrets
            self.displayName = displayName
        }
    }

    /// A user's name and the index of the domain.
    private struct Key: Hashable {
        var domain: Int
        var user: [UInt8]
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// Whether every name is taken for a user's: where nobody has to authenticate.
    private let admitsAnyone: Bool

    /// Makes an empty directory.
    public init(admitsAnyone: Bool = false) { self.admitsAnyone = admitsAnyone }

    /// Adds a user, or puts new secrets in the place of the old ones.
    public func set(_ user: String, domain: Int, _ entry: Entry) {
        let key = Key(domain: domain, user: Array(user.utf8))
        entries.withLock { $0[key] = entry }
    }

    /// Removes a user; true when there was one.
    @discardableResult
    public func remove(_ user: String, domain: Int) -> Bool {
        let key = Key(domain: domain, user: Array(user.utf8))
        return entries.withLock { $0.removeValue(forKey: key) != nil }
    }

    /// Whether there is an entry for a user.
    func contains(_ user: String, domain: Int) -> Bool {
        let key = Key(domain: domain, user: Array(user.utf8))
        return entries.withLock { $0[key] != nil }
    }

    /// The name to show for a user; nil when there is no such user.
    func displayName(of user: String, domain: Int) -> String? {
        let key = Key(domain: domain, user: Array(user.utf8))
        return entries.withLock { $0[key]?.displayName }
    }

    /// All users by domain and name.
    var all: [(domain: Int, name: String, displayName: String)] {
        entries.withLock { entries in
            entries.map { ($0.key.domain, String(decoding: $0.key.user, as: UTF8.self), $0.value.displayName) }
        }.sorted { ($0.domain, $0.name) < ($1.domain, $1.name) }
    }

    /// Number of users.
    public var count: Int { entries.withLock { $0.count } }

    public func isUser(_ user: UnsafeRawBufferPointer, domain: Int) -> Bool {
        if admitsAnyone { return true }
        let key = Key(domain: domain, user: Array(user))
        return entries.withLock { $0[key] != nil }
    }

    public func secret(user: UnsafeRawBufferPointer, domain: Int, algorithm: DigestAlgorithmName) -> [UInt8]? {
        let key = Key(domain: domain, user: Array(user))
        return entries.withLock { $0[key]?.secrets[algorithm] }
    }
}
