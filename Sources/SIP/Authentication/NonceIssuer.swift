/// Makes and recognises nonces without remembering them (RFC 7616 §3.3, §5.4).
///
/// A nonce is 27 bytes in Base64: the generation, the time of issue in milliseconds, 40 bits that make it unique, and a message
/// authentication code of 96 bits over those and the realm. Nobody without the key can make one or change its time, and one of
/// another realm is refused.
///
/// The generation tells the runs of a server with one key apart. A nonce from before a restart is ours still, but its uses were
/// forgotten with the run: it counts as expired, and its client is told `stale=true`, not that its password is wrong.
///
/// A value that all lanes may share; give each call its own salt.
public struct NonceIssuer: Sendable {
    /// The length of a nonce in bytes of ASCII.
    public static let length = 36

    /// A nonce's time of life by default: 5 minutes, long enough for a user agent that retries over a bad network, short enough
    /// to keep the table of ``NonceCounts`` small.
    public static let defaultLifetime = Duration.seconds(300)

    /// How long a nonce is good.
    public var lifetime: Duration

    private let epoch: ContinuousClock.Instant
    private var generation: UInt32
    private var key: SipHash
    private var previousKey: SipHash?

    /// An issuer.
    ///
    /// - Parameters:
    ///   - key: the secret.
    ///   - generation: what no other run with this key has had, such as a random number.
    ///   - epoch: an instant before every use, from which issue times count. Nodes that accept each other's nonces share the key,
    ///     the generation and the epoch.
    ///   - lifetime: how long a nonce is good.
    public init(
        key: SipHash, generation: UInt32 = 0, epoch: ContinuousClock.Instant,
        lifetime: Duration = Self.defaultLifetime
    ) {
        self.key = key
        self.generation = generation
        self.epoch = epoch
        self.lifetime = lifetime
    }

    /// Takes a new key for new nonces; those of the present one stay good, those of the one before no longer are.
    public mutating func rotate(to key: SipHash) {
        previousKey = self.key
        self.key = key
        generation &+= 1
    }

    /// What a nonce of ours says.
    public struct Use: Hashable, Sendable {
        /// A number that no other nonce is likely to have.
        public var identifier: UInt64
        /// When it was issued, in milliseconds since the epoch.
        public var issued: UInt64
        /// The count of this use, the `nc` parameter.
        public var count: UInt32

        /// A use of a nonce.
        public init(identifier: UInt64, issued: UInt64, count: UInt32) {
            self.identifier = identifier
            self.issued = issued
            self.count = count
        }
    }

    /// The state of a nonce that a client used.
    public enum Examination: Hashable, Sendable {
        /// Ours and in time; `count` is still zero.
        case good(Use)
        /// Ours, but too old, or from the future, or of another run.
        case expired
        /// Not ours: made under another key, for another realm, or by somebody else.
        case unknown
    }

    /// Writes a fresh nonce; `salt` differs from call to call within a millisecond.
    public func issue(realm: [UInt8], now: ContinuousClock.Instant, salt: UInt64, into writer: inout ByteWriter) {
        let issued = milliseconds(now)
        withUnsafeTemporaryAllocation(byteCount: Self.rawLength, alignment: 8) { raw in
            raw.storeBytes(of: generation.bigEndian, as: UInt32.self)
            for index in 0..<6 { raw[4 + index] = UInt8(truncatingIfNeeded: issued >> (40 - 8 * index)) }
            for index in 0..<5 { raw[10 + index] = UInt8(truncatingIfNeeded: salt >> (32 - 8 * index)) }
            let tag = tag(UnsafeRawBufferPointer(raw), realm, key)
            withUnsafeBytes(of: tag) { raw[Self.bodyLength..<Self.rawLength].copyBytes(from: $0[..<Self.tagLength]) }
            Base64.append(UnsafeRawBufferPointer(raw), into: &writer)
        }
    }

    /// Examines the nonce that came with a request for `realm`.
    public func examine(_ nonce: UnsafeRawBufferPointer, realm: [UInt8], now: ContinuousClock.Instant) -> Examination {
        guard nonce.count == Self.length else { return .unknown }
        return withUnsafeTemporaryAllocation(byteCount: Self.rawLength, alignment: 8) { raw -> Examination in
            guard Base64.decode(nonce, into: raw) else { return .unknown }
            let made = UInt32(bigEndian: raw.loadUnaligned(as: UInt32.self))
            let isPrevious = previousKey != nil && made == generation &- 1
            let key = isPrevious ? previousKey ?? self.key : self.key
            let expected = tag(UnsafeRawBufferPointer(raw), realm, key)
            let isOurs = withUnsafeBytes(of: expected) { expected in
                var difference: UInt8 = 0
                for index in 0..<Self.tagLength { difference |= expected[index] ^ raw[Self.bodyLength + index] }
                return difference == 0
            }
            guard isOurs else { return .unknown }
            guard made == generation || isPrevious else { return .expired }
            var issued: UInt64 = 0
            for index in 4..<10 { issued = issued << 8 | UInt64(raw[index]) }
            let present = milliseconds(now)
            let oldest = Duration.milliseconds(Int64(present &- min(issued, present)))
            guard issued <= present, oldest <= lifetime else { return .expired }
            return .good(Use(identifier: expected.0, issued: issued, count: 0))
        }
    }

    private static let bodyLength = 15
    private static let tagLength = 12
    private static let rawLength = 27

    private func milliseconds(_ now: ContinuousClock.Instant) -> UInt64 {
        let (seconds, attoseconds) = max(now - epoch, .zero).components
        let milliseconds = UInt64(seconds) &* 1000 &+ UInt64(attoseconds / 1_000_000_000_000_000)
        return milliseconds & 0xFFFF_FFFF_FFFF
    }

    /// The keyed hash over the first part of a nonce and the realm.
    private func tag(_ raw: UnsafeRawBufferPointer, _ realm: [UInt8], _ key: SipHash) -> (UInt64, UInt64) {
        withUnsafeTemporaryAllocation(byteCount: Self.bodyLength + realm.count, alignment: 8) { input in
            input.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[..<Self.bodyLength]))
            UnsafeMutableRawBufferPointer(rebasing: input[Self.bodyLength...]).copyBytes(from: realm)
            let (low, high) = key(UnsafeRawBufferPointer(input))
            return (low.littleEndian, high.littleEndian)
        }
    }
}

/// Base64 (RFC 4648 §4) for lengths that need no padding.
enum Base64 {
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// Appends the text of `raw`, whose length is a multiple of three.
    static func append(_ raw: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        precondition(raw.count.isMultiple(of: 3), "whole groups")
        let letters = alphabet.utf8Start
        withUnsafeTemporaryAllocation(byteCount: raw.count / 3 * 4, alignment: 4) { text in
            for group in 0..<raw.count / 3 {
                let first = UInt32(raw[3 * group])
                let bits = first << 16 | UInt32(raw[3 * group + 1]) << 8 | UInt32(raw[3 * group + 2])
                text[4 * group] = letters[Int(bits >> 18)]
                text[4 * group + 1] = letters[Int(bits >> 12 & 63)]
                text[4 * group + 2] = letters[Int(bits >> 6 & 63)]
                text[4 * group + 3] = letters[Int(bits & 63)]
            }
            writer.append(UnsafeRawBufferPointer(text))
        }
    }

    /// Fills `raw` from a text of exactly the right length; false if the text is not Base64.
    static func decode(_ text: UnsafeRawBufferPointer, into raw: UnsafeMutableRawBufferPointer) -> Bool {
        guard text.count.isMultiple(of: 4), raw.count == text.count / 4 * 3 else { return false }
        for group in 0..<text.count / 4 {
            var bits: UInt32 = 0
            for index in 0..<4 {
                guard let value = value(text[4 * group + index]) else { return false }
                bits = bits << 6 | UInt32(value)
            }
            raw[3 * group] = UInt8(truncatingIfNeeded: bits >> 16)
            raw[3 * group + 1] = UInt8(truncatingIfNeeded: bits >> 8)
            raw[3 * group + 2] = UInt8(truncatingIfNeeded: bits)
        }
        return true
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
