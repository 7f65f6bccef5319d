/// Who may have allocations: users with passwords, and whoever was given credentials for a time by someone who knows a secret.
///
/// The latter are of draft-uberti-behave-turn-rest §2.2: the name is `EXPIRY:USER` or `EXPIRY`, the time in seconds since 1970 at
/// which it expires; the password is base64 of HMAC-SHA1 of the name by the secret.
public struct TURNAccounts: Sendable {
    /// The longest name of a user, octets (RFC 8489 §14.3).
    public static let longestName = 509

    /// What a user's messages are proven with, by algorithm. Passwords are not kept (RFC 8656 §6).
    private struct Keys: Sendable {
        var md5: STUNKey
        var sha256: STUNKey
    }

    /// The realm that the names are of.
    public let realm: [UInt8]
    private let hash: STUNHash
    private var users: [[UInt8]: Keys] = [:]
    private var secrets: [[UInt8]] = []

    /// Nobody's.
    ///
    /// - Parameter realm: fewer than 128 characters (RFC 8489 §14.9).
    public init(realm: [UInt8], hash: STUNHash) {
        self.realm = realm
        self.hash = hash
    }

    /// Adds a user, in place of one with the same name. Name and password have gone through OpaqueString (RFC 8265).
    public mutating func add(user: [UInt8], password: [UInt8]) {
        users[user] = Keys(
            md5: .longTerm(username: user, realm: realm, password: password, .md5, hash),
            sha256: .longTerm(username: user, realm: realm, password: password, .sha256, hash))
    }

    /// Adds a secret for credentials that hold for a time; several are for the time when one takes the place of another.
    public mutating func add(secret: [UInt8]) { secrets.append(secret) }

    /// The keys that a user's messages may be proven with; none for one that there is not.
    ///
    /// - Parameters:
    ///   - time: seconds since 1970.
    ///   - hasAllocation: whether the user asks for what it has already: it goes on when the time of its credentials is over.
    func keys(_ user: [UInt8], _ algorithm: PasswordAlgorithm, time: Int64, hasAllocation: Bool) -> [STUNKey] {
        if let keys = users[user] { return [algorithm == .md5 ? keys.md5 : keys.sha256] }
        guard !secrets.isEmpty, let expiry = Self.expiry(of: user), hasAllocation || expiry > time else { return [] }
        return secrets.map { secret in
            let password = Base64.encode(hash.authenticate(user, secret, hash.hmacSHA1, size: 20))
            return .longTerm(username: user, realm: realm, password: password, algorithm, hash)
        }
    }

    /// Whom the allocations of a name are counted for: the user behind the time, whatever that is.
    func account(of user: [UInt8]) -> [UInt8] {
        guard users[user] == nil, let colon = user.firstIndex(of: UInt8(ascii: ":")) else { return user }
        return [UInt8](user[(colon + 1)...])
    }

    /// The time of a name of credentials that hold for a time, seconds since 1970.
    private static func expiry(of user: [UInt8]) -> Int64? {
        let digits = user.prefix { $0 != UInt8(ascii: ":") }
        guard (1...18).contains(digits.count) else { return nil }
        var time: Int64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            time = time * 10 + Int64(digit - 0x30)
        }
        return time
    }
}
