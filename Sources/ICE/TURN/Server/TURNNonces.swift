/// Nonces that a server need not remember: each holds the time that it was made at and a proof that this server made it for one
/// address and port (RFC 8489 §9.2.4).
///
/// ```
/// | cookie, 13 | time, 6 octets, and proof, 12 octets, in base64: 24 |
/// ```
public struct TURNNonces: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// Octets of a nonce.
    static let length = NonceCookie.length + 24
    private static let proofLength = 12
    /// The cookie says that PASSWORD-ALGORITHMS is sent; names are not hidden (RFC 8489 §9.2).
    private static let cookie = NonceCookie(hasPasswordAlgorithms: true).octets

    private let key: [UInt8]
    private let origin: Instant
    private let hash: STUNHash

    /// - Parameters:
    ///   - key: at least 16 octets that nobody can guess; the servers that share it take one another's nonces.
    ///   - origin: the beginning of time, which these servers share.
    public init(key: [UInt8], origin: Instant, hash: STUNHash) {
        self.key = key
        self.origin = origin
        self.hash = hash
    }

    /// A nonce for a client.
    func nonce(for client: STUNAddress, now: Instant) -> [UInt8] {
        let time = milliseconds(now)
        return Self.cookie + Base64.encode(octets(of: time) + proof(time, client))
    }

    /// Whether a nonce was made for a client within the time that it holds.
    func isFresh(_ nonce: [UInt8], of client: STUNAddress, lifetime: Duration, now: Instant) -> Bool {
        guard nonce.count == Self.length, nonce.starts(with: Self.cookie),
            let rest = Base64.decode(nonce[NonceCookie.length...]), rest.count == 6 + Self.proofLength
        else { return false }
        let time = rest.prefix(6).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var difference: UInt8 = 0
        for (left, right) in zip(rest.dropFirst(6), proof(time, client)) { difference |= left ^ right }
        guard difference == 0, time <= milliseconds(now) else { return false }
        return .milliseconds(Int64(milliseconds(now) - time)) < lifetime
    }

    private func milliseconds(_ now: Instant) -> UInt64 {
        let (seconds, fraction) = (now - origin).components
        return UInt64(max(0, seconds)) * 1_000 + UInt64(max(0, fraction)) / 1_000_000_000_000_000
    }

    private func octets(of time: UInt64) -> [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: time >> UInt64(40 - 8 * $0)) }
    }

    private func proof(_ time: UInt64, _ client: STUNAddress) -> ArraySlice<UInt8> {
        var input = octets(of: time) + [client.isIPv6 ? 6 : 4]
        for word in [client.upper, client.lower, UInt64(client.port)] {
            for shift in stride(from: 56, through: 0, by: -8) {
                input.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return hash.authenticate(input, key, hash.hmacSHA256, size: 32).prefix(Self.proofLength)
    }
}

extension STUNHash {
    /// An authentication of octets.
    func authenticate(_ input: [UInt8], _ key: [UInt8], _ function: Authentication, size: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let output = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<size])
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            input.withUnsafeBytes { input in key.withUnsafeBytes { function($0, input, none, output) } }
            count = size
        }
    }
}

/// The alphabet of RFC 4648 §4, for the few octets that TURN needs it for.
enum Base64 {
    private static let letters = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The text of octets, with padding.
    static func encode(_ octets: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((octets.count + 2) / 3 * 4)
        for start in stride(from: 0, to: octets.count, by: 3) {
            let group = octets[start..<min(start + 3, octets.count)]
            let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? letters[word >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return text
    }

    /// The octets of a text without padding, whose length is a multiple of four; nil for any other.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var octets: [UInt8] = []
        var word = 0
        for (place, letter) in text.enumerated() {
            guard let sextet = NonceCookie.sextet(letter) else { return nil }
            word = word << 6 | Int(sextet)
            guard place % 4 == 3 else { continue }
            octets += [UInt8(word >> 16 & 255), UInt8(word >> 8 & 255), UInt8(word & 255)]
            word = 0
        }
        return octets
    }
}
