public import SRTP

/// Whether and how the media of an account's calls is encrypted (SRTP, RFC 3711).
///
/// A call whose media is encrypted stays so: a far side that wants it in the clear from then on is refused.
public struct MediaEncryption: Sendable, Hashable {
    /// When media is encrypted.
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        /// Never: a call that demands it is refused by 488.
        case off
        /// When the far side knows how (opportunistically, RFC 8643): the offer is one of plain media with keys beside it.
        case offer
        /// Always: a call without is refused by 488, or fails.
        case require
    }

    /// How the two sides come to keys.
    public enum KeyExchange: String, Sendable, Hashable, CaseIterable {
        /// By `a=crypto` in the session description (RFC 4568): as secret as signalling is, so it wants TLS all the way.
        case sdes
        /// By a handshake between the media ports (RFC 5763): secret even from the servers on the way, as far as they do not change the
        /// fingerprints.
        case dtls
    }

    /// When media is encrypted.
    public var mode: Mode

    /// What this side's offers propose. Those of far sides are answered either way.
    public var keyExchange: KeyExchange

    /// Ciphers in order of preference. The handshake knows those with 128-bit AES in counter mode and GCM only.
    public var profiles: [ProtectionProfile]

    /// Ciphers as they are preferred: what is both fast and known to nearly all is among them.
    public static let defaultProfiles: [ProtectionProfile] = [
        .aeadAES128GCM, .aeadAES256GCM, .aes128CounterModeSHA1_80, .aes256CounterModeSHA1_80,
    ]

    /// Media in the clear.
    public static let off = MediaEncryption(.off)

    /// Makes a policy.
    public init(
        _ mode: Mode, by keyExchange: KeyExchange = .sdes, profiles: [ProtectionProfile] = defaultProfiles
    ) {
        self.mode = mode
        self.keyExchange = keyExchange
        self.profiles = profiles
    }
}

/// Why the media of a call cannot be encrypted as it must be.
@frozen
public enum MediaSecurityError: Error, Hashable, Sendable {
    /// The far side offers media in the clear, and this side demands encryption.
    case notOffered
    /// The far side answers with media in the clear, and this side demands encryption.
    case notAnswered
    /// The media was encrypted, and the far side wants it in the clear.
    case downgrade
    /// The far side demands encryption, by nothing that this side knows: another cipher, key exchange or hash.
    case unsupported
    /// What the far side answers does not fit what was offered.
    case mismatch
    /// The handshake failed.
    case handshake(DTLSError)
    /// The keys cannot be used.
    case keys(SRTPError)
}

extension MediaSecurityError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notOffered: "The media is not encrypted, and must be"
        case .notAnswered: "The far side does not encrypt the media, and must"
        case .downgrade: "The media of the call is encrypted, and must stay so"
        case .unsupported: "The media is encrypted in no way that is known here"
        case .mismatch: "The far side's keys do not fit what was offered"
        case .handshake(let error): "The media cannot be encrypted: \(error)"
        case .keys(let error): "The media cannot be encrypted: \(error)"
        }
    }
}

/// What the calls of a user agent share to encrypt their media: the policy, and the certificate for handshakes.
public struct MediaSecurity: Sendable {
    /// The policy.
    public let encryption: MediaEncryption
    public let context: DTLSContext

    /// Makes a certificate, which lasts as long as this value and its copies.
    ///
    /// - Throws: `DTLSError` when OpenSSL cannot make it.
    public init(_ encryption: MediaEncryption) throws(DTLSError) {
        self.encryption = encryption
        let known = encryption.profiles.filter { $0.dtlsIdentifier != nil }
        context =
            known.isEmpty ? try DTLSContext(profiles: [.aes128CounterModeSHA1_80]) : try DTLSContext(profiles: known)
    }
}
