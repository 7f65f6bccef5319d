import COpenSSL

/// The hash of a certificate in DER, by which a description names it (RFC 8122 §5).
public struct CertificateFingerprint: Hashable, Sendable {
    /// Hash functions that prove a certificate; the strongest is preferred.
    @frozen
    public enum HashFunction: UInt8, Hashable, Sendable, CaseIterable {
        case sha512
        case sha384
        case sha256
    }

    /// The hash function.
    public let hash: HashFunction

    /// The hash: 32, 48 or 64 octets.
    public let octets: [UInt8]

    /// Takes the parts.
    public init(_ hash: HashFunction, _ octets: [UInt8]) {
        self.hash = hash
        self.octets = octets
    }

    /// Hashes a certificate of OpenSSL; `nil` when that fails.
    init?(_ hash: HashFunction, of certificate: OpaquePointer) {
        let function: OpaquePointer? =
            switch hash {
            case .sha256: EVP_sha256()
            case .sha384: EVP_sha384()
            case .sha512: EVP_sha512()
            }
        var octets = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard let function, X509_digest(certificate, function, &octets, &count) == 1 else { return nil }
        self.init(hash, Array(octets.prefix(Int(count))))
    }

    /// The fingerprints of a certificate by all functions.
    static func all(of certificate: OpaquePointer) -> [CertificateFingerprint] {
        HashFunction.allCases.compactMap { CertificateFingerprint($0, of: certificate) }
    }

    /// Whether a certificate with the fingerprints `shown` is one of those that were `named`: by the most preferred function of
    /// those that the peer has used (RFC 8122 §5.1).
    static func proves(_ shown: [CertificateFingerprint], named: [CertificateFingerprint]) -> Bool {
        guard let preferred = HashFunction.allCases.first(where: { hash in named.contains { $0.hash == hash } }) else {
            return false
        }
        return shown.contains { $0.hash == preferred && named.contains($0) }
    }
}
