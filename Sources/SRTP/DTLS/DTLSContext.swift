import COpenSSL

/// Our certificate, and all that the associations of a process have in common. RFC 5763, RFC 5764.
///
/// The certificate is made when the context is: self-signed, with a key on P-256, proved to peers by its fingerprint alone, and gone
/// with the process. Only DTLS 1.2 is spoken.
///
/// `@unchecked Sendable`: the context of OpenSSL counts its references atomically and is not changed after the initialiser.
public final class DTLSContext: @unchecked Sendable {
    /// Fingerprints of our certificate, SHA-512 first.
    public let fingerprints: [CertificateFingerprint]

    /// Profiles for SRTP, in order of preference. A server chooses by its own order.
    public let profiles: [ProtectionProfile]

    /// The bounds of associations.
    public enum Limits {
        /// Longest datagram of a handshake, octets: small enough for any path.
        public static let mtu = 1_200

        /// Longest list of certificates of a peer, octets.
        public static let maximumCertificates = 16_384

        /// Datagrams that wait to be sent; more are dropped like on a full link, and repeated later.
        public static let maximumDatagrams = 64

        /// Records that one datagram from the peer may hold which are neither of the handshake nor an alert. They are thrown away.
        public static let maximumRecords = 64

        /// Seconds that the certificate is valid before and after it is made: clocks differ, and peers look at it or not.
        static let validity = (before: -86_400, after: 365 * 86_400)
    }

    /// When flights are repeated (RFC 6347 §4.2.4.1).
    public struct Retransmission: Hashable, Sendable {
        /// Time until the first repetition; each further one waits twice as long.
        public var first: Duration = .seconds(1)

        /// Longest time between repetitions.
        public var longest: Duration = .seconds(60)

        /// The values of the RFC.
        public init() {}
    }

    /// When flights are repeated.
    public let retransmission: Retransmission

    let context: OpaquePointer

    /// Forward secrecy and authenticated encryption first; what RFC 8827 §6.5 asks of everybody is among them.
    private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP"

    /// Makes a certificate, and a context with it.
    public init(
        profiles: [ProtectionProfile] = [.aeadAES256GCM, .aeadAES128GCM, .aes128CounterModeSHA1_80],
        retransmission: Retransmission = Retransmission()
    ) throws(DTLSError) {
        self.profiles = profiles.filter { $0.dtlsIdentifier != nil }
        self.retransmission = retransmission
        guard !self.profiles.isEmpty else { throw .noProfileOffered }
        guard let method = DTLS_method(), let context = SSL_CTX_new(method) else { throw .cryptography }
        self.context = context
        guard let key = openssl_new_p256_key() else {
            fingerprints = []
            throw .cryptography
        }
        defer { EVP_PKEY_free(key) }
        guard let certificate = Self.certificate(for: key) else {
            fingerprints = []
            throw .cryptography
        }
        defer { X509_free(certificate) }
        fingerprints = CertificateFingerprint.all(of: certificate)
        let names = self.profiles.map(Self.name).joined(separator: ":")
        guard openssl_set_dtls12(context) == 1, SSL_CTX_use_certificate(context, certificate) == 1,
            SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_set_cipher_list(context, Self.ciphers) == 1,
            SSL_CTX_set_tlsext_use_srtp(context, names) == 0,
            fingerprints.count == CertificateFingerprint.HashFunction.allCases.count
        else { throw .cryptography }
        openssl_set_habits(context)
        openssl_set_max_cert_list(context, Limits.maximumCertificates)
        // Both sides show a certificate (RFC 5763 §5), and nothing but its fingerprint is looked at.
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        SSL_CTX_set_cert_verify_callback(context, { store, _ in DTLSSession.verify(store) }, nil)
    }

    deinit { SSL_CTX_free(context) }

    /// A certificate that its owner signs.
    private static func certificate(for key: OpaquePointer) -> OpaquePointer? {
        guard let certificate = X509_new() else { return nil }
        var serial: UInt64 = 0
        let drawn = withUnsafeMutableBytes(of: &serial) {
            RAND_bytes($0.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32($0.count))
        }
        guard drawn == 1, X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1,
            X509_gmtime_adj(X509_getm_notBefore(certificate), Limits.validity.before) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), Limits.validity.after) != nil,
            X509_set_pubkey(certificate, key) == 1, openssl_set_name(certificate, "itodenwa") == 1,
            X509_sign(certificate, key, EVP_sha256()) > 0
        else {
            X509_free(certificate)
            return nil
        }
        return certificate
    }

    /// The name that OpenSSL gives a profile.
    private static func name(_ profile: ProtectionProfile) -> String {
        switch profile {
        case .aeadAES128GCM: "SRTP_AEAD_AES_128_GCM"
        case .aeadAES256GCM: "SRTP_AEAD_AES_256_GCM"
        case .aes128CounterModeSHA1_32: "SRTP_AES128_CM_SHA1_32"
        default: "SRTP_AES128_CM_SHA1_80"
        }
    }
}
