/// Why a DTLS association is not there, or not any more.
@frozen
public enum DTLSError: Error, Hashable, Sendable {
    /// OpenSSL refused to make what is needed: out of memory, or an algorithm that is switched off.
    case cryptography
    /// No profile for SRTP was asked for that DTLS knows.
    case noProfileOffered
    /// The peer shares no profile for SRTP with us, or does not do DTLS-SRTP (RFC 5764 §4.1).
    case noProfile
    /// None of the peer's fingerprints is of a hash function that proves anything (RFC 8122 §5).
    case noAcceptableFingerprint
    /// The peer's certificate is not that of its fingerprints (RFC 8122 §6.2).
    case fingerprintMismatch
    /// The handshake failed; where the peer said why, `alert` is what it said (RFC 5246 §7.2), else 0.
    case handshakeFailed(alert: UInt8)
    /// A flight was repeated as often as it may be, and nobody answered.
    case timedOut
}

extension DTLSError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .cryptography: "OpenSSL refused"
        case .noProfileOffered: "there is no profile for SRTP to offer"
        case .noProfile: "the peer shares no profile for SRTP"
        case .noAcceptableFingerprint: "the peer has no fingerprint by SHA-256 or better"
        case .fingerprintMismatch: "the peer's certificate is not that of its fingerprint"
        case .handshakeFailed(let alert): alert == 0 ? "the handshake failed" : "the handshake failed: alert \(alert)"
        case .timedOut: "the peer does not answer"
        }
    }
}
