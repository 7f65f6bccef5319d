/// The type of an attribute; those below 0x8000 must be understood by who gets them (RFC 8489 §14).
public struct STUNAttribute: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Whether a message with it may not be processed by who does not know it.
    public var isComprehensionRequired: Bool { rawValue < 0x8000 }

    // RFC 8489 §18.3.
    public static let mappedAddress = STUNAttribute(rawValue: 0x0001)
    public static let username = STUNAttribute(rawValue: 0x0006)
    public static let messageIntegrity = STUNAttribute(rawValue: 0x0008)
    public static let errorCode = STUNAttribute(rawValue: 0x0009)
    public static let unknownAttributes = STUNAttribute(rawValue: 0x000A)
    public static let realm = STUNAttribute(rawValue: 0x0014)
    public static let nonce = STUNAttribute(rawValue: 0x0015)
    public static let messageIntegritySHA256 = STUNAttribute(rawValue: 0x001C)
    public static let passwordAlgorithm = STUNAttribute(rawValue: 0x001D)
    public static let userhash = STUNAttribute(rawValue: 0x001E)
    public static let xorMappedAddress = STUNAttribute(rawValue: 0x0020)
    public static let passwordAlgorithms = STUNAttribute(rawValue: 0x8002)
    public static let alternateDomain = STUNAttribute(rawValue: 0x8003)
    public static let software = STUNAttribute(rawValue: 0x8022)
    public static let alternateServer = STUNAttribute(rawValue: 0x8023)
    public static let fingerprint = STUNAttribute(rawValue: 0x8028)
    // RFC 8445 §16.1.
    public static let priority = STUNAttribute(rawValue: 0x0024)
    public static let useCandidate = STUNAttribute(rawValue: 0x0025)
    public static let iceControlled = STUNAttribute(rawValue: 0x8029)
    public static let iceControlling = STUNAttribute(rawValue: 0x802A)
    // RFC 8656 §18.
    public static let channelNumber = STUNAttribute(rawValue: 0x000C)
    public static let lifetime = STUNAttribute(rawValue: 0x000D)
    public static let xorPeerAddress = STUNAttribute(rawValue: 0x0012)
    public static let data = STUNAttribute(rawValue: 0x0013)
    public static let xorRelayedAddress = STUNAttribute(rawValue: 0x0016)
    public static let requestedAddressFamily = STUNAttribute(rawValue: 0x0017)
    public static let evenPort = STUNAttribute(rawValue: 0x0018)
    public static let requestedTransport = STUNAttribute(rawValue: 0x0019)
    public static let dontFragment = STUNAttribute(rawValue: 0x001A)
    public static let reservationToken = STUNAttribute(rawValue: 0x0022)
    public static let additionalAddressFamily = STUNAttribute(rawValue: 0x8000)
    public static let addressErrorCode = STUNAttribute(rawValue: 0x8001)
    public static let icmp = STUNAttribute(rawValue: 0x8004)
    // RFC 6062 §6.2.
    public static let connectionID = STUNAttribute(rawValue: 0x002A)

    /// What every agent of RFC 8489 knows and must be understood.
    public static let basic: Set<STUNAttribute> = [
        .mappedAddress, .username, .messageIntegrity, .errorCode, .unknownAttributes, .realm, .nonce,
        .messageIntegritySHA256, .passwordAlgorithm, .userhash, .xorMappedAddress,
    ]
    /// What connectivity checks have besides.
    public static let ofICE: Set<STUNAttribute> = basic.union([.priority, .useCandidate])
    /// What clients of TURN get besides.
    public static let ofTURN: Set<STUNAttribute> = basic.union([
        .channelNumber, .lifetime, .xorPeerAddress, .data, .xorRelayedAddress, .requestedAddressFamily, .evenPort,
        .requestedTransport, .dontFragment, .reservationToken, .connectionID,
    ])
}

/// Why octets are no STUN message, or why one cannot be written.
///
/// A plain enum, so that throwing it allocates nothing.
public enum STUNDefect: Error, Hashable, Sendable {
    /// Fewer octets than a header, or than the header announces.
    case truncated
    /// The first two bits are not zero, or the magic cookie is another (RFC 8489 §5).
    case foreign
    /// The length is no multiple of four, or not that of what has come.
    case length
    /// An attribute ends outside of the message.
    case attribute
    /// Something stands behind FINGERPRINT, or an attribute that proves has another size than it must.
    case order
    /// The caller's memory is too small for what shall be written, or a message would be over 65,535 octets.
    case noSpace
}
