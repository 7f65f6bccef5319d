import RTP

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

    /// Rate of the durations in telephone events that we send; nil for that of the codec's timestamps.
    public var eventClockRate: SampleRate?

    /// Further payload types of telephone events in our description, with the rate of their durations (RFC 4733 §2.1).
    public var acceptedEvents: [UInt8: SampleRate] = [:]

    /// The payload type of comfort noise (RFC 3389) in the peer's description; nil when it takes none.
    public var noisePayloadType: UInt8?

    /// The payload type of comfort noise in our description, where it is not the static one.
    public var acceptedNoisePayloadType: UInt8?

    /// The payload type of redundant data (RFC 2198) in the peer's description; nil when it takes none.
    public var redundantPayloadType: UInt8?

    /// The payload type of redundant data in our description.
    public var acceptedRedundantPayloadType: UInt8?

    /// How Opus shall be encoded; without meaning for other codecs.
    public var opus = OpusSettings()

    /// Duration of our packets (`a=ptime`), 5 to 60 ms; one tick. While the network is full packets may hold several ticks
    /// (``PacketTimeControl``).
    public var packetTime: Duration

    /// The longest packets that the peer takes (`a=maxptime`).
    public var longestPacketTime = Duration.milliseconds(60)

    /// Which ways media flows.
    public var direction: Direction

    /// Whether RTCP shares the port of RTP (`a=rtcp-mux`, RFC 5761).
    public var isMultiplexed: Bool

    /// Whether RTCP may come that begins with any packet (`a=rtcp-rsize`, RFC 5506); ours is always compound.
    public var allowsReducedSize = false

    /// The durations that packets may have.
    public static let packetTimes: ClosedRange<Duration> = .milliseconds(5) ... .milliseconds(60)

    /// An agreement on one codec with one payload type both ways, and perhaps telephone events.
    ///
    /// - Parameter payloadType: nil for the static one, or the first dynamic one where there is none.
    public init(
        codec: AudioCodec, payloadType: UInt8? = nil, eventPayloadType: UInt8? = nil,
        packetTime: Duration = .milliseconds(20),
        direction: Direction = .sendReceive, isMultiplexed: Bool = false
    ) {
        self.codec = codec
        let payloadType = payloadType ?? codec.staticPayloadType ?? 96
        self.payloadType = payloadType
        accepted = [payloadType: codec]
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
        case event(SampleRate?)
        case comfortNoise
        case redundant
    }

    private var entries = InlineArray<128, Entry>(repeating: .unknown)

    init(_ negotiation: AudioNegotiation) {
        entries[Int(ComfortNoise.staticPayloadType)] = .comfortNoise
        if let type = negotiation.acceptedNoisePayloadType, type < 128 { entries[Int(type)] = .comfortNoise }
        if let type = negotiation.acceptedRedundantPayloadType, type < 128 { entries[Int(type)] = .redundant }
        for (type, codec) in negotiation.accepted where type < 128 { entries[Int(type)] = .audio(codec) }
        if let type = negotiation.acceptedEventPayloadType, type < 128 { entries[Int(type)] = .event(nil) }
        for (type, rate) in negotiation.acceptedEvents where type < 128 { entries[Int(type)] = .event(rate) }
    }

    subscript(type: UInt8) -> Entry { entries[Int(type & 0x7F)] }
}
