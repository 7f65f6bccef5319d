/// Ciphers and tags of an SRTP session: the crypto-suites of RFC 4568 §6.2, RFC 6188 §4 and RFC 7714 §14.1, of which some are the
/// SRTP protection profiles of RFC 5764 §4.1.2 and RFC 7714 §14.2 too.
///
/// All encrypt and all authenticate. The suites with a NULL cipher or without authentication have no value here.
@frozen
public enum ProtectionProfile: UInt8, Hashable, Sendable, CaseIterable {
    /// AES-128 in GCM, tags of 128 bits.
    case aeadAES128GCM
    /// AES-256 in GCM, tags of 128 bits.
    case aeadAES256GCM
    /// AES-128 in counter mode with HMAC-SHA1, tags of 80 bits.
    case aes128CounterModeSHA1_80
    /// AES-128 in counter mode with HMAC-SHA1, tags of 32 bits for RTP and 80 for RTCP.
    case aes128CounterModeSHA1_32
    /// AES-192 in counter mode with HMAC-SHA1, tags of 80 bits.
    case aes192CounterModeSHA1_80
    /// AES-192 in counter mode with HMAC-SHA1, tags of 32 bits for RTP and 80 for RTCP.
    case aes192CounterModeSHA1_32
    /// AES-256 in counter mode with HMAC-SHA1, tags of 80 bits.
    case aes256CounterModeSHA1_80
    /// AES-256 in counter mode with HMAC-SHA1, tags of 32 bits for RTP and 80 for RTCP.
    case aes256CounterModeSHA1_32
}

extension ProtectionProfile {
    /// Whether one algorithm both encrypts and authenticates (RFC 7714).
    @inlinable
    public var isAEAD: Bool { self == .aeadAES128GCM || self == .aeadAES256GCM }

    /// Octets of the master key and of the session's encryption key.
    public var keyLength: Int {
        switch self {
        case .aeadAES128GCM, .aes128CounterModeSHA1_80, .aes128CounterModeSHA1_32: 16
        case .aes192CounterModeSHA1_80, .aes192CounterModeSHA1_32: 24
        case .aeadAES256GCM, .aes256CounterModeSHA1_80, .aes256CounterModeSHA1_32: 32
        }
    }

    /// Octets of the master salt and of the session's salt: 12 with GCM (RFC 7714 §12), 14 else.
    public var saltLength: Int { isAEAD ? 12 : 14 }

    /// Octets of the session's key of HMAC-SHA1; none with GCM.
    public var authenticationKeyLength: Int { isAEAD ? 0 : HMACSHA1.keyLength }

    /// Octets of the tag of an RTP packet.
    public var tagLength: Int {
        switch self {
        case .aeadAES128GCM, .aeadAES256GCM: 16
        case .aes128CounterModeSHA1_80, .aes192CounterModeSHA1_80, .aes256CounterModeSHA1_80: 10
        case .aes128CounterModeSHA1_32, .aes192CounterModeSHA1_32, .aes256CounterModeSHA1_32: 4
        }
    }

    /// Octets of the tag of an RTCP packet, which is never one of 32 bits (RFC 5764 §4.1.2, RFC 6188 §4).
    public var controlTagLength: Int { isAEAD ? 16 : 10 }

    /// The name of the crypto-suite in `a=crypto`.
    public var cryptoSuite: String {
        switch self {
        case .aeadAES128GCM: "AEAD_AES_128_GCM"
        case .aeadAES256GCM: "AEAD_AES_256_GCM"
        case .aes128CounterModeSHA1_80: "AES_CM_128_HMAC_SHA1_80"
        case .aes128CounterModeSHA1_32: "AES_CM_128_HMAC_SHA1_32"
        case .aes192CounterModeSHA1_80: "AES_192_CM_HMAC_SHA1_80"
        case .aes192CounterModeSHA1_32: "AES_192_CM_HMAC_SHA1_32"
        case .aes256CounterModeSHA1_80: "AES_256_CM_HMAC_SHA1_80"
        case .aes256CounterModeSHA1_32: "AES_256_CM_HMAC_SHA1_32"
        }
    }

    /// The profile of a crypto-suite; `nil` when it is not one of these.
    public init?(cryptoSuite name: some StringProtocol) {
        guard let found = Self.allCases.first(where: { $0.cryptoSuite == name }) else { return nil }
        self = found
    }

    /// The number of the profile in DTLS; `nil` for those that DTLS does not know.
    public var dtlsIdentifier: UInt16? {
        switch self {
        case .aes128CounterModeSHA1_80: 0x0001
        case .aes128CounterModeSHA1_32: 0x0002
        case .aeadAES128GCM: 0x0007
        case .aeadAES256GCM: 0x0008
        default: nil
        }
    }

    /// The profile with a number in DTLS; `nil` when it is not one of these.
    public init?(dtlsIdentifier: UInt16) {
        guard let found = Self.allCases.first(where: { $0.dtlsIdentifier == dtlsIdentifier }) else { return nil }
        self = found
    }
}
