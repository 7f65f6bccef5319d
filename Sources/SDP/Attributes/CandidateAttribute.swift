/// `a=candidate`: a transport address that may be tried. RFC 8839 §5.1.
public struct CandidateAttribute: Hashable, Sendable {
    /// What a candidate was found by.
    public enum Kind: Hashable, Sendable {
        case host, serverReflexive, peerReflexive, relayed
        /// A type that this module does not know: the candidate is to be ignored.
        case other(ByteString)
    }

    /// A name and a value behind the rest, of which those that are not known are ignored.
    public struct Extension: Hashable, Sendable {
        public var name: ByteString
        public var value: ByteString

        public init(name: ByteString, value: ByteString) {
            self.name = name
            self.value = value
        }
    }

    /// Where a reflexive or relayed candidate comes from; for people alone.
    public struct Related: Hashable, Sendable {
        public var address: ConnectionAddress
        public var port: UInt16

        public init(address: ConnectionAddress, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// The longest foundation, octets.
    public static let longestFoundation = 32
    /// The highest number of a component.
    public static let lastComponent: UInt16 = 256
    /// The highest priority: 2^31 - 1.
    public static let highestPriority = UInt32(Int32.max)
    /// The most extensions that are read; those behind are not looked at.
    public static let mostExtensions = 16

    /// The same for candidates that probably work or fail together: 1 to 32 letters, digits, `+` and `/`.
    public var foundation: ByteString
    /// 1 for RTP, 2 for RTCP; 1 to 256.
    public var component: UInt16
    /// `UDP` or a token, compared without case; what is not `UDP` is to be ignored, such as `TCP` of RFC 6544.
    public var transport: ByteString
    /// 1 to 2^31 - 1; the higher the sooner.
    public var priority: UInt32
    /// An address, or a name: that of a host which mDNS hides (`….local`) is a name, others are to be ignored.
    public var address: ConnectionAddress
    public var port: UInt16
    public var kind: Kind
    /// `raddr` and `rport`; nil for host candidates.
    public var related: Related?
    /// What stands behind, in order: `tcptype`, `generation`, `ufrag`, …
    public var extensions: [Extension]

    /// Makes a candidate for UDP; nil when a part is out of its bounds.
    public init?(
        foundation: ByteString, component: UInt16, transport: ByteString = "UDP", priority: UInt32,
        address: ConnectionAddress, port: UInt16, kind: Kind, related: Related? = nil, extensions: [Extension] = []
    ) {
        guard foundation.bytes.isICEText(1...Self.longestFoundation), (1...Self.lastComponent).contains(component),
            transport.bytes.isToken, (1...Self.highestPriority).contains(priority)
        else { return nil }
        self.foundation = foundation
        self.component = component
        self.transport = transport
        self.priority = priority
        self.address = address
        self.port = port
        self.kind = kind
        self.related = related
        self.extensions = extensions
    }

    /// Reads the value of the attribute; nil if it does not follow the grammar.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count >= 8, let component = fields[1].decimal(limit: UInt64(Self.lastComponent)),
            let priority = fields[3].decimal(limit: UInt64(Self.highestPriority)),
            let address = ConnectionAddress(internet: fields[4]),
            let port = fields[5].decimal(limit: UInt64(UInt16.max)),
            ByteString(unchecked: fields[6]).equalsIgnoringCase("typ"), fields[7].isToken
        else { return nil }
        var rest = fields[8...]
        let related = Self.takeRelated(&rest)
        guard related.isRight else { return nil }
        self.init(
            foundation: ByteString(unchecked: fields[0]), component: UInt16(component),
            transport: ByteString(unchecked: fields[2]), priority: UInt32(priority), address: address,
            port: UInt16(port), kind: Kind(fields[7]), related: related.value, extensions: Self.extensions(rest))
    }

    /// Takes `raddr` and `rport` from the front. An address without a port is as good as none.
    private static func takeRelated(
        _ rest: inout ArraySlice<ArraySlice<UInt8>>
    ) -> (value: Related?, isRight: Bool) {
        var host: ConnectionAddress?
        var number: UInt16?
        if let name = rest.first, ByteString(unchecked: name).equalsIgnoringCase("raddr") {
            guard rest.count >= 2, let read = ConnectionAddress(internet: rest[rest.startIndex + 1]) else {
                return (nil, false)
            }
            host = read
            rest = rest.dropFirst(2)
        }
        if let name = rest.first, ByteString(unchecked: name).equalsIgnoringCase("rport") {
            guard rest.count >= 2, let read = rest[rest.startIndex + 1].decimal(limit: UInt64(UInt16.max)) else {
                return (nil, false)
            }
            number = UInt16(read)
            rest = rest.dropFirst(2)
        }
        guard let address = host, let port = number else { return (nil, true) }
        return (Related(address: address, port: port), true)
    }

    private static func extensions(_ rest: ArraySlice<ArraySlice<UInt8>>) -> [Extension] {
        var rest = rest
        var extensions: [Extension] = []
        while rest.count >= 2, extensions.count < mostExtensions {
            extensions.append(
                Extension(
                    name: ByteString(unchecked: rest[rest.startIndex]),
                    value: ByteString(unchecked: rest[rest.startIndex + 1])))
            rest = rest.dropFirst(2)
        }
        return extensions
    }

    /// The value of an extension; nil when it is not there.
    public func value(of name: ByteString) -> ByteString? {
        extensions.first { $0.name.equalsIgnoringCase(name) }?.value
    }

    /// Whether the candidate is for UDP, by an address, and of a known type: others are to be ignored.
    public var isUsable: Bool {
        guard transport.equalsIgnoringCase("UDP"), address.family != nil || isHiddenByMDNS else { return false }
        if case .other = kind { return false }
        return true
    }

    /// Whether the address is a name that only mDNS resolves, as browsers write for host candidates.
    public var isHiddenByMDNS: Bool {
        guard case .name(let name) = address else { return false }
        return ByteString(unchecked: name.bytes.suffix(6)).equalsIgnoringCase(".local")
    }

    /// The attribute.
    public var attribute: Attribute {
        var bytes = foundation.bytes + ArraySlice(" \(component) ".utf8)
        bytes += transport.bytes + ArraySlice(" \(priority) ".utf8)
        bytes += address.text.bytes + ArraySlice(" \(port) typ ".utf8)
        bytes += kind.text.bytes
        if let related {
            bytes += ArraySlice(" raddr ".utf8) + related.address.text.bytes
            bytes += ArraySlice(" rport \(related.port)".utf8)
        }
        for part in extensions {
            bytes.append(.space)
            bytes += part.name.bytes
            bytes.append(.space)
            bytes += part.value.bytes
        }
        return Attribute(unchecked: .candidate, ByteString(unchecked: bytes))
    }
}

extension CandidateAttribute.Kind {
    init(_ text: ArraySlice<UInt8>) {
        let text = ByteString(unchecked: text)
        let known: [Self] = [.host, .serverReflexive, .peerReflexive, .relayed]
        self = known.first { $0.text.equalsIgnoringCase(text) } ?? .other(text)
    }

    var text: ByteString {
        switch self {
        case .host: "host"
        case .serverReflexive: "srflx"
        case .peerReflexive: "prflx"
        case .relayed: "relay"
        case .other(let text): text
        }
    }
}

extension ArraySlice<UInt8> {
    /// Whether the bytes are that many `ice-char` (RFC 8839 §5.1).
    func isICEText(_ count: ClosedRange<Int>) -> Bool {
        count.contains(self.count) && allSatisfy { $0.isLetter || $0.isDigit || $0 == 0x2B || $0 == .slash }
    }
}
