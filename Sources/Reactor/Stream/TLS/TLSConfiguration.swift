/// How connections are secured: who we are, whom we believe, and what is demanded (RFC 3261 §26.2.1, RFC 5922).
public struct TLSConfiguration: Sendable {
    /// The oldest version of the protocol that is spoken.
    public enum Version: String, CaseIterable, Sendable {
        /// TLS 1.2 (RFC 5246).
        case tls12 = "1.2"
        /// TLS 1.3 (RFC 8446).
        case tls13 = "1.3"
    }

    /// What clients that connect to us are asked to prove.
    public enum ClientVerification: String, CaseIterable, Sendable {
        /// Clients are not asked for a certificate.
        case none
        /// Clients may have a certificate; one that does not hold ends the handshake.
        case optional
        /// Clients without a certificate that holds are turned away.
        case required
    }

    /// Whose signature under a certificate counts.
    public enum Trust: Sendable {
        /// The authorities that the system trusts.
        case system
        /// The authorities in a file in PEM form, and no others.
        case authorities(TLSAuthorities)
    }

    /// Who we are. The first is shown to clients that name no domain, or one that none of them proves, and to servers that
    /// ask us for a certificate; without any no connection is accepted.
    public var identities: [TLSIdentity]

    /// Whose certificates are believed.
    public var trust = Trust.system

    /// What clients are asked to prove.
    public var clientVerification = ClientVerification.none

    /// The oldest version spoken. Older ones than 1.2 are never spoken (RFC 8996).
    public var minimumVersion = Version.tls12

    /// A configuration of a client without a certificate, or of a server with some.
    public init(identities: [TLSIdentity] = []) { self.identities = identities }
}
