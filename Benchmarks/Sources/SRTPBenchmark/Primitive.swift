import COpenSSL
import SRTP

/// What a profile asks of OpenSSL for one packet, and nothing around it: a nonce, a run of the cipher, a tag.
final class Primitive {
    private let context: OpaquePointer
    private let isAEAD: Bool
    private var nonce = [UInt8](repeating: 3, count: 16)
    private var tag = [UInt8](repeating: 0, count: 20)

    init(_ profile: ProtectionProfile) {
        isAEAD = profile.isAEAD
        let cipher: OpaquePointer? =
            switch (profile.isAEAD, profile.keyLength) {
            case (true, 16): EVP_aes_128_gcm()
            case (true, _): EVP_aes_256_gcm()
            case (false, 16): EVP_aes_128_ctr()
            case (false, 24): EVP_aes_192_ctr()
            default: EVP_aes_256_ctr()
            }
        let key = [UInt8](repeating: 7, count: profile.keyLength)
        guard let cipher, let context = EVP_CIPHER_CTX_new(), EVP_EncryptInit_ex2(context, cipher, key, nil, nil) == 1
        else {
            // Without the bare cipher there is nothing to compare with.
            fatalError("OpenSSL refused")
        }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    func run(_ memory: UnsafeMutableRawBufferPointer, length: Int) {
        let bytes = memory.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var count: Int32 = 0
        nonce[11] &+= 1
        EVP_EncryptInit_ex2(context, nil, nil, nonce, nil)
        if isAEAD {
            EVP_EncryptUpdate(context, nil, &count, bytes, 12)
            EVP_EncryptUpdate(context, bytes.map { $0 + 12 }, &count, bytes.map { $0 + 12 }, Int32(length - 12))
            EVP_EncryptFinal_ex(context, &tag, &count)
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, &tag)
        } else {
            EVP_EncryptUpdate(context, bytes.map { $0 + 12 }, &count, bytes.map { $0 + 12 }, Int32(length - 12))
            // Three blocks and the end of the packet, then the outer hash of HMAC: its padded keys are hashed beforehand.
            var state = SHA_CTX()
            SHA1_Init(&state)
            SHA1_Update(&state, bytes, length)
            SHA1_Final(&tag, &state)
            SHA1_Init(&state)
            SHA1_Update(&state, tag, 20)
            SHA1_Final(&tag, &state)
        }
    }
}
