/// The hash functions, given from outside since this target links no cryptography.
///
/// A function that is nil is not supported: such challenges are passed over, such credentials are not accepted.
public struct DigestHash: Sendable {
    /// Hashes `input` as a whole and fills `output`, which has exactly the digest's size.
    public typealias Function =
        @Sendable (_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Void

    /// MD5 (RFC 1321), 16 bytes.
    public var md5: Function?

    /// SHA-256 (FIPS 180-4), 32 bytes.
    public var sha256: Function?

    /// SHA-512/256 (FIPS 180-4 §5.3.6.2), 32 bytes; not the first half of SHA-512.
    public var sha512_256: Function?

    /// A table of functions.
    public init(md5: Function? = nil, sha256: Function? = nil, sha512_256: Function? = nil) {
        self.md5 = md5
        self.sha256 = sha256
        self.sha512_256 = sha512_256
    }

    /// The function, or nil if it is not supported.
    public func function(_ function: DigestHashFunction) -> Function? {
        switch function {
        case .md5: md5
        case .sha256: sha256
        case .sha512_256: sha512_256
        }
    }

    /// The digest of `bytes` in lower-case hexadecimal (RFC 7616 §3.2), or nil if the function is not supported.
    public func hexadecimal(of bytes: [UInt8], _ function: DigestHashFunction) -> [UInt8]? {
        guard let hash = self.function(function) else { return nil }
        return [UInt8](unsafeUninitializedCapacity: 2 * function.digestSize) { buffer, count in
            let digits = UnsafeMutableRawBufferPointer(buffer)
            bytes.withUnsafeBytes { DigestComputation.hexadecimal(of: $0, hash, function, into: digits) }
            count = digits.count
        }
    }

    /// H(A1) of RFC 7616 §3.4.2 for the plain algorithms, in lower-case hexadecimal: the secret that a server keeps instead of
    /// the password. Nil if the function is not supported.
    public func ha1(
        username: [UInt8], realm: [UInt8], password: [UInt8], _ function: DigestHashFunction
    ) -> [UInt8]? {
        let colon = [UInt8(ascii: ":")]
        return hexadecimal(of: username + colon + realm + colon + password, function)
    }
}
