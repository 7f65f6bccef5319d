/// The beginning of a nonce by which a server says what it can, so that nobody between can take it back (RFC 8489 §9.2, §18.1).
public struct NonceCookie: Hashable, Sendable {
    /// `obMatJos2`.
    static let mark: [UInt8] = [0x6F, 0x62, 0x4D, 0x61, 0x74, 0x4A, 0x6F, 0x73, 0x32]
    /// Octets of the cookie: the mark and four characters of base64.
    public static let length = 13

    /// Bit 0: PASSWORD-ALGORITHMS is sent.
    public var hasPasswordAlgorithms: Bool
    /// Bit 1: USERHASH is understood.
    public var hasUsernameAnonymity: Bool

    public init(hasPasswordAlgorithms: Bool = false, hasUsernameAnonymity: Bool = false) {
        self.hasPasswordAlgorithms = hasPasswordAlgorithms
        self.hasUsernameAnonymity = hasUsernameAnonymity
    }

    /// Reads the beginning of a nonce; nil when it is of a server that knows only RFC 5389.
    public init?(nonce: [UInt8]) {
        guard nonce.count >= Self.length, nonce.starts(with: Self.mark) else { return nil }
        let sextets = nonce[Self.mark.count..<Self.length].map(Self.sextet)
        guard sextets.allSatisfy({ $0 != nil }), let first = sextets.first.flatMap({ $0 }) else { return nil }
        self.init(hasPasswordAlgorithms: first & 0x20 != 0, hasUsernameAnonymity: first & 0x10 != 0)
    }

    /// The 13 octets, which a server puts before a nonce.
    public var octets: [UInt8] {
        let first = (hasPasswordAlgorithms ? 0x20 : 0) | (hasUsernameAnonymity ? 0x10 : 0)
        // Of the first sextet only the two highest bits are in use: A, Q, g, w.
        let letters: [Int: UInt8] = [0: 0x41, 0x10: 0x51, 0x20: 0x67, 0x30: 0x77]
        return Self.mark + [letters[first] ?? 0x41, 0x41, 0x41, 0x41]
    }

    /// What a character of base64 stands for (RFC 4648 §4).
    static func sextet(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x41...0x5A: octet - 0x41
        case 0x61...0x7A: octet - 0x61 + 26
        case 0x30...0x39: octet - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }
}
