/// `a=setup`: who begins the handshake. RFC 4145 §4, RFC 5763 §5, RFC 8842 §5.
public enum SetupRole: String, Hashable, Sendable, CaseIterable {
    /// The writer begins.
    case active
    /// The writer waits.
    case passive
    /// The writer does either; the answerer chooses.
    case actpass
    /// Not now; not allowed for DTLS (RFC 8842 §5.1).
    case holdconn

    /// Reads the value of the attribute; `nil` if it is none of the four.
    public init?(_ value: ByteString) {
        guard
            let found = Self.allCases.first(where: {
                value.equalsIgnoringCase(ByteString(unchecked: ArraySlice($0.rawValue.utf8)))
            })
        else { return nil }
        self = found
    }

    /// The attribute.
    public var attribute: Attribute {
        Attribute(unchecked: .setup, ByteString(unchecked: ArraySlice(rawValue.utf8)))
    }
}

/// The two ends of a handshake.
public enum HandshakeRole: Hashable, Sendable, CaseIterable {
    /// Sends the ClientHello.
    case client
    /// Waits for it.
    case server

    /// The other end.
    public var peer: HandshakeRole { self == .client ? .server : .client }

    /// What one who has this role says in an answer.
    public var setup: SetupRole { self == .client ? .active : .passive }
}

extension HandshakeRole {
    /// The role of an answerer.
    ///
    /// - Parameters:
    ///   - offered: `a=setup` of the offer; without one it means `active` (RFC 4145 §4).
    ///   - current: the role in an association that goes on, which is kept where the offer allows (RFC 8842 §5.3).
    ///   - preferred: the role for a new association where the offer leaves it open: the client's is recommended, since answer and
    ///     handshake then go side by side (RFC 5763 §5).
    /// - Returns: `nil` when the offer must be refused.
    public static func answering(
        _ offered: SetupRole?, keeping current: HandshakeRole? = nil, preferring preferred: HandshakeRole = .client
    ) -> HandshakeRole? {
        switch offered ?? .active {
        case .active: .server
        case .passive: .client
        case .actpass: current ?? preferred
        case .holdconn: nil
        }
    }

    /// The role of an offerer, by what it offered and what came back.
    ///
    /// - Parameter answered: `a=setup` of the answer; without one it means `passive` (RFC 4145 §4).
    /// - Returns: `nil` when the answer does not fit the offer.
    public static func offering(_ offered: SetupRole, answered: SetupRole?) -> HandshakeRole? {
        switch (offered, answered ?? .passive) {
        case (.active, .passive), (.actpass, .passive): .client
        case (.passive, .active), (.actpass, .active): .server
        default: nil
        }
    }
}

extension DescriptionLevel {
    /// `a=setup` of this level.
    var statedSetup: SetupRole? { attribute(named: .setup)?.value.flatMap(SetupRole.init) }
}

extension SessionDescription {
    /// Who begins the handshake, as a media description says or else the session; `nil` when neither does.
    public func setup(of media: MediaDescription) -> SetupRole? { media.statedSetup ?? statedSetup }
}
