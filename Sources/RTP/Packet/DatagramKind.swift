/// What a datagram on a media port is, told from its first two octets.
///
/// The first octet separates the protocols that may share a port (RFC 7983 §7, RFC 9443 §3); the second separates RTP from
/// RTCP when they are multiplexed (RFC 5761 §4).
@frozen
public enum DatagramKind: Hashable, Sendable {
    /// An RTP data packet.
    case rtp

    /// An RTCP packet.
    case rtcp

    /// A STUN message: first octet 0 to 3.
    case stun

    /// A ZRTP packet: first octet 16 to 19.
    case zrtp

    /// A DTLS record: first octet 20 to 63.
    case dtls

    /// ChannelData of TURN: first octet 64 to 79. It is only from a TURN server; from others it is QUIC (RFC 9443 §3).
    case channelData

    /// A QUIC packet: first octet 80 to 127 or 192 to 255.
    case quic

    /// None of these; among them datagrams of less than two octets.
    case unknown

    /// RTCP packet types that share the place of marker and payload type: payload types 64 to 95 with the marker set.
    /// RFC 5761 §4 forbids these payload types to RTP when both share a port.
    public static let controlTypes: ClosedRange<UInt8> = 192...223

    /// Classes the datagram that fills `datagram`.
    @inlinable
    public init(_ datagram: RawSpan) {
        guard datagram.byteCount >= 2 else {
            self = .unknown
            return
        }
        switch datagram.octet(at: 0) {
        case 128...191:
            self = Self.controlTypes.contains(datagram.octet(at: 1)) ? .rtcp : .rtp
        case 0...3: self = .stun
        case 16...19: self = .zrtp
        case 20...63: self = .dtls
        case 64...79: self = .channelData
        case 80...127, 192...255: self = .quic
        default: self = .unknown
        }
    }

    /// Whether RTP may use the payload type on a port that it shares with RTCP (RFC 5761 §4).
    @inlinable
    public static func permitsMultiplexing(payloadType: UInt8) -> Bool {
        payloadType < 64 || (96...127).contains(payloadType)
    }
}
