import Glibc
import NIOSSL
import SwiftASN1
import X509

/// Why a connection could not be secured, for a person.
public struct TLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Kind: String, Hashable, Sendable {
        /// The peer's certificate is signed by nobody we trust.
        case untrusted
        /// The peer's certificate is not valid any more, or not yet.
        case expired
        /// The peer's certificate is of somebody else.
        case wrongName
        /// The peer has shown no certificate, and was asked for one.
        case noCertificate
        /// The peer does not accept our certificate, or wants one that we do not have.
        case refused
        /// What the peer says is no TLS, or of no version and suite in common.
        case incompatible
        /// The peer has closed the connection in the middle of the handshake.
        case interrupted
        /// The handshake took too long.
        case timeout
        /// TLS cannot be set up here.
        case setup
    }

    /// The kind of failure.
    public let kind: Kind

    /// What happened, and what can be done about it.
    public let reason: String

    init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    public var description: String { reason }

    /// The failure of a handshake.
    ///
    /// - Parameter certificate: what the peer has shown, if it came to that.
    init(_ error: any Error, certificate: NIOSSLCertificate?) {
        if let failure = error as? TLSFailure {
            self = failure
            return
        }
        let text = "\(error)"
        guard !text.contains("CERTIFICATE_VERIFY_FAILED") else {
            self = Self.judge(certificate)
            return
        }
        if let rule = Self.rules.first(where: { text.contains($0.mark) }) {
            self.init(rule.kind, rule.reason)
        } else {
            self.init(.incompatible, "TLS failed: \(Self.shortened(text))")
        }
    }

    /// What the words of the library mean, the particular ones first.
    private static let rules: [(mark: String, kind: Kind, reason: String)] = [
        ("eofDuring", .interrupted, "the peer closed the connection during the TLS handshake"),
        ("EOF during", .interrupted, "the peer closed the connection during the TLS handshake"),
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", .noCertificate, "the peer has shown no certificate"),
        ("ALERT_CERTIFICATE_REQUIRED", .refused, "the peer wants a certificate of ours, and we have none"),
        ("ALERT_UNKNOWN_CA", .refused, "the peer does not trust the authority of our certificate"),
        ("ALERT_CERTIFICATE_EXPIRED", .refused, "the peer says that our certificate has expired"),
        ("ALERT_BAD_CERTIFICATE", .refused, "the peer does not accept our certificate"),
        ("ALERT_CERTIFICATE_UNKNOWN", .refused, "the peer does not accept our certificate"),
        ("ALERT_UNSUPPORTED_CERTIFICATE", .refused, "the peer does not accept our certificate"),
        ("ALERT_ACCESS_DENIED", .refused, "the peer denies us access"),
        ("ALERT_PROTOCOL_VERSION", .incompatible, "the peer speaks no version of TLS that we do"),
        ("ALERT_HANDSHAKE_FAILURE", .incompatible, "the peer finds nothing in common with us, such as a cipher suite"),
        ("UNSUPPORTED_PROTOCOL", .incompatible, "the peer speaks no version of TLS that we do"),
        ("NO_SHARED_CIPHER", .incompatible, "the peer knows no cipher suite that we do"),
        ("WRONG_VERSION_NUMBER", .incompatible, "the peer does not speak TLS here; is it a port for TCP?"),
        ("HTTP_REQUEST", .incompatible, "the peer speaks HTTP and not TLS here"),
    ]

    /// What is wrong with a certificate that did not hold.
    private static func judge(_ certificate: NIOSSLCertificate?) -> TLSFailure {
        guard let certificate, let bytes = try? certificate.toDERBytes(),
            let read = try? X509.Certificate(derEncoded: bytes)
        else { return TLSFailure(.untrusted, "the peer's certificate is not trusted") }
        let owner = (try? CertificateNames(derEncoded: bytes)).map { "\($0)" } ?? "\(read.subject)"
        let now = UInt64(max(0, time(nil)))
        if UInt64(max(0, certificate.notValidAfter)) < now {
            return TLSFailure(.expired, "the certificate of \(owner) is not valid any more; it has expired")
        }
        if UInt64(max(0, certificate.notValidBefore)) > now {
            return TLSFailure(.expired, "the certificate of \(owner) is not valid yet; is a clock wrong?")
        }
        let signer =
            read.issuer == read.subject
            ? "it is signed by itself" : "its authority is \(read.issuer), which is not trusted here"
        return TLSFailure(
            .untrusted, "the certificate of \(owner) is not trusted: \(signer)")
    }

    /// The first error of a list, without places in source files.
    private static func shortened(_ text: String) -> String { String(text.prefix(160)) }

    /// A server has proven other names than the one that was asked for (RFC 5922 §7.3).
    static func wrongName(_ domain: String, _ names: CertificateNames) -> TLSFailure {
        TLSFailure(.wrongName, "the certificate is for \(names), and not for \(domain)")
    }
}
