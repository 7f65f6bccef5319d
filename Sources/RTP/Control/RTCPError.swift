/// Why a datagram is no valid RTCP compound packet (RFC 3550 A.2), or why one cannot be written.
@frozen
public enum RTCPError: Error, Hashable, Sendable {
    /// Shorter than one RTCP header, or not a multiple of four octets.
    case truncated

    /// A version field is not 2.
    case version

    /// The first packet is neither a sender nor a receiver report.
    case firstPacket

    /// Padding on another than the last packet, or a count that is zero, no multiple of four or too large.
    case padding

    /// A length field leads beyond the end of the datagram.
    case length

    /// A packet is too short for the blocks, chunks or sources that it announces.
    case contents

    /// The caller's memory is too small for what shall be written.
    case noSpace

    /// More than 31 blocks, or a text of more than 255 octets.
    case unrepresentable
}

extension RTCPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated: "the datagram ends inside an RTCP header"
        case .version: "the version is not 2"
        case .firstPacket: "the first packet is no report"
        case .padding: "the padding is invalid"
        case .length: "the length fields do not add up to the length of the datagram"
        case .contents: "a packet is shorter than its count says"
        case .noSpace: "the packet does not fit into the memory given"
        case .unrepresentable: "more than 31 blocks or a text of more than 255 octets"
        }
    }
}
