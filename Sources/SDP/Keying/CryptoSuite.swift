/// A crypto-suite of SRTP. RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.1.
///
/// F8 (RFC 4568 §6.2.3) and suites without encryption are not among them: a line with one is a line with an unknown suite.
public enum CryptoSuite: String, Hashable, Sendable, CaseIterable {
    case aesCM128HMACSHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    case aesCM128HMACSHA1_32 = "AES_CM_128_HMAC_SHA1_32"
    case aes192CMHMACSHA1_80 = "AES_192_CM_HMAC_SHA1_80"
    case aes192CMHMACSHA1_32 = "AES_192_CM_HMAC_SHA1_32"
    case aes256CMHMACSHA1_80 = "AES_256_CM_HMAC_SHA1_80"
    case aes256CMHMACSHA1_32 = "AES_256_CM_HMAC_SHA1_32"
    case aeadAES128GCM = "AEAD_AES_128_GCM"
    case aeadAES256GCM = "AEAD_AES_256_GCM"

    /// Finds the suite with a name, in any case (RFC 4568 §4).
    init?(name: ArraySlice<UInt8>) {
        guard
            let found = Self.allCases.first(where: {
                $0.rawValue.utf8.count == name.count
                    && zip($0.rawValue.utf8, name).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
            })
        else { return nil }
        self = found
    }

    /// Octets of the master key.
    public var keyLength: Int {
        switch self {
        case .aesCM128HMACSHA1_80, .aesCM128HMACSHA1_32, .aeadAES128GCM: 16
        case .aes192CMHMACSHA1_80, .aes192CMHMACSHA1_32: 24
        case .aes256CMHMACSHA1_80, .aes256CMHMACSHA1_32, .aeadAES256GCM: 32
        }
    }

    /// Octets of the master salt.
    public var saltLength: Int {
        switch self {
        case .aeadAES128GCM, .aeadAES256GCM: 12
        default: 14
        }
    }

    /// Most packets of a stream under one master key: 2^48, the bound for RTP. For RTCP it is 2^31 whatever a line says.
    public static let maximumLifetime: UInt64 = 1 << 48
}
