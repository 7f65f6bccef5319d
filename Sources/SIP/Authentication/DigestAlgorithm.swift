/// The hash functions of Digest authentication (RFC 7616 §6.1, RFC 8760 §2.7).
public enum DigestHashFunction: UInt8, CaseIterable, Hashable, Sendable {
    /// MD5, for old peers only.
    case md5
    /// SHA-256.
    case sha256
    /// SHA-512/256, written `SHA-512-256` in header fields.
    case sha512_256

    /// The size of a digest in bytes; in header fields it has twice as many hexadecimal digits.
    public var digestSize: Int {
        switch self {
        case .md5: 16
        case .sha256, .sha512_256: 32
        }
    }
}

/// The `algorithm` parameter: a hash function, and whether the key is bound to the session (RFC 7616 §3.3, §3.4.2).
public struct DigestAlgorithm: Hashable, Sendable {
    /// The hash function.
    public var function: DigestHashFunction

    /// Whether this is the `-sess` variant.
    public var isSession: Bool

    /// An algorithm.
    public init(_ function: DigestHashFunction, isSession: Bool = false) {
        self.function = function
        self.isSession = isSession
    }

    /// `MD5`, which also is meant where the parameter is absent (RFC 7616 §3.3).
    public static let md5 = DigestAlgorithm(.md5)

    /// `SHA-256`.
    public static let sha256 = DigestAlgorithm(.sha256)

    /// `SHA-512-256`.
    public static let sha512_256 = DigestAlgorithm(.sha512_256)

    /// The name in header fields.
    public var name: StaticString {
        switch (function, isSession) {
        case (.md5, false): "MD5"
        case (.md5, true): "MD5-sess"
        case (.sha256, false): "SHA-256"
        case (.sha256, true): "SHA-256-sess"
        case (.sha512_256, false): "SHA-512-256"
        case (.sha512_256, true): "SHA-512-256-sess"
        }
    }

    /// The algorithm that a parameter value names, whatever its case, or nil.
    init?(named value: AuthParameterValue, in field: UnsafeRawBufferPointer) {
        switch value.range.count {
        case 3 where value.matches("md5", in: field): self = .md5
        case 7 where value.matches("sha-256", in: field): self = .sha256
        case 8 where value.matches("md5-sess", in: field): self.init(.md5, isSession: true)
        case 11 where value.matches("sha-512-256", in: field): self = .sha512_256
        case 12 where value.matches("sha-256-sess", in: field): self.init(.sha256, isSession: true)
        case 16 where value.matches("sha-512-256-sess", in: field): self.init(.sha512_256, isSession: true)
        default: return nil
        }
    }
}

/// The quality of protection: what the digest covers (RFC 7616 §3.3).
public enum DigestQuality: UInt8, CaseIterable, Hashable, Sendable {
    /// `auth`: method and URI.
    case auth
    /// `auth-int`: method, URI and body.
    case authInt

    /// The name in header fields.
    public var name: StaticString {
        switch self {
        case .auth: "auth"
        case .authInt: "auth-int"
        }
    }
}
