import Crypto
import ICE

extension STUNHash {
    /// The functions of swift-crypto.
    static let test = STUNHash(
        md5: { input, output in output.copyBytes(from: Array(Insecure.MD5.hash(data: Array(input)))) },
        sha256: { input, output in output.copyBytes(from: Array(SHA256.hash(data: Array(input)))) },
        hmacSHA1: { key, head, rest, output in
            let key = SymmetricKey(data: Array(key))
            let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(head) + Array(rest), using: key)
            output.copyBytes(from: Array(code))
        },
        hmacSHA256: { key, head, rest, output in
            let key = SymmetricKey(data: Array(key))
            let code = HMAC<SHA256>.authenticationCode(for: Array(head) + Array(rest), using: key)
            output.copyBytes(from: Array(code))
        })
}
