public import Routing
import SIP
import Synchronization

/// The users of this server and their secrets, in memory; it follows the database and is asked from any lane.
///
/// Users lie in parts by the keyed hash of their names, each under a mutex of its own for the time of a look, so that lanes
/// seldom meet. A look allocates nothing.
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

    /// The keyed hash of a user's name and the index of the domain: 128 bits, which no two users share.
    private struct Key: Hashable {
        var low: UInt64
        var high: UInt64

        func hash(into hasher: inout Hasher) { hasher.combine(low) }
    }

    /// A user with the secrets at hand: an object, so that a look takes one reference and no copy of all that is known.
    private final class Resident: Sendable {
        let domain: Int
        let name: String
        let displayName: String
        let md5: [UInt8]?
        let sha256: [UInt8]?

        init(domain: Int, name: String, entry: Entry) {
            self.domain = domain
            self.name = name
            displayName = entry.displayName
            md5 = entry.secrets[.md5]
            sha256 = entry.secrets[.sha256]
        }

        func secret(_ algorithm: DigestAlgorithmName) -> [UInt8]? {
            switch algorithm {
            case .md5: md5
            case .sha256: sha256
            }
        }
    }

    private final class Part: Sendable {
        let residents = Mutex<[Key: Resident]>([:])
    }

    /// The number of parts.
    static let partCount = 64

    private let parts = (0..<partCount).map { _ in Part() }
    private let hash = SipHash.random()

    /// Whether every name is taken for a user's: where nobody has to authenticate.
    private let admitsAnyone: Bool

    /// Makes an empty directory.
    public init(admitsAnyone: Bool = false) { self.admitsAnyone = admitsAnyone }

    private func key(_ user: UnsafeRawBufferPointer, _ domain: Int) -> Key {
        let (low, high) = hash(user)
        let salt = UInt64(truncatingIfNeeded: domain) &* 0x9E37_79B9_7F4A_7C15
        return Key(low: low ^ salt, high: high ^ salt)
    }

    private func key(_ user: String, _ domain: Int) -> Key {
        var user = user
        return user.withUTF8 { key(UnsafeRawBufferPointer($0), domain) }
    }

    private func part(_ key: Key) -> Part { parts[Int(key.high % UInt64(Self.partCount))] }

    /// Adds a user, or puts new secrets in the place of the old ones.
    public func set(_ user: String, domain: Int, _ entry: Entry) {
        let key = key(user, domain)
        part(key).residents.withLock { $0[key] = Resident(domain: domain, name: user, entry: entry) }
    }

    /// Removes a user; true when there was one.
    @discardableResult
    public func remove(_ user: String, domain: Int) -> Bool {
        let key = key(user, domain)
        return part(key).residents.withLock { $0.removeValue(forKey: key) != nil }
    }

    /// Whether there is an entry for a user.
    func contains(_ user: String, domain: Int) -> Bool {
        let key = key(user, domain)
        return part(key).residents.withLock { $0[key] != nil }
    }

    /// The name to show for a user; nil when there is no such user.
    func displayName(of user: String, domain: Int) -> String? {
        let key = key(user, domain)
        return part(key).residents.withLock { $0[key]?.displayName }
    }

    /// All users by domain and name.
    var all: [(domain: Int, name: String, displayName: String)] {
        parts.flatMap { part in
            part.residents.withLock { $0.values.map { ($0.domain, $0.name, $0.displayName) } }
        }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    }

    /// Number of users.
    public var count: Int { parts.reduce(0) { $0 + $1.residents.withLock { $0.count } } }

    public func isUser(_ user: UnsafeRawBufferPointer, domain: Int) -> Bool {
        if admitsAnyone { return true }
        let key = key(user, domain)
        return part(key).residents.withLock { $0[key] != nil }
    }

    public func secret(user: UnsafeRawBufferPointer, domain: Int, algorithm: DigestAlgorithmName) -> [UInt8]? {
        let key = key(user, domain)
        return part(key).residents.withLock { $0[key]?.secret(algorithm) }
    }
}
