/// Why a datagram is no RTP packet, or why a packet cannot be written.
///
/// A plain enum, so that throwing it on the packet path allocates nothing.
@frozen
public enum RTPError: Error, Hashable, Sendable {
    /// Fewer octets than the header announces (fixed header, CSRC list or extension).
    case truncated

    /// The version field is not 2.
    case version

    /// The padding count is zero or larger than what follows the header.
    case padding

    /// The caller's memory is too small for what shall be written.
    case noSpace

    /// More than 15 contributing sources, or an extension that is not a multiple of four octets or over 65,535 words.
    case unrepresentable
}

extension RTPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated: "the packet ends inside its header"
        case .version: "the version is not 2"
        case .padding: "the padding count does not fit the packet"
        case .noSpace: "the packet does not fit into the memory given"
        case .unrepresentable: "the header cannot express the contributing sources or the extension"
        }
    }
}
