import NIOSSL

/// A certificate chain and its private key: what one end of a connection proves who it is with.
public struct TLSIdentity: Sendable {
    /// What the certificate proves.
    public let names: CertificateNames
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey

    /// Reads an identity from PEM text.
    ///
    /// - Parameters:
    ///   - certificates: the certificate and those that lead to its authority, in the order in which they are sent
    ///     (RFC 8446 §4.4.2).
    ///   - key: the private key of the first certificate, without a passphrase.
    /// - Throws: `TLSConfigurationError` when one of them cannot be read, or they do not belong together.
    public init(certificates: [UInt8], key: [UInt8]) throws(TLSConfigurationError) {
        try self.init(certificates: certificates, key: key, from: "the certificate", "the private key")
    }

    /// Reads an identity from two PEM files, or from one that holds both.
    ///
    /// - Throws: `TLSConfigurationError` that names the file that is wrong.
    public init(certificateFile: String, keyFile: String) throws(TLSConfigurationError) {
        try self.init(
            certificates: FileContents.read(certificateFile, limit: Self.fileLimit),
            key: FileContents.read(keyFile, limit: Self.fileLimit), from: certificateFile, keyFile)
    }

    /// The most bytes of a file of certificates or keys: a bundle of all public authorities has about 250 kB.
    static let fileLimit = 4 << 20

    private init(
        certificates: [UInt8], key: [UInt8], from certificateName: String, _ keyName: String
    ) throws(TLSConfigurationError) {
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(certificates)
        } catch {
            throw TLSConfigurationError("\(certificateName) holds no certificate in PEM form")
        }
        guard let leaf = chain.first else {
            throw TLSConfigurationError("\(certificateName) holds no certificate in PEM form")
        }
        do {
            self.key = try NIOSSLPrivateKey(bytes: key, format: .pem)
        } catch {
            throw TLSConfigurationError("\(keyName) holds no private key in PEM form, or one with a passphrase")
        }
        names = try CertificateNames(leaf)
        var trial = NIOSSL.TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(leaf)], privateKey: .privateKey(self.key))
        trial.certificateVerification = .none
        do {
            _ = try NIOSSLContext(configuration: trial)
        } catch {
            throw TLSConfigurationError("\(keyName) is not the key of the certificate in \(certificateName)")
        }
    }

    /// The chain as sources of a context.
    var sources: [NIOSSLCertificateSource] { chain.map { .certificate($0) } }
}

/// Why certificates and keys cannot be used, for a person.
public struct TLSConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    public let reason: String

    init(_ reason: String) { self.reason = reason }

    public var description: String { reason }
}
