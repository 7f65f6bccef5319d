import RTP

/// Turns packets as they come into an even stream of frames: absorbs jitter, puts packets in order, conceals what is lost
/// and follows the sender's clock.
///
/// ```
///        first packet               its time has come
///  idle ──────────────► buffering ────────────────────► playing ──┐
///   ▲                                                             │
///   └────────────── nothing came for `maximumDelay` ──────────────┘
/// ```
///
/// Sans-IO: `insert` takes a packet and the time it came, `pull` gives the next frame and is called once per frame, with
/// the time at which the frame is due. Without jitter and loss, what comes out is what the packets hold, sample for sample:
/// time is stretched only where the delay must change.
///
/// Everything is counted in samples of each channel on one line of *media time*, to which timestamps are mapped; the mapping is kept when
/// the sender's timestamps or source change. A frame that is due holds the samples from the *cursor* on.
///
/// Not `Sendable`: it belongs to its stream, and copies share the state of the decoders.
public struct PlayoutBuffer {
    /// How the buffer behaves. All figures are defaults that were chosen for telephone calls.
    public struct Configuration: Hashable, Sendable {
        /// Rate of the samples. Only codecs of this rate can be played.
        public var sampleRate = SampleRate.narrowband

        /// Channels of the samples, 1 or 2, interleaved. Only codecs of as many can be played.
        public var channels = 1

        /// Length of the frames that are pulled, at most 60 ms.
        public var frame = Duration.milliseconds(20)

        /// Jitter that is absorbed from the start: the delay between a packet's coming and its playing is this and up to one
        /// frame more.
        public var nominalDelay = Duration.milliseconds(40)

        /// The delay that is gone back to where packets come evenly, at most `nominalDelay`: this, up to one frame more, and
        /// `slack`.
        public var minimumDelay = Duration.milliseconds(20)

        /// Longest delay. Packets that would wait longer push out what is before them; silence of the sender that lasts
        /// longer ends the talkspurt.
        public var maximumDelay = Duration.milliseconds(380)

        /// Delay over the least one that is tolerated before it is reduced.
        public var slack = Duration.milliseconds(20)

        /// When a packet comes less than this before it is due, or less than an eighth of the spread of those before, the delay
        /// grows.
        public var lowWater = Duration.milliseconds(2)

        /// Whether the delay follows the jitter, for which time is stretched. A fixed delay leaves the sound as it is: a packet
        /// that comes too late for it is lost, and one that comes early waits, up to `maximumDelay`.
        public var isAdaptive = true

        /// Least time between two adjustments, each of which adds or removes 2.5 to 15 ms; a quarter of it where they add.
        public var adjustmentInterval = Duration.milliseconds(200)

        /// Longest packet that is taken (RFC 3551 §4.2: receivers should accept 0 to 200 ms).
        public var longestPacket = Duration.milliseconds(200)

        /// Octets of payload that are held. G.711 needs 8 in 1 ms.
        public var octetCapacity = 8192

        /// The defaults.
        public init() {}

        /// What the samples are.
        var layout: SampleLayout { SampleLayout(sampleRate: sampleRate, channels: max(1, min(channels, 2))) }

        /// The defaults for a depth that is held: the delay has as much room above it as by default, and none below.
        public init(depth: Duration) {
            let room = maximumDelay - nominalDelay
            nominalDelay = max(.zero, depth)
            minimumDelay = nominalDelay
            maximumDelay = nominalDelay + room
        }
    }

    /// What became of a packet.
    @frozen
    public enum Insertion: Hashable, Sendable {
        /// It waits to be played.
        case queued
        /// Its time is over.
        case late
        /// It has come before.
        case duplicate
        /// It holds no samples, or more than can be taken, or its codec is not among those of the buffer.
        case unusable
    }

    /// What a frame holds.
    @frozen
    public enum Frame: Hashable, Sendable {
        /// Silence, or comfort noise, because nothing is being played.
        case idle
        /// Sound that was received.
        case media
        /// Sound of which at least a part was made up for what is missing.
        case concealed
        /// Silence, or comfort noise, because the sender sends none, or nothing for long.
        case silence
    }

    /// Counts since the beginning.
    public struct Counters: Hashable, Sendable {
        /// Packets taken to be played.
        public internal(set) var received: UInt64 = 0
        /// Packets that were not there when they were due and have not come since.
        public internal(set) var lost: UInt64 = 0
        /// Packets that came after they were due, or had to give way.
        public internal(set) var late: UInt64 = 0
        /// Packets among those that were taken whose payload came with a later packet (RFC 2198).
        public internal(set) var restored: UInt64 = 0
        /// Packets that came again.
        public internal(set) var duplicates: UInt64 = 0
        /// Packets with no samples, or too many, or of another codec.
        public internal(set) var unusable: UInt64 = 0
        /// Times that timestamps jumped and were mapped anew.
        public internal(set) var jumps: UInt64 = 0
        /// Frames pulled while something was played.
        public internal(set) var frames: UInt64 = 0
        /// Frames of which a part was made up for packets that were lost or late.
        public internal(set) var concealed: UInt64 = 0
        /// Gaps that were filled with what the packet behind them knew of them (in-band FEC).
        public internal(set) var recovered: UInt64 = 0
        /// Frames of which a part was silent because the sender was.
        public internal(set) var silent: UInt64 = 0
        /// Samples inserted to make the delay longer.
        public internal(set) var inserted: UInt64 = 0
        /// Samples taken out to make the delay shorter.
        public internal(set) var removed: UInt64 = 0

        /// The counts of two buffers that have played one after the other.
        static func + (one: Counters, other: Counters) -> Counters {
            var sum = one
            sum.received &+= other.received
            sum.lost &+= other.lost
            sum.late &+= other.late
            sum.restored &+= other.restored
            sum.duplicates &+= other.duplicates
            sum.unusable &+= other.unusable
            sum.jumps &+= other.jumps
            sum.frames &+= other.frames
            sum.concealed &+= other.concealed
            sum.recovered &+= other.recovered
            sum.silent &+= other.silent
            sum.inserted &+= other.inserted
            sum.removed &+= other.removed
            return sum
        }
    }

    /// How the buffer behaves.
    public let configuration: Configuration

    /// What it has counted.
    public internal(set) var counters = Counters()

    /// How the packets that were not there when they were due lie among the others.
    var pattern = LossPattern()
    /// Packets before the next one that are missing and made good by it.
    var repaired = 0

    enum State: Hashable {
        case idle
        /// Packets wait for their time. `anchor` is the shortest transit so far: arrival less media time.
        case buffering(anchor: Int64)
        case playing
    }

    /// A packet from which timestamps are counted on.
    struct Reference {
        var sequence: Int64
        var timestamp: UInt32
        var position: Int64
        var samples: Int
        var clockRate: SampleRate
    }

    /// The configuration in samples.
    let channels: Int
    let frameLength: Int
    let nominal: Int64
    let maximum: Int64
    let longest: Int

    var state = State.idle
    var store: PacketStore
    var decoders: DecoderBank
    var concealer: Concealer
    /// What fills silence once the sender has described its noise.
    var noise: NoiseGenerator
    var hasNoise = false
    var delay: DelayControl
    var window: SequenceWindow?
    var reference: Reference?
    var isNewSource = false
    var epoch: ContinuousClock.Instant?

    /// Samples of all channels, interleaved: first those that were played, `historyLength` of each, then those that come next, `ready`
    /// of each.
    var line: [Int16]
    /// Room for the mean of two channels, in which is sought where both are cut.
    var mean: [Int16]
    let historyLength: Int
    var ready = 0

    /// Mean magnitude of the samples in the loudest frames of late.
    var loudness: Float = 0
    /// The part of it that is forgotten with each frame: half in seven seconds of frames of 20 ms.
    static let fading: Float = 1 / 512
    /// The part of it at which there is a pause, 24 dB less, and the mean magnitude at which there is one whatever was said.
    static let pausePart: Float = 1 / 16
    static let silence: Float = 8
    /// Samples for which there has been a pause, and the frames of one in which a little may be taken out: between sentences, not
    /// before each plosive.
    var quiet = 0
    static let pauseFrames = 5

    /// Media time behind the samples that are ready.
    var decodedEnd: Int64 = 0
    /// Time, in samples, when the next frame is due.
    var nextDue: Int64 = 0
    /// Sequence number of the last packet decoded.
    var lastDecoded: Int64?
    /// Samples made up since the packets ran out: the media time does not go on until it is known why.
    var dry = 0
    /// For how long of that codecs with a concealment of their own make them up: 60 ms, beyond which it would be the worse one, and
    /// leave their state far from what comes.
    static let ownConcealment = Duration.milliseconds(60)
    /// Frames among them; what they are counted as is known later.
    var dryFrames: UInt64 = 0

    /// An empty buffer; takes all the memory that it will ever need.
    ///
    /// - Parameter codecs: what may be inserted.
    public init(configuration: Configuration = .init(), codecs: [AudioCodec] = [.pcmu, .pcma]) {
        self.configuration = configuration
        let rate = configuration.sampleRate
        let layout = configuration.layout
        channels = layout.channels
        frameLength = max(1, min(rate.samples(in: configuration.frame), rate.samples(in: .milliseconds(60))))
        nominal = Int64(rate.samples(in: configuration.nominalDelay))
        maximum = max(nominal, Int64(rate.samples(in: configuration.maximumDelay)))
        longest = rate.samples(in: configuration.longestPacket)
        store = PacketStore(octets: max(1, configuration.octetCapacity))
        decoders = DecoderBank(codecs.filter { $0.layout == layout })
        concealer = Concealer(sampleRate: rate, channels: channels)
        noise = NoiseGenerator(sampleRate: rate)
        delay = DelayControl(
            configuration, minimum: min(nominal, Int64(rate.samples(in: configuration.minimumDelay))), maximum: maximum)
        historyLength = max(concealer.historyLength, delay.lags.upperBound)
        let length = historyLength + 2 * frameLength + delay.lags.upperBound + longest
        line = [Int16](repeating: 0, count: length * channels)
        mean = [Int16](repeating: 0, count: channels > 1 ? length : 0)
    }

    /// Makes ready for further codecs; those of another sample rate, or other channels, are passed over.
    public mutating func prepare(_ codecs: [AudioCodec]) {
        let layout = configuration.layout
        decoders.prepare(codecs.filter { $0.layout == layout })
    }

    /// Samples of all channels in a frame.
    public var samplesPerFrame: Int { frameLength * channels }

    /// Time between a packet's coming and its playing, smoothed over some packets.
    public var currentDelay: Duration {
        configuration.sampleRate.duration(of: max(0, Int(delay.smoothed)))
    }

    /// Whether packets are being played.
    public var isPlaying: Bool { state == .playing }
}
