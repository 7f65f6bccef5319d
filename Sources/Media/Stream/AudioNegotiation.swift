/// What offer and answer have agreed on for one audio stream.
public struct AudioNegotiation: Hashable, Sendable {
    /// Which ways media flows (RFC 3264 §5.1).
    @frozen
    public enum Direction: Hashable, Sendable, CaseIterable {
        case sendReceive, sendOnly, receiveOnly, inactive

        /// Whether we send media.
        @inlinable
        public var sends: Bool { self == .sendReceive || self == .sendOnly }

        /// Whether we play what comes.
        @inlinable
        public var receives: Bool { self == .sendReceive || self == .receiveOnly }
    }

    /// The codec that we send.
    public var codec: AudioCodec

    /// Its payload type, as the peer's description numbers it.
    public var payloadType: UInt8

    /// The codecs that the peer may send by payload type, as our description numbers them.
    public var accepted: [UInt8: AudioCodec]

    /// The payload type of telephone events in the peer's description; nil when it takes none.
    public var eventPayloadType: UInt8?

    /// The payload type of telephone events in our description.
    public var acceptedEventPayloadType: UInt8?

    /// Duration of our packets (`a=ptime`), 5 to 60 ms; one tick.
    public var packetTime: Duration

    /// Which ways media flows.
    public var direction: Direction

    /// Whether RTCP shares the port of RTP (`a=rtcp-mux`, RFC 5761).
    public var isMultiplexed: Bool

    /// The durations that packets may have.
    public static let packetTimes: ClosedRange<Duration> = .milliseconds(5) ... .milliseconds(60)

    /// An agreement on one codec with its static payload type both ways, and perhaps telephone events.
    public init(
        codec: AudioCodec, eventPayloadType: UInt8? = nil, packetTime: Duration = .milliseconds(20),
        direction: Direction = .sendReceive, isMultiplexed: Bool = false
    ) {
        self.codec = codec
        payloadType = codec.staticPayloadType
        accepted = [codec.staticPayloadType: codec]
        self.eventPayloadType = eventPayloadType
        acceptedEventPayloadType = eventPayloadType
        self.packetTime = packetTime
        self.direction = direction
        self.isMultiplexed = isMultiplexed
    }
}

/// What a payload type carries, by number: looked up for every packet.
struct PayloadTable: Sendable {
    enum Entry: Sendable {
        case unknown
        case audio(AudioCodec)
        case event
        case comfortNoise
    }

    private var entries = InlineArray<128, Entry>(repeating: .unknown)

    /// Comfort noise (RFC 3389): taken as silence.
    static let comfortNoise = 13

    init(_ negotiation: AudioNegotiation) {
        entries[Self.comfortNoise] = .comfortNoise
        for (type, codec) in negotiation.accepted where type < 128 { entries[Int(type)] = .audio(codec) }
        if let type = negotiation.acceptedEventPayloadType, type < 128 { entries[Int(type)] = .event }
    }

    subscript(type: UInt8) -> Entry { entries[Int(type & 0x7F)] }
}
