/// `a=fingerprint`: the hash of a certificate that its owner will show in the handshake. RFC 8122 §5.
public struct Fingerprint: Hashable, Sendable {
    /// A hash function by its name in the registry; the preferred first.
    public enum HashFunction: String, Hashable, Sendable, CaseIterable {
        case sha256 = "sha-256"
        case sha384 = "sha-384"
        case sha512 = "sha-512"
        case sha224 = "sha-224"
        case sha1 = "sha-1"
        case md5
        case md2

        /// Octets of the hash.
        public var length: Int {
            switch self {
            case .md2, .md5: 16
            case .sha1: 20
            case .sha224: 28
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }

        /// Whether a certificate may be proved by it. MD2 and MD5 must not be used (RFC 8122 §5), and SHA-1 should not.
        public var isAcceptable: Bool {
            switch self {
            case .sha256, .sha384, .sha512: true
            case .sha224, .sha1, .md5, .md2: false
            }
        }
    }

    /// The hash function.
    public let hash: HashFunction

    /// The hash of the certificate in DER.
    public let octets: [UInt8]

    /// Lines of one level of a description that are looked at.
    public static let maximumLines = 16

    /// Makes a fingerprint; `nil` when the octets are not as many as the function gives.
    public init?(_ hash: HashFunction, _ octets: [UInt8]) {
        guard octets.count == hash.length else { return nil }
        self.hash = hash
        self.octets = octets
    }

    /// Reads the value of the attribute; `nil` when the function is unknown or the hash has not its length. Digits are taken in
    /// either case, though only upper case is written.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count == 2,
            let hash = HashFunction.allCases.first(where: {
                ByteString(unchecked: fields[0]).equalsIgnoringCase(ByteString(unchecked: ArraySlice($0.rawValue.utf8)))
            })
        else { return nil }
        let text = fields[1]
        guard text.count == 3 * hash.length - 1 else { return nil }
        var octets: [UInt8] = []
        for (place, byte) in text.enumerated() {
            if place % 3 == 2 {
                guard byte == .colon else { return nil }
                continue
            }
            guard let digit = byte.hexadecimalValue else { return nil }
            if place % 3 == 0 { octets.append(digit << 4) } else { octets[octets.count - 1] |= digit }
        }
        self.init(hash, octets)
    }

    /// The attribute.
    public var attribute: Attribute {
        var bytes = Array(hash.rawValue.utf8) + [.space]
        for (index, octet) in octets.enumerated() {
            if index > 0 { bytes.append(.colon) }
            bytes.append(Self.digits[Int(octet >> 4)])
            bytes.append(Self.digits[Int(octet & 0x0F)])
        }
        return Attribute(unchecked: .fingerprint, ByteString(unchecked: bytes[...]))
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}

extension DescriptionLevel {
    /// The `a=fingerprint` of this level whose function is known.
    var statedFingerprints: [Fingerprint] {
        attributes(named: .fingerprint).prefix(Fingerprint.maximumLines).compactMap {
            $0.value.flatMap(Fingerprint.init)
        }
    }
}

extension SessionDescription {
    /// The fingerprints that hold for a media description: its own if there are any, else those of the session (RFC 8122 §5).
    public func fingerprints(of media: MediaDescription) -> [Fingerprint] {
        media.attribute(named: .fingerprint) == nil ? statedFingerprints : media.statedFingerprints
    }
}
