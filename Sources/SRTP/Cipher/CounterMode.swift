import COpenSSL

/// AES in counter mode with 128-bit counters (RFC 3711 §4.1.1, RFC 6188 §2). The context is made once and used for each packet.
///
/// A handle: who makes it closes it.
struct CounterMode {
    private let context: OpaquePointer

    /// - Parameter key: 16, 24 or 32 octets.
    init(key: SecretBytes) throws(SRTPError) {
        let cipher: OpaquePointer?
        switch key.count {
        case 16: cipher = EVP_aes_128_ctr()
        case 24: cipher = EVP_aes_192_ctr()
        case 32: cipher = EVP_aes_256_ctr()
        default: throw .invalidKey
        }
        context = try CipherContext.make(cipher, key: key)
    }

    /// Encrypts or decrypts in place, which is the same.
    ///
    /// - Parameters:
    ///   - ivHigh: the first eight octets of the first counter block.
    ///   - ivLow: the last eight.
    /// - Returns: whether OpenSSL did it.
    @inline(__always)
    func apply(ivHigh: UInt64, ivLow: UInt64, to bytes: UnsafeMutableRawBufferPointer) -> Bool {
        var block = (ivHigh.bigEndian, ivLow.bigEndian)
        var written: Int32 = 0
        let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let begun = withUnsafeBytes(of: &block) {
            EVP_EncryptInit_ex2(context, nil, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
        }
        return begun == 1
            && (bytes.isEmpty
                || EVP_EncryptUpdate(context, data, &written, data, Int32(truncatingIfNeeded: bytes.count)) == 1)
    }

    /// Erases the key and gives the memory back.
    func close() { EVP_CIPHER_CTX_free(context) }
}

/// Contexts of OpenSSL for a cipher and a key.
enum CipherContext {
    static func make(_ cipher: OpaquePointer?, key: SecretBytes) throws(SRTPError) -> OpaquePointer {
        guard let cipher, let context = EVP_CIPHER_CTX_new() else { throw .cryptography }
        let begun = key.withBytes { key in
            EVP_EncryptInit_ex2(context, cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, nil)
        }
        guard begun == 1 else {
            EVP_CIPHER_CTX_free(context)
            throw .cryptography
        }
        return context
    }
}
