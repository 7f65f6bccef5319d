/// The hash functions, given from outside since this target links no cryptography.
public struct STUNHash: Sendable {
    /// Hashes `input` as a whole and fills `output`, which has exactly the digest's size.
    public typealias Function =
        @Sendable (_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Void

    /// Authenticates `head` and behind it `rest`, which are one message, by `key`, and fills `output` (RFC 2104).
    public typealias Authentication =
        @Sendable (
            _ key: UnsafeRawBufferPointer, _ head: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer,
            _ output: UnsafeMutableRawBufferPointer
        ) -> Void

    /// MD5 (RFC 1321), 16 octets.
    public var md5: Function
    /// SHA-256 (FIPS 180-4), 32 octets.
    public var sha256: Function
    /// HMAC-SHA1, 20 octets.
    public var hmacSHA1: Authentication
    /// HMAC-SHA256, 32 octets.
    public var hmacSHA256: Authentication

    /// A table of functions.
    public init(
        md5: @escaping Function, sha256: @escaping Function, hmacSHA1: @escaping Authentication,
        hmacSHA256: @escaping Authentication
    ) {
        self.md5 = md5
        self.sha256 = sha256
        self.hmacSHA1 = hmacSHA1
        self.hmacSHA256 = hmacSHA256
    }

    func digest(_ input: [UInt8], _ function: Function, size: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let output = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<size])
            input.withUnsafeBytes { function($0, output) }
            count = size
        }
    }
}

/// How a key of long-term credentials is made of a password (RFC 8489 §18.5).
public enum PasswordAlgorithm: UInt16, Hashable, Sendable, CaseIterable {
    case md5 = 1
    case sha256 = 2
}

/// What proves messages: the key of both attributes of integrity.
public struct STUNKey: Hashable, Sendable {
    public let octets: [UInt8]

    public init(octets: [UInt8]) { self.octets = octets }

    /// The key of short-term credentials: the password, to which OpaqueString (RFC 8265) was applied (RFC 8489 §9.1.1).
    public static func shortTerm(_ password: [UInt8]) -> STUNKey { STUNKey(octets: password) }

    /// The key of long-term credentials (RFC 8489 §9.2.2, §18.5.1): a hash of `username:realm:password`, to which
    /// OpaqueString was applied.
    public static func longTerm(
        username: [UInt8], realm: [UInt8], password: [UInt8], _ algorithm: PasswordAlgorithm = .md5, _ hash: STUNHash
    ) -> STUNKey {
        let colon = [UInt8(ascii: ":")]
        let input = username + colon + realm + colon + password
        return switch algorithm {
        case .md5: STUNKey(octets: hash.digest(input, hash.md5, size: 16))
        case .sha256: STUNKey(octets: hash.digest(input, hash.sha256, size: 32))
        }
    }

    /// USERHASH, which stands for a user to those who know the names (RFC 8489 §14.4).
    public static func userhash(username: [UInt8], realm: [UInt8], _ hash: STUNHash) -> [UInt8] {
        hash.digest(username + [UInt8(ascii: ":")] + realm, hash.sha256, size: 32)
    }
}
