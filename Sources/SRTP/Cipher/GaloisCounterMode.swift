import COpenSSL

/// AES in Galois/counter mode with nonces of 12 octets and tags of 16 (RFC 5116, as RFC 7714 uses it).
///
/// A handle: who makes it closes it.
struct GaloisCounterMode {
    /// Octets of the tag.
    static let tagLength = 16

    private let context: OpaquePointer

    /// - Parameter key: 16 or 32 octets.
    init(key: SecretBytes) throws(SRTPError) {
        let cipher: OpaquePointer?
        switch key.count {
        case 16: cipher = EVP_aes_128_gcm()
        case 32: cipher = EVP_aes_256_gcm()
        default: throw .invalidKey
        }
        context = try CipherContext.make(cipher, key: key)
    }

    /// What a packet is made of. `associated` is followed by `trailer`, which is authenticated too.
    struct Input {
        /// The first twelve of these sixteen octets are the nonce.
        let ivHigh: UInt64
        let ivLow: UInt64
        let associated: UnsafeRawBufferPointer
        let trailer: UnsafeRawBufferPointer
        let text: UnsafeMutableRawBufferPointer
    }

    /// Encrypts in place and writes the tag.
    @inline(__always)
    func seal(_ input: Input, tag: UnsafeMutableRawPointer) -> Bool {
        encrypt(input) && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), tag) == 1
    }

    /// Decrypts in place; false when the tag is not that of the packet, which then is as it was.
    @inline(__always)
    func open(_ input: Input, tag: UnsafeMutableRawPointer) -> Bool {
        var block = (input.ivHigh.bigEndian, input.ivLow.bigEndian)
        let begun = withUnsafeBytes(of: &block) {
            EVP_DecryptInit_ex2(context, nil, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
        }
        guard begun == 1, EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), tag) == 1,
            update(input)
        else { return false }
        var length: Int32 = 0
        var nothing: UInt8 = 0
        if EVP_DecryptFinal_ex(context, &nothing, &length) == 1 { return true }
        // What was decrypted before the tag was known to be wrong is undone: nobody shall see it.
        _ = encrypt(input)
        return false
    }

    private func encrypt(_ input: Input) -> Bool {
        var block = (input.ivHigh.bigEndian, input.ivLow.bigEndian)
        let begun = withUnsafeBytes(of: &block) {
            EVP_EncryptInit_ex2(context, nil, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
        }
        var length: Int32 = 0
        var nothing: UInt8 = 0
        return begun == 1 && update(input) && EVP_EncryptFinal_ex(context, &nothing, &length) == 1
    }

    /// Feeds the octets in the direction that the context was set to.
    @inline(__always)
    private func update(_ input: Input) -> Bool {
        var length: Int32 = 0
        let associated = input.associated.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard
            EVP_CipherUpdate(context, nil, &length, associated, Int32(truncatingIfNeeded: input.associated.count)) == 1
        else { return false }
        if !input.trailer.isEmpty {
            let trailer = input.trailer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            guard EVP_CipherUpdate(context, nil, &length, trailer, Int32(truncatingIfNeeded: input.trailer.count)) == 1
            else { return false }
        }
        guard !input.text.isEmpty else { return true }
        let text = input.text.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return EVP_CipherUpdate(context, text, &length, text, Int32(truncatingIfNeeded: input.text.count)) == 1
    }

    /// Erases the key and gives the memory back.
    func close() { EVP_CIPHER_CTX_free(context) }
}
