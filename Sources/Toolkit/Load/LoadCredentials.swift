import SIP

/// What a user of the load answers challenges with: the nonce that he was given last, and how often he has used it.
struct LoadCredentials {
    private let user: UInt32
    private let realm: [UInt8]
    private let nonce: [UInt8]
    private let uri: [UInt8]
    private let function: DigestHashFunction
    private let ha1: [UInt8]
    private let ha2: [UInt8]
    private var count: UInt32 = 0

    /// Takes up the first challenge of a 401 that can be answered; nil when there is none.
    init?(answering view: MessageView, user: UInt32, uri: [UInt8], password: String, hash: DigestHash) {
        for i in 0..<view.fieldCount where view.field(i).name == .wwwAuthenticate {
            guard let challenge = (try? DigestChallenge.parse(view.bytes(view.field(i).valueRange))).flatMap({ $0 }),
                let function = challenge.algorithm?.function,
                let ha1 = hash.ha1(
                    username: Array("load\(user)".utf8), realm: challenge.realm, password: Array(password.utf8),
                    function),
                let ha2 = hash.hexadecimal(of: Array("REGISTER:".utf8) + uri, function)
            else { continue }
            self.user = user
            self.uri = uri
            self.function = function
            self.ha1 = ha1
            self.ha2 = ha2
            realm = challenge.realm
            nonce = challenge.nonce
            return
        }
        return nil
    }

    /// Writes the value of Authorization for the next request, with the next nonce count (RFC 7616 §3.4); false when the hash
    /// function is missing.
    mutating func write(_ hash: DigestHash, into writer: inout ByteWriter) -> Bool {
        count += 1
        let digits = Self.hexadecimal(count)
        // The request digest of RFC 7616 §3.4.1.
        let middle = [UInt8(ascii: ":")] + nonce + [UInt8(ascii: ":")] + digits + Array(":load:auth:".utf8)
        guard let response = hash.hexadecimal(of: ha1 + middle + ha2, function) else { return false }
        writer.append("Digest username=\"load")
        writer.append(decimal: UInt64(user))
        writer.append("\",realm=\"")
        writer.append(realm)
        writer.append("\",nonce=\"")
        writer.append(nonce)
        writer.append("\",uri=\"")
        writer.append(uri)
        writer.append("\",qop=auth,nc=")
        writer.append(digits)
        writer.append(",cnonce=\"load\",response=\"")
        writer.append(response)
        writer.append("\",algorithm=")
        writer.append(Array("\(DigestAlgorithm(function).name)".utf8))
        return true
    }

    /// Eight digits, as `nc` has.
    private static func hexadecimal(_ count: UInt32) -> [UInt8] {
        (0..<8).map { place in
            let digit = UInt8(truncatingIfNeeded: count >> UInt32(28 - 4 * place)) & 0xF
            return digit < 10 ? 0x30 + digit : 0x57 + digit
        }
    }
}
