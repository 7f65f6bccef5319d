/// `a=ice-ufrag` and `a=ice-pwd`: what proves connectivity checks. RFC 8839 §5.4.
public struct ICECredentials: Hashable, Sendable {
    /// 4 to 256 letters, digits, `+` and `/`.
    public let fragment: ByteString
    /// 22 to 256 letters, digits, `+` and `/`.
    public let password: ByteString

    /// Bounds of both.
    static let fragmentLength = 4...256
    static let passwordLength = 22...256

    /// Makes credentials; nil when one is too short, too long, or has other characters.
    public init?(fragment: ByteString, password: ByteString) {
        guard fragment.bytes.isICEText(Self.fragmentLength), password.bytes.isICEText(Self.passwordLength) else {
            return nil
        }
        self.fragment = fragment
        self.password = password
    }

    /// The attributes.
    public var attributes: [Attribute] {
        [Attribute(unchecked: .iceUfrag, fragment), Attribute(unchecked: .icePwd, password)]
    }
}

/// A part of `a=remote-candidates`: the address of the peer that a component uses. RFC 8839 §5.2.
public struct RemoteCandidate: Hashable, Sendable {
    public var component: UInt16
    public var address: ConnectionAddress
    public var port: UInt16

    public init(component: UInt16, address: ConnectionAddress, port: UInt16) {
        self.component = component
        self.address = address
        self.port = port
    }

    /// The most candidates that an attribute may name: one for each component.
    static let most = 256

    /// Reads the value of the attribute; nil if it does not follow the grammar.
    static func list(_ value: ByteString) -> [RemoteCandidate]? {
        let fields = value.bytes.fields
        guard !fields.isEmpty, fields.count % 3 == 0, fields.count / 3 <= most else { return nil }
        var list: [RemoteCandidate] = []
        for start in stride(from: 0, to: fields.count, by: 3) {
            guard let component = fields[start].decimal(limit: UInt64(CandidateAttribute.lastComponent)), component > 0,
                let address = ConnectionAddress(internet: fields[start + 1]),
                let port = fields[start + 2].decimal(limit: UInt64(UInt16.max))
            else { return nil }
            list.append(RemoteCandidate(component: UInt16(component), address: address, port: UInt16(port)))
        }
        return list
    }

    /// The attribute of several.
    public static func attribute(_ candidates: [RemoteCandidate]) -> Attribute {
        let texts = candidates.map { "\($0.component) \($0.address.text) \($0.port)" }
        return Attribute(
            unchecked: .remoteCandidates, ByteString(unchecked: ArraySlice(texts.joined(separator: " ").utf8)))
    }
}

extension DescriptionLevel {
    /// `a=ice-ufrag` and `a=ice-pwd` of this level; nil when one is missing or out of its bounds.
    public var iceCredentials: ICECredentials? {
        guard let fragment = attribute(named: .iceUfrag)?.value, let password = attribute(named: .icePwd)?.value else {
            return nil
        }
        return ICECredentials(fragment: fragment, password: password)
    }

    /// Writes credentials in place of those that are there.
    public mutating func setICECredentials(_ credentials: ICECredentials?) {
        removeAttributes(named: .iceUfrag)
        removeAttributes(named: .icePwd)
        for attribute in credentials?.attributes ?? [] { append(attribute) }
    }

    /// The tags of `a=ice-options` of this level: `trickle` (RFC 8840 §4.1.3), `ice2` (RFC 8839 §5.6), …
    public var iceOptions: [ByteString] {
        attributes(named: .iceOptions).flatMap { $0.value?.bytes.fields ?? [] }
            .filter { $0.isICEText(1...ICECredentials.fragmentLength.upperBound) }.map(ByteString.init(unchecked:))
    }

    /// Writes `a=ice-options` in place of those that are there; none when there are no tags.
    public mutating func setICEOptions(_ options: [ByteString]) {
        removeAttributes(named: .iceOptions)
        guard !options.isEmpty else { return }
        let text = options.map(\.bytes).joined(separator: [UInt8.space])
        append(Attribute(unchecked: .iceOptions, ByteString(unchecked: ArraySlice(text))))
    }

    /// `a=end-of-candidates`: no others follow (RFC 8840 §4.1.2).
    public var endsCandidates: Bool { attribute(named: .endOfCandidates) != nil }

    /// Says, or says no more, that no other candidates follow.
    public mutating func setEndsCandidates(_ ends: Bool) {
        removeAttributes(named: .endOfCandidates)
        if ends { append(Attribute(unchecked: .endOfCandidates)) }
    }
}

extension MediaDescription {
    /// The most candidates of a media description that are read: those behind are not looked at.
    public static let mostCandidates = 100

    /// The `a=candidate` that follow the grammar, in order, at most ``mostCandidates``.
    public var candidates: [CandidateAttribute] {
        Array(
            attributes(named: .candidate).lazy.compactMap { $0.value.flatMap(CandidateAttribute.init) }
                .prefix(Self.mostCandidates))
    }

    /// Writes candidates in place of those that are there.
    public mutating func setCandidates(_ candidates: [CandidateAttribute]) {
        removeAttributes(named: .candidate)
        for candidate in candidates { append(candidate.attribute) }
    }

    /// What all `a=remote-candidates` name; none when one is out of grammar.
    public var remoteCandidates: [RemoteCandidate] {
        let lists = attributes(named: .remoteCandidates).map { $0.value.flatMap(RemoteCandidate.list) }
        return lists.contains { $0 == nil } ? [] : lists.flatMap { $0 ?? [] }
    }

    /// `a=ice-mismatch`: the answerer has seen that something between has changed the addresses, so that ICE is not used
    /// (RFC 8839 §4.2.5).
    public var hasICEMismatch: Bool { attribute(named: .iceMismatch) != nil }

    /// Says that something between has changed the addresses.
    public mutating func setICEMismatch() {
        if !hasICEMismatch { append(Attribute(unchecked: .iceMismatch)) }
    }
}

extension SessionDescription {
    /// `a=ice-lite`: the writer only answers checks (RFC 8839 §5.3).
    public var isICELite: Bool { attribute(named: .iceLite) != nil }

    /// Says, or says no more, that the writer only answers checks.
    public mutating func setICELite(_ isLite: Bool) {
        removeAttributes(named: .iceLite)
        if isLite { append(Attribute(unchecked: .iceLite)) }
    }

    /// `a=ice-pacing`: the time between checks that the writer wishes for; 50 ms when nothing is said (RFC 8839 §5.5).
    public var icePacing: Duration {
        let usual: UInt64 = 50
        let longest: UInt64 = 60_000
        let named = attribute(named: .icePacing)?.value?.bytes.decimal(limit: longest)
        return .milliseconds(Int64(named ?? usual))
    }

    /// Writes `a=ice-pacing` in place of the one that is there.
    public mutating func setICEPacing(_ pacing: Duration) {
        removeAttributes(named: .icePacing)
        append(Attribute(unchecked: .icePacing, PacketTime.text(pacing)))
    }

    /// The credentials of a media description: its own, or those of the session (RFC 8839 §5.4).
    public func iceCredentials(of media: MediaDescription) -> ICECredentials? {
        let own = (media.attribute(named: .iceUfrag)?.value, media.attribute(named: .icePwd)?.value)
        let common = (attribute(named: .iceUfrag)?.value, attribute(named: .icePwd)?.value)
        guard let fragment = own.0 ?? common.0, let password = own.1 ?? common.1 else { return nil }
        return ICECredentials(fragment: fragment, password: password)
    }

    /// The options of a media description and of the session.
    public func iceOptions(of media: MediaDescription) -> [ByteString] { media.iceOptions + iceOptions }
}
