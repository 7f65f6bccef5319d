/// A username and its secret, with which a client answers challenges.
public struct DigestAccount: Hashable, Sendable {
    /// What proves the user's identity.
    public enum Secret: Hashable, Sendable {
        /// The password, as bytes of UTF-8.
        case password([UInt8])
        /// H(A1) in lower-case hexadecimal for each hash function; good for one realm only (RFC 7616 §3.4.2).
        case ha1([DigestHashFunction: [UInt8]])
    }

    /// The username, as bytes of UTF-8.
    public var username: [UInt8]

    /// The secret.
    public var secret: Secret

    /// The realm that the account is for; nil answers every realm.
    public var realm: [UInt8]?

    /// An account.
    public init(username: [UInt8], secret: Secret, realm: [UInt8]? = nil) {
        self.username = username
        self.secret = secret
        self.realm = realm
    }

    /// An account with a password.
    public init(username: String, password: String, realm: String? = nil) {
        self.init(
            username: Array(username.utf8), secret: .password(Array(password.utf8)), realm: realm.map { Array($0.utf8) }
        )
    }
}

extension DigestAccount: CustomStringConvertible {
    /// The username and realm; never the secret.
    public var description: String {
        let name = String(decoding: username, as: UTF8.self)
        return realm.map { "\(name) in \(String(decoding: $0, as: UTF8.self))" } ?? name
    }
}
