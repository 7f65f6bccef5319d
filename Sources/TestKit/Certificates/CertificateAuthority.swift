import Crypto
import Foundation
public import Reactor
import SwiftASN1
import X509

/// An authority that signs certificates for tests, as good and as bad as they are wanted.
public struct CertificateAuthority: Sendable {
    /// Its own certificate, in PEM form: what those who trust it are given.
    public let certificate: String
    private let name: DistinguishedName
    private let key: P256.Signing.PrivateKey

    /// What a certificate is for.
    public enum Name: Sendable {
        /// A subjectAltName of type dNSName.
        case dns(String)
        /// A subjectAltName of type URI.
        case uri(String)
        /// A subjectAltName of type iPAddress: an address as text.
        case address(String)
        /// A common name of the subject.
        case common(String)
    }

    /// A certificate and its key, in PEM form.
    public struct Issued: Sendable {
        /// The certificate.
        public let certificate: String
        /// Its private key.
        public let key: String

        /// What one end of a connection proves itself with.
        public var identity: TLSIdentity {
            get throws { try TLSIdentity(certificates: Array(certificate.utf8), key: Array(key.utf8)) }
        }

        /// The certificate in DER form.
        public var derBytes: [UInt8] {
            get throws { try PEMDocument(pemString: certificate).derBytes }
        }
    }

    /// Makes an authority whose certificate is signed by itself.
    public init(_ name: String = "Test Authority") throws {
        key = P256.Signing.PrivateKey()
        self.name = try DistinguishedName { CommonName(name) }
        let own = try Self.sign(
            subject: self.name, key: key.publicKey, issuer: self.name, by: key, days: -1...3_650,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            })
        certificate = try own.serializeAsPEM().pemString
    }

    /// Those who are to trust the authority believe this.
    public var authorities: TLSAuthorities {
        get throws { try TLSAuthorities(Array(certificate.utf8)) }
    }

    /// Signs a certificate.
    ///
    /// - Parameters:
    ///   - names: whom it is for.
    ///   - days: the days from now on in which it is valid.
    public func issue(_ names: [Name], days: ClosedRange<Int> = -1...90) throws -> Issued {
        var alternatives: [GeneralName] = []
        var common: String?
        for name in names {
            switch name {
            case .dns(let text): alternatives.append(.dnsName(text))
            case .uri(let text): alternatives.append(.uniformResourceIdentifier(text))
            case .address(let text):
                alternatives.append(.ipAddress(ASN1OctetString(contentBytes: Self.octets(text)[...])))
            case .common(let text): common = text
            }
        }
        let subject = try DistinguishedName {
            if let common { CommonName(common) } else { OrganizationName("Itodenwa tests") }
        }
        let own = P256.Signing.PrivateKey()
        let certificate = try Self.sign(
            subject: subject, key: own.publicKey, issuer: name, by: key, days: days,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                if !alternatives.isEmpty { SubjectAlternativeNames(alternatives) }
            })
        return Issued(certificate: try certificate.serializeAsPEM().pemString, key: own.pemRepresentation)
    }

    private static func sign(
        subject: DistinguishedName, key: P256.Signing.PublicKey, issuer: DistinguishedName,
        by issuerKey: P256.Signing.PrivateKey, days: ClosedRange<Int>, extensions: Certificate.Extensions
    ) throws -> Certificate {
        let day: TimeInterval = 86_400
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key),
            notValidBefore: Date(timeIntervalSinceNow: TimeInterval(days.lowerBound) * day),
            notValidAfter: Date(timeIntervalSinceNow: TimeInterval(days.upperBound) * day), issuer: issuer,
            subject: subject, signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: .init(issuerKey))
    }

    /// The 4 or 16 bytes of an address.
    private static func octets(_ text: String) -> [UInt8] {
        guard let address = TransportAddress(host: text, port: 0) else { return [] }
        var words = [address.lowerBits]
        if address.isIPv6 { words.insert(address.upperBits, at: 0) }
        let bytes = words.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
        return address.isIPv6 ? bytes : Array(bytes.suffix(4))
    }
}
