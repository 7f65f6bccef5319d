import NIOSSL

/// Certificates of authorities whose signatures count.
public struct TLSAuthorities: Sendable {
    let certificates: [NIOSSLCertificate]

    /// Reads certificates from PEM text.
    ///
    /// - Throws: `TLSConfigurationError` when there is none.
    public init(_ text: [UInt8]) throws(TLSConfigurationError) { try self.init(text, from: "the list of authorities") }

    /// Reads certificates from a PEM file.
    ///
    /// - Throws: `TLSConfigurationError` that names the file.
    public init(file: String) throws(TLSConfigurationError) {
        try self.init(FileContents.read(file, limit: TLSIdentity.fileLimit), from: file)
    }

    private init(_ text: [UInt8], from name: String) throws(TLSConfigurationError) {
        guard let read = try? NIOSSLCertificate.fromPEMBytes(text), !read.isEmpty else {
            throw TLSConfigurationError("\(name) holds no certificate in PEM form")
        }
        certificates = read
    }
}
