/// `a=crypto`: keys for SRTP in the description itself (SDES). RFC 4568.
///
/// ```
/// a=crypto:<tag> <crypto-suite> inline:<key||salt>[|lifetime][|MKI:length][;inline:…] [session-params]
/// ```
///
/// Such a description is as secret as the call. No description of this type shows a key.
public struct CryptoAttribute: Hashable, Sendable {
    /// Number of the line, unique in its media description; an answer repeats that of the line it takes.
    public let tag: UInt32

    /// Ciphers and tags.
    public let suite: CryptoSuite

    /// What the writer of the line protects its packets with: one key, or several with identifiers of one length.
    public let keys: [InlineKey]

    /// Exponent of the key derivation rate (`KDR`, RFC 4568 §6.3.1): new session keys each 2^n packets. `nil` for one derivation.
    public let keyDerivationRate: UInt8?

    /// Window against replays that the writer suggests (`WSH`), packets.
    public let windowSizeHint: UInt64?

    /// Whether packets are subject to forward error correction with an order or key of its own (`FEC_ORDER`, `FEC_KEY`).
    public let usesForwardErrorCorrection: Bool

    /// Highest tag: nine digits.
    public static let maximumTag: UInt32 = 999_999_999

    /// Most keys of a line that are read; a line with more is refused.
    public static let maximumKeys = 4

    /// Most session parameters of a line; a line with more is refused.
    public static let maximumParameters = 16

    /// Lines of one media description that are looked at.
    public static let maximumLines = 32

    /// Makes a line with one key, or several with identifiers of one length; `nil` when the keys do not fit together or the tag is too high.
    public init?(tag: UInt32, suite: CryptoSuite, keys: [InlineKey]) {
        self.init(tag: tag, suite: suite, keys: keys, Parameters())
    }

    private init?(tag: UInt32, suite: CryptoSuite, keys: [InlineKey], _ parameters: Parameters) {
        guard tag <= Self.maximumTag, let first = keys.first, keys.count <= Self.maximumKeys,
            keys.allSatisfy({
                $0.keyAndSalt.count == suite.keyLength + suite.saltLength
                    && $0.identifier.count == first.identifier.count
            }),
            keys.count == 1 || (!first.identifier.isEmpty && Set(keys.map(\.identifier)).count == keys.count)
        else { return nil }
        self.tag = tag
        self.suite = suite
        self.keys = keys
        keyDerivationRate = parameters.keyDerivationRate
        windowSizeHint = parameters.windowSizeHint
        usesForwardErrorCorrection = parameters.usesForwardErrorCorrection
    }

    /// Reads the value of the attribute.
    ///
    /// - Returns: `nil` if the line does not follow the grammar or cannot be used: an unknown suite or method, a key of the wrong length,
    ///   an unknown session parameter that is not marked as optional by a dash (§6.3.7), or one that takes away encryption or
    ///   authentication (§6.3.2, §6.3.3), which we never accept.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count >= 3, fields.count - 3 <= Self.maximumParameters,
            let tag = fields[0].plainDecimal(limit: UInt64(Self.maximumTag)), let suite = CryptoSuite(name: fields[1])
        else { return nil }
        var keys: [InlineKey] = []
        for part in fields[2].split(
            separator: .semicolon, maxSplits: Self.maximumKeys, omittingEmptySubsequences: false)
        {
            guard let key = InlineKey(part, suite: suite) else { return nil }
            keys.append(key)
        }
        var parameters = Parameters()
        for field in fields[3...] { guard parameters.take(field) else { return nil } }
        self.init(tag: UInt32(tag), suite: suite, keys: keys, parameters)
    }

    /// Session parameters (RFC 4568 §6.3).
    private struct Parameters {
        var keyDerivationRate: UInt8?
        var windowSizeHint: UInt64?
        var usesForwardErrorCorrection = false

        private static let smallestWindow: UInt64 = 64
        private static let largestExponent: UInt64 = 24

        /// Takes a parameter; false when the line is to be refused for it.
        mutating func take(_ field: ArraySlice<UInt8>) -> Bool {
            guard field.first != .hyphen else { return true }
            let (name, value) = field.cut(at: .equals)
            let key = String(decoding: name.map(\.asciiLowercased), as: UTF8.self)
            switch (key, value) {
            case ("kdr", let value?):
                guard let exponent = value.plainDecimal(limit: Self.largestExponent) else { return false }
                keyDerivationRate = exponent == 0 ? nil : UInt8(exponent)
            case ("wsh", let value?):
                guard let window = value.plainDecimal(), window >= Self.smallestWindow else { return false }
                windowSizeHint = window
            case ("fec_order", _?), ("fec_key", _?):
                usesForwardErrorCorrection = true
            default:
                // UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, UNAUTHENTICATED_SRTP and whatever nobody knows.
                return false
            }
            return true
        }
    }

    /// Whether what the line asks for is done by everybody: one derivation of keys, no forward error correction.
    public var isPlain: Bool { keyDerivationRate == nil && !usesForwardErrorCorrection }

    /// The line of an offer that an answer takes: that with its tag, if it has its suite too (RFC 4568 §5.1.3).
    public func accepted(among offered: [CryptoAttribute]) -> CryptoAttribute? {
        offered.first { $0.tag == tag }.flatMap { $0.suite == suite ? $0 : nil }
    }

    /// The attribute.
    public var attribute: Attribute {
        var bytes = Array("\(tag) \(suite.rawValue) ".utf8)
        for (index, key) in keys.enumerated() {
            if index > 0 { bytes.append(.semicolon) }
            bytes += key.text
        }
        if let keyDerivationRate { bytes += Array(" KDR=\(keyDerivationRate)".utf8) }
        if let windowSizeHint { bytes += Array(" WSH=\(windowSizeHint)".utf8) }
        return Attribute(unchecked: .crypto, ByteString(unchecked: bytes[...]))
    }
}

extension CryptoAttribute: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(tag) \(suite.rawValue) " + keys.map(\.description).joined(separator: ";") }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension MediaDescription {
    /// All `a=crypto` that can be used, in order of preference. Of several with one tag the first counts.
    public var cryptoAttributes: [CryptoAttribute] {
        var seen: Set<UInt32> = []
        return attributes(named: .crypto).prefix(CryptoAttribute.maximumLines).compactMap { attribute in
            guard let found = attribute.value.flatMap(CryptoAttribute.init), seen.insert(found.tag).inserted else {
                return nil
            }
            return found
        }
    }
}
