/// Why a packet is not protected, or not let in.
///
/// A plain enum, so that throwing it on the packet path allocates nothing. A packet that is refused leaves the session as it was.
@frozen
public enum SRTPError: Error, Hashable, Sendable {
    /// Fewer octets than header, tag and index need.
    case tooShort
    /// The version is not 2, or the header is longer than the packet.
    case malformed
    /// The caller's memory has no room for what is added.
    case noSpace
    /// The tag is not that of the packet: it was changed on its way, or has other keys.
    case authenticationFailed
    /// A packet with this index has been here.
    case replayed
    /// The index lies behind the replay window: whether it has been here is not known any more.
    case tooOld
    /// No master key has the identifier (MKI) that the packet names.
    case unknownMasterKey
    /// A further synchronization source, beyond ``SRTPLimits/maximumStreams``.
    case tooManyStreams
    /// The master key has protected as many packets as it may (RFC 3711 §9.2).
    case keyExhausted
    /// A key, salt or identifier that the profile cannot have, or one key too many.
    case invalidKey
    /// OpenSSL refused: out of memory, or an algorithm that is switched off.
    case cryptography
}

extension SRTPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooShort: "the packet is too short to be a secured one"
        case .malformed: "the packet has no valid header"
        case .noSpace: "the secured packet does not fit into the memory given"
        case .authenticationFailed: "the packet is not authentic"
        case .replayed: "the packet was received before"
        case .tooOld: "the packet is behind the replay window"
        case .unknownMasterKey: "the packet names an unknown master key"
        case .tooManyStreams: "there are too many synchronization sources"
        case .keyExhausted: "the master key has protected as many packets as it may"
        case .invalidKey: "the master key does not fit the profile"
        case .cryptography: "OpenSSL refused"
        }
    }
}

/// The bounds of a session.
public enum SRTPLimits {
    /// Synchronization sources of one direction. A call has one or two; a peer that proves its key may not take more memory than this.
    public static let maximumStreams = 64

    /// Packets behind the newest of which it is known whether they have been here; RFC 3711 §3.3.2 wants at least 64.
    public static let replayWindow = ReplayWindow.size

    /// Master keys of one direction, told apart by their identifiers.
    public static let maximumMasterKeys = 4

    /// Octets of a master key identifier (RFC 4568 §6.1).
    public static let maximumIdentifierLength = 128

    /// RTP packets that a master key may protect in one stream (RFC 3711 §9.2).
    public static let maximumPackets: UInt64 = 1 << 48

    /// RTCP packets that a master key may protect in one stream (RFC 3711 §9.2).
    public static let maximumControlPackets: UInt64 = 1 << 31

    /// Octets that protecting adds at most to an RTP or RTCP packet, without the master key identifier.
    public static let maximumOverhead = 20
}
