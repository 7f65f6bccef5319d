import Crypto
import Foundation
import Glibc
import Reactor
import SwiftASN1
import X509

/// The certificate that the server makes for itself where none is configured: signed by itself, kept in the data folder, so
/// that phones can be told to trust it.
struct OwnCertificate {
    /// The name of the certificate's file.
    static let certificateName = "certificate.pem"
    /// The name of the key's file, for its owner only.
    static let keyName = "certificate-key.pem"
    /// How long it is valid: two years, which is as long as the strictest programs accept.
    static let validity: Duration = .seconds(730 * 86_400)
    /// How long before its end a new one is made, at a start or reload.
    static let renewal: Duration = .seconds(30 * 86_400)

    /// The path of the certificate.
    let certificatePath: String
    /// The path of the key.
    let keyPath: String
    /// Whether it was made now.
    let isNew: Bool

    /// Finds the certificate in a folder, or makes one when there is none, when it is about to end, or when it does not prove all
    /// names.
    ///
    /// - Parameter names: domains and IP addresses; an IPv6 address with or without brackets.
    /// - Throws: `ServerError` when the files cannot be written.
    init(folder: String, names: [String]) throws(ServerError) {
        certificatePath = folder + "/" + Self.certificateName
        keyPath = folder + "/" + Self.keyName
        guard !Self.isGood(certificatePath, keyPath, names) else {
            isNew = false
            return
        }
        isNew = true
        let made: (certificate: String, key: String)
        do {
            made = try Self.make(names)
        } catch {
            throw ServerError(.environment, "no certificate can be made: \(error)")
        }
        // The key first: a certificate without its key would be taken for damaged.
        try PrivateFile.write(Array(made.key.utf8), to: keyPath)
        try PrivateFile.write(Array(made.certificate.utf8), to: certificatePath)
    }

    private static func isGood(_ certificatePath: String, _ keyPath: String, _ names: [String]) -> Bool {
        guard let identity = try? TLSIdentity(certificateFile: certificatePath, keyFile: keyPath),
            let text = try? String(contentsOfFile: certificatePath, encoding: .utf8),
            let certificate = try? Certificate(pemEncoded: text)
        else { return false }
        let end = Date.now + TimeInterval(renewal.components.seconds)
        return certificate.notValidAfter > end && names.allSatisfy { identity.names.prove($0) }
    }

    private static func make(_ names: [String]) throws -> (certificate: String, key: String) {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("Itodenwa \(names.first ?? "server")") }
        let alternatives = names.map { name in
            address(name).map { GeneralName.ipAddress(ASN1OctetString(contentBytes: $0[...])) } ?? .dnsName(name)
        }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            // Clocks differ: an hour ago is soon enough.
            notValidBefore: .now - 3_600, notValidAfter: .now + TimeInterval(validity.components.seconds),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(alternatives)
            }, issuerPrivateKey: .init(key))
        return (try certificate.serializeAsPEM().pemString + "\n", key.pemRepresentation + "\n")
    }

    /// The 4 or 16 bytes of an IP address; nil for a domain.
    private static func address(_ name: String) -> [UInt8]? {
        guard let address = TransportAddress(host: name, port: 0) else { return nil }
        func bytes(_ word: UInt64) -> [UInt8] { withUnsafeBytes(of: word.bigEndian) { Array($0) } }
        return address.isIPv6
            ? bytes(address.upperBits) + bytes(address.lowerBits) : Array(bytes(address.lowerBits).suffix(4))
    }
}
