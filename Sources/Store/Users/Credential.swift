import Crypto
import Foundation

/// What the server keeps in place of a password: H(A1) of Digest for one user name, realm and algorithm
/// (RFC 7616 §3.4.2), from which answers to challenges are checked. The password itself is never stored.
///
/// Whoever has it can register as the user, so it is treated like a password (RFC 7616 §5.2): no description shows it.
public struct Credential: Hashable, Sendable {
    /// The hash functions that SIP uses for Digest (RFC 8760 §2.1).
    public enum Algorithm: String, CaseIterable, Sendable {
        /// For phones that know nothing better.
        case md5 = "MD5"
        /// Preferred.
        case sha256 = "SHA-256"
    }

    /// The user name that the phone gives in its answer; the user part of the address unless agreed otherwise.
    public let username: String

    /// The realm of the challenge that this answers.
    public let realm: String

    /// The hash function of both this secret and the challenge.
    public let algorithm: Algorithm

    /// H(username ":" realm ":" password): 16 bytes for MD5, 32 for SHA-256. Digest uses its `hexadecimal` form.
    public let ha1: [UInt8]

    /// Takes a secret that was computed elsewhere, for example an imported one.
    ///
    /// - Throws: `StoreError` with `invalidRecord` when the length does not suit the algorithm or the user name holds a
    ///   colon, which would make it ambiguous.
    public init(username: String, realm: String, algorithm: Algorithm, ha1: [UInt8]) throws(StoreError) {
        try UserRecord.check(username, "user name", forbidding: ":")
        try UserRecord.check(realm, "realm", forbidding: "")
        let expected = algorithm == .md5 ? Insecure.MD5.byteCount : SHA256.byteCount
        guard ha1.count == expected else {
            throw StoreError(
                .invalidRecord, "a secret for \(algorithm.rawValue) has \(expected) bytes, not \(ha1.count)")
        }
        self.username = username
        self.realm = realm
        self.algorithm = algorithm
        self.ha1 = ha1
    }

    /// Computes the secret from a password.
    ///
    /// User name and password are taken as UTF-8 in Unicode normalisation form C (RFC 7616 §4).
    ///
    /// - Throws: `StoreError` with `invalidRecord` when the password is empty or the user name or realm cannot be used.
    public init(username: String, realm: String, password: String, algorithm: Algorithm) throws(StoreError) {
        guard !password.isEmpty else { throw StoreError(.invalidRecord, "the password is empty") }
        let name = username.precomposedStringWithCanonicalMapping
        let a1 = Array("\(name):\(realm):\(password.precomposedStringWithCanonicalMapping)".utf8)
        let hash = algorithm == .md5 ? Array(Insecure.MD5.hash(data: a1)) : Array(SHA256.hash(data: a1))
        try self.init(username: name, realm: realm, algorithm: algorithm, ha1: hash)
    }

    /// Computes the secrets for all algorithms from a password.
    ///
    /// - Throws: as the initialiser that takes a password.
    public static func all(username: String, realm: String, password: String) throws(StoreError) -> [Credential] {
        var credentials: [Credential] = []
        for algorithm in Algorithm.allCases {
            credentials.append(
                try Credential(username: username, realm: realm, password: password, algorithm: algorithm))
        }
        return credentials
    }

    /// The secret in lower-case hexadecimal digits, the form that enters the hash of an answer (RFC 7616 §3.4.1).
    public var hexadecimal: [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return ha1.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Names the credential without its secret.
    public var description: String { "Credential(\(username), realm \(realm), \(algorithm.rawValue))" }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// Hides the secret from `dump` and from interpolated collections.
    public var customMirror: Mirror {
        Mirror(self, children: ["username": username, "realm": realm, "algorithm": algorithm])
    }
}
