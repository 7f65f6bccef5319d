import COpenSSL

/// HMAC-SHA1 (RFC 2104, RFC 3711 §4.2.1) with one key for many messages.
///
/// The states of SHA-1 behind the padded key are kept and copied for each message, which saves two of five blocks for a short one. The
/// HMAC of OpenSSL 3.0 makes a copy on the heap for each message instead.
///
/// A handle: who makes it closes it.
struct HMACSHA1 {
    /// Octets of the key as SRTP derives it (RFC 3711 §5.2).
    static let keyLength = 20

    /// Octets of a whole tag.
    static let length = 20

    private static let blockLength = 64

    /// The states behind the inner and the outer pad; on the heap, so that they can be erased.
    private let states: UnsafeMutablePointer<SHA_CTX>

    /// - Parameter key: at most 64 octets.
    init(key: SecretBytes) {
        precondition(key.count <= Self.blockLength, "SRTP derives keys of 20 octets")
        let states = UnsafeMutablePointer<SHA_CTX>.allocate(capacity: 2)
        states.initialize(repeating: SHA_CTX(), count: 2)
        for (index, pad) in [UInt8(0x36), 0x5C].enumerated() {
            let block = SecretBytes(count: Self.blockLength) { block in
                key.withBytes { key in
                    for place in block.indices { block[place] = (place < key.count ? key[place] : 0) ^ pad }
                }
            }
            SHA1_Init(states + index)
            block.withBytes { _ = SHA1_Update(states + index, $0.baseAddress, $0.count) }
        }
        self.states = states
    }

    /// A tag of 160 bits, of which the first octets are sent.
    typealias Tag = InlineArray<20, UInt8>

    /// The tag of `message` with `trailer` behind it.
    @inline(__always)
    func tag(of message: UnsafeRawBufferPointer, trailer: UnsafeRawBufferPointer) -> Tag {
        var state = states[0]
        SHA1_Update(&state, message.baseAddress, message.count)
        if !trailer.isEmpty { SHA1_Update(&state, trailer.baseAddress, trailer.count) }
        var tag = Tag(repeating: 0)
        withUnsafeMutableBytes(of: &tag) { bytes in
            let octets = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            SHA1_Final(octets, &state)
            state = states[1]
            SHA1_Update(&state, octets, bytes.count)
            SHA1_Final(octets, &state)
        }
        return tag
    }

    /// Erases the key and gives the memory back.
    func close() {
        OPENSSL_cleanse(states, 2 * MemoryLayout<SHA_CTX>.stride)
        states.deallocate()
    }
}
