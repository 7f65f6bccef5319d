public import SDP
public import SRTP

/// What offer and answer have agreed on to encrypt a stream.
public enum MediaKeys: Sendable, Equatable {
    /// It goes in the clear.
    case none
    /// By keys that stand in the descriptions (RFC 4568).
    case described(DescribedKeys)
    /// By keys that a handshake between the media ports gives (RFC 5763).
    case association(AssociationTerms)
}

/// Keys that stand in the descriptions.
public struct DescribedKeys: Sendable, Equatable {
    /// Ciphers and tags.
    public let profile: ProtectionProfile
    /// Protects what this side sends.
    public let local: MasterKey
    /// Protect what the far side sends; several are told apart by their identifiers.
    public let remote: [MasterKey]
}

/// A handshake that is to be made, or was.
public struct AssociationTerms: Sendable, Hashable {
    /// Counts the associations of a call: another number is another handshake.
    public let number: Int
    /// Which end this side is.
    public let role: HandshakeRole
    /// The far side's certificate has one of these.
    public let fingerprints: Set<Fingerprint>
}
