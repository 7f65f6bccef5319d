/// Where RTCP for a stream goes.
public enum RTCPDestination: Hashable, Sendable {
    /// To the address and port of RTP (RFC 5761).
    case multiplexed
    /// To a port of its own.
    case separate(ConnectionAddress, UInt16)
    /// Nowhere: the peer gave no address yet, or there is no such port.
    case none
}

/// A stream as both sides agreed on it: all that is needed to send and receive its packets.
public struct NegotiatedStream: Hashable, Sendable, Identifiable {
    /// The identifier of the local ``StreamCapability``.
    public let id: Int

    /// Place of the `m=` line, the first being 0.
    public let index: Int

    /// Media type.
    public let media: ByteString

    /// Transport of the `m=` line.
    public let transport: ByteString

    /// What the local side may do: both descriptions allow it, and there is somewhere to send to.
    public let direction: Direction

    /// Whether the peer asked us to send nothing, by direction or by an address of `0.0.0.0` (RFC 3264 §8.4).
    public let isHeld: Bool

    /// Where the peer receives media; unspecified while it is on hold in the old way.
    public let remoteAddress: ConnectionAddress

    /// Port where the peer receives media.
    public let remotePort: UInt16

    /// Where the peer receives RTCP.
    public let rtcp: RTCPDestination

    /// Formats to send, with the payload types and parameters that the peer gave; the first is preferred. Without
    /// telephone events.
    public let sendFormats: [RTPFormat]

    /// Formats to expect, with the payload types and parameters that we gave. Without telephone events.
    public let receiveFormats: [RTPFormat]

    /// Telephone events that may be sent. There can be several, for codecs of several clock rates.
    public let sendEvents: [TelephoneEventFormat]

    /// Telephone events to expect.
    public let receiveEvents: [TelephoneEventFormat]

    /// Media per packet to send: what the peer would like, within ``packetTimes`` and its `a=maxptime`.
    public let packetTime: Duration

    /// Most media per packet that the peer takes (`a=maxptime`), within ``packetTimes``.
    public let maximumPacketTime: Duration

    /// Whether RTCP may come that is no compound (`a=rtcp-rsize`, RFC 5506 §5): both descriptions say so.
    public let allowsReducedSizeRTCP: Bool

    /// Media per packet when nobody says anything (RFC 3551 §4.2).
    public static let defaultPacketTime = Duration.milliseconds(20)

    /// Packet times that are honoured. A receiver should take packets of up to 200 ms (RFC 3551 §4.2); below 5 ms the
    /// headers would be most of the traffic, and a peer could multiply its cost.
    public static let packetTimes: ClosedRange<Duration> = .milliseconds(5) ... .milliseconds(200)

    /// The format to send: the preferred one that can stand alone. `nil` on a stream of telephone events only.
    public var sendFormat: RTPFormat? { sendFormats.first { !$0.codec.isAncillary } }

    /// How to send telephone events beside a format: with its clock rate, or else at the rate that there is.
    public func sendEvents(beside format: RTPFormat?) -> TelephoneEventFormat? {
        sendEvents.first { $0.clockRate == format?.codec.clockRate } ?? sendEvents.first
    }

    /// The format of a received payload type; `nil` for events and for numbers that were not agreed.
    public func receiveFormat(_ payloadType: UInt8) -> RTPFormat? {
        receiveFormats.first { $0.payloadType == payloadType }
    }
}

extension NegotiatedStream {
    /// Combines what we said with what the peer said.
    init(
        index: Int, local: StreamCapability, localDirection: Direction, isMultiplexed: Bool, remote: RemoteMedia,
        send: [RTPFormat], receive: [RTPFormat]
    ) {
        let common = localDirection.intersection(remote.direction.reversed)
        id = local.id
        self.index = index
        media = remote.media.media
        transport = remote.media.field.transport
        isHeld = remote.isHolding
        direction = Direction(sends: common.sends && !isHeld, receives: common.receives)
        remoteAddress = remote.address
        remotePort = remote.media.port
        rtcp = remote.rtcp(isMultiplexed: isMultiplexed)
        sendFormats = send.filter { !$0.codec.isTelephoneEvent }
        receiveFormats = receive.filter { !$0.codec.isTelephoneEvent }
        sendEvents = send.filter(\.codec.isTelephoneEvent).map(TelephoneEventFormat.init)
        receiveEvents = receive.filter(\.codec.isTelephoneEvent).map(TelephoneEventFormat.init)
        packetTime = remote.packetTime(local: local.packetTime)
        maximumPacketTime = remote.maximumPacketTime
        allowsReducedSizeRTCP = local.offersReducedSizeRTCP(over: transport) && remote.media.allowsReducedSizeRTCP
    }
}
