public import RTP
public import SRTP

/// How an audio stream behaves, apart from what is negotiated.
public struct AudioStreamConfiguration: Sendable {
    /// Jitter, concealment and delay. Its frame is set to the negotiated packet time.
    public var playout = PlayoutBuffer.Configuration()

    /// Validity of sequence numbers.
    public var sequenceLimits = SequenceTracker.Limits()

    /// Reports.
    public var reports = RTCPSchedule.Configuration()

    /// Name of this end point over all its streams (RFC 3550 §6.5.1, RFC 7022), at most 255 octets of UTF-8.
    public var canonicalName: String

    /// Whether packets of silence are sent while there is no source, so that the peer and NATs on the way see a stream.
    public var sendsSilence = true

    /// Whether silence of the source is left out where the peer takes comfort noise (RFC 3389); and with Opus, where it is not
    /// asked to send all.
    public var suppressesSilence = false

    /// Payloads before its own that each packet holds once more where the peer takes redundant data (RFC 2198), at most: 0 to
    /// ``RTP/RedundancySender/maximumDepth``.
    public var redundancy = 1

    /// Whether redundancy, the copies and the bit rate of Opus, and the length of packets follow the loss that the peer reports.
    public var followsReports = true

    /// Whether reports tell how the voice is heard (RFC 3611 §4.7).
    public var reportsQuality = true

    /// Whether keys are listened for in the sound (``DTMFDetector``) where the peer takes no telephone events, and so sends none.
    public var hearsTones = false

    /// Whether media follows a peer that sends from elsewhere than its description says (RFC 4961).
    public var followsPeer = true

    /// How long a known source must have been silent before another one is played from its first packet on; before that, the
    /// other must pass probation.
    public var sourceHold = Duration.milliseconds(200)

    /// Frames that a lane which was held up makes good, at most; the rest is passed over.
    public var catchUpFrames = 5

    /// The figures of the codec for the quality estimate; nil for those of the codec that is agreed on.
    public var impairment: CodecImpairment?

    /// The defaults.
    public init(canonicalName: String) {
        self.canonicalName = canonicalName
    }
}

/// What became of a datagram.
@frozen
public enum AudioReceipt: Hashable, Sendable {
    /// Audio, taken by the playout buffer or found late, duplicate or unusable by it.
    case media
    /// A telephone event, or comfort noise.
    case event
    /// RTCP.
    case control
    /// Nothing was done with it.
    case ignored(Reason)

    /// Why a datagram was ignored.
    @frozen
    public enum Reason: Hashable, Sendable {
        /// Neither RTP nor RTCP.
        case unknownProtocol
        /// The stream is secured, and there are no keys yet, or it is not known whether it is protected.
        case unsecured
        /// It is not authentic, or has been here before (RFC 3711).
        case unauthentic(SRTPError)
        /// A broken RTP packet.
        case malformed(RTPError)
        /// A broken RTCP compound.
        case malformedControl(RTCPError)
        /// A payload type that was not negotiated.
        case payloadType(UInt8)
        /// It comes from another address than the stream's peer.
        case address
        /// Its source or its sequence number is not yet believed.
        case unproven
        /// Media does not flow this way now.
        case direction
    }
}

/// What happened in a stream. Fetch with `nextEvent()` after receiving and ticking.
@frozen
public enum AudioStreamEvent: Hashable, Sendable {
    /// The peer presses a key.
    case digitBegan(TelephoneEvent.Code)
    /// The peer has released it.
    case digitEnded(TelephoneEvent.Code, duration: Duration)
    /// Media goes to another address now: `remote` says which.
    case moved
    /// The peer's source changed.
    case sourceChanged(ssrc: UInt32)
    /// The peer's source said goodbye.
    case goodbye
    /// Our source has ended; silence follows.
    case sourceEnded
}

/// What a tick gives to be sent: runs of octets in the memory that it was given.
public struct AudioTick<Address: Equatable & Sendable>: Sendable {
    /// A datagram.
    public struct Datagram: Sendable {
        /// Where its octets lie.
        public let octets: Range<Int>

        /// Where it shall go.
        public let destination: Address
    }

    /// The RTP packet.
    public internal(set) var media: Datagram?

    /// The RTCP compound; over the RTCP socket where the streams' ports are not shared.
    public internal(set) var control: Datagram?
}

/// A snapshot of a stream's figures.
public struct AudioStatistics: Sendable {
    /// What the peer reports of our stream.
    public struct RemoteReport: Hashable, Sendable {
        /// Part of our packets lost since its report before, 0 to 1.
        public let lossFraction: Double
        /// Packets lost since the beginning; negative when there were duplicates.
        public let cumulativeLost: Int
        /// Jitter of our packets' coming.
        public let jitter: Duration
    }

    /// The codec that we send.
    public internal(set) var codec = AudioCodec.pcmu
    /// Packets sent.
    public internal(set) var sentPackets: UInt64 = 0
    /// Octets of payload sent.
    public internal(set) var sentOctets: UInt64 = 0
    /// RTP packets received and believed, duplicates included.
    public internal(set) var receivedPackets: UInt64 = 0
    /// Octets of their payloads.
    public internal(set) var receivedOctets: UInt64 = 0
    /// Datagrams that were ignored, for whatever reason.
    public internal(set) var ignoredDatagrams: UInt64 = 0
    /// Datagrams among them that came from a stranger's address.
    public internal(set) var refusedDatagrams: UInt64 = 0
    /// Datagrams among them that were not authentic, or had been here before.
    public internal(set) var unauthenticDatagrams: UInt64 = 0
    /// How the packets are protected; nil in the clear.
    public internal(set) var protection: ProtectionProfile?
    /// RTCP compounds received and sent.
    public internal(set) var receivedReports: UInt64 = 0
    public internal(set) var sentReports: UInt64 = 0
    /// Packets of the peer's present source that were lost on the way (RFC 3550 A.3).
    public internal(set) var lost: Int = 0
    /// Interarrival jitter (RFC 3550 A.8).
    public internal(set) var jitter = Duration.zero
    /// Time to the peer and back; nil before a report tells.
    public internal(set) var roundTrip: Duration?
    /// What the peer says of our packets; nil before it does.
    public internal(set) var remote: RemoteReport?
    /// What the playout buffer counted.
    public internal(set) var playout = PlayoutBuffer.Counters()
    /// Time between a packet's coming and its playing.
    public internal(set) var playoutDelay = Duration.zero
    /// Frames that were passed over because the lane was held up.
    public internal(set) var skippedFrames: UInt64 = 0
    /// Frames that could not be sent because the memory was too small.
    public internal(set) var unsentFrames: UInt64 = 0
    /// Events that nobody fetched in time.
    public internal(set) var lostEvents: UInt64 = 0
    /// Level of what is heard, and of what is said, since the meters were read last.
    public internal(set) var heard = LevelMeter().reading
    public internal(set) var said = LevelMeter().reading
    /// What people would say of the conversation, and of listening alone.
    public internal(set) var quality = CallQuality(delay: .zero, loss: 0, codec: .g711)
    public internal(set) var listening = CallQuality(delay: .zero, loss: 0, codec: .g711)
    /// From the peer's mouth to our ear, as far as it is known: packet, half of the round trip, and playout.
    public internal(set) var mouthToEar = Duration.zero
    /// Duration of the peer's packets; of ours until one comes.
    public internal(set) var packetTime = Duration.milliseconds(20)
    /// Duration of our packets, which are longer than was agreed on while the network is full.
    public internal(set) var sentPacketTime = Duration.milliseconds(20)
    /// How the packets that were not there when they were due lie among the others.
    public internal(set) var pattern = LossPattern()
    /// The source that we send as (SSRC).
    public internal(set) var source: UInt32 = 0
    /// How we hear the peer, as reports tell it (RFC 3611 §4.7); nil before it is heard.
    public internal(set) var metrics: VoIPMetrics?
    /// What the peer says of how it hears us (RFC 3611); nil where it does not.
    public internal(set) var remoteMetrics: VoIPMetrics?

    /// Part of the packets that were not there when they were due, nor made good by the next one, 0 to 1.
    public var playoutLoss: Double {
        let lost = playout.lost + playout.late
        let missing = lost - min(lost, playout.recovered)
        let all = playout.received + lost
        return all == 0 ? 0 : Double(missing) / Double(all)
    }
}
