import Crypto
public import ICE

extension STUNHash {
    /// The functions of swift-crypto.
    public static let crypto = STUNHash(
        md5: { input, output in
            Insecure.MD5.hash(bufferPointer: input).withUnsafeBytes { output.copyMemory(from: $0) }
        },
        sha256: { input, output in
            SHA256.hash(bufferPointer: input).withUnsafeBytes { output.copyMemory(from: $0) }
        },
        hmacSHA1: { key, head, rest, output in
            authenticate(HMAC<Insecure.SHA1>(key: SymmetricKey(data: key)), head, rest, output)
        },
        hmacSHA256: { key, head, rest, output in
            authenticate(HMAC<SHA256>(key: SymmetricKey(data: key)), head, rest, output)
        })

    private static func authenticate<Function: HashFunction>(
        _ empty: HMAC<Function>, _ head: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) {
        var code = empty
        code.update(data: head)
        code.update(data: rest)
        code.finalize().withUnsafeBytes { output.copyMemory(from: $0) }
    }
}

extension HashFunction {
    fileprivate static func hash(bufferPointer: UnsafeRawBufferPointer) -> Digest {
        var function = Self()
        function.update(bufferPointer: bufferPointer)
        return function.finalize()
    }
}
