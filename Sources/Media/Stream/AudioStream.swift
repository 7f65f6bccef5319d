public import RTP
import SRTP

/// One audio stream between us and a peer, both ways: RTP and RTCP, playout, source and sink, telephone events.
///
/// Sans-IO. The lane that owns the stream gives it datagrams as they come and calls `tick` when `nextTick` is due; the
/// stream reads no clock and opens no socket.
///
/// ```swift
/// stream.receive(datagram, from: address, at: now)       // from the RTP socket
/// stream.receiveControl(datagram, from: address, at: now)  // from the RTCP socket, where there is one
/// while now >= stream.nextTick {
///     let tick = stream.tick(at: now, into: &memory)
///     if let packet = tick.media { send(memory[packet.octets], to: packet.destination) }
///     if let packet = tick.control { sendControl(memory[packet.octets], to: packet.destination) }
/// }
/// while let event = stream.nextEvent() { … }
/// ```
///
/// After the start nothing is allocated for a datagram or a tick, but where a key is begun to be sounded or packets get longer. A
/// source and a sink are called once per tick each, by one witness call; all else is direct. Not `Sendable`: it belongs to its lane.
public final class AudioStream<Address: Equatable & Sendable> {
    /// What was negotiated last.
    public internal(set) var negotiation: AudioNegotiation

    /// How the stream behaves.
    public let configuration: AudioStreamConfiguration

    /// When the next tick is due: the start and a whole number of packet times, without drift.
    public internal(set) var nextTick: ContinuousClock.Instant

    /// Octets that `tick` and `goodbye` may need: a packet of 60 ms of the widest codec, and a report, and what protects them.
    public static var tickCapacity: Int { packetCapacity + 2 * SRTPLimits.maximumOverhead }

    /// Octets that a packet and a report have together at most, without what protects them.
    static var packetCapacity: Int { 1500 }

    /// Whether and by which keys the packets are protected. Set it before the first datagram and the first tick, and again when the
    /// keys change.
    public var security = StreamSecurity.none

    let wallclock: WallclockReference
    let canonicalName: [UInt8]
    var payloads: PayloadTable
    var latch: SymmetricLatch<Address>
    var controlLatch: SymmetricLatch<Address>

    // Sending
    var sender: RTPSender
    /// Nil where the codec cannot be had: nothing is sent then, and frames count as unsent.
    var encoder: AudioEncoder?
    var keys: TelephoneEventSender
    var keyTones: KeyTones
    var source: (any AudioSource)?
    /// The source as it was given, at its own rate.
    var givenSource: (any AudioSource)?
    var analyzer: NoiseAnalyzer
    var redundancy: RedundancySender
    /// Frames that wait to be a packet together.
    var gathering = FrameGathering()
    /// What is made of the reports; how Opus works, and how much is repeated, without loss.
    var control = SendingControl()
    private var plainOpus: OpusSettings?
    private var mostRedundancy: Int
    var needsMarker = true
    var saidMeter = LevelMeter()

    // Receiving
    var receiver: RTPReceiver?
    /// A source that is on probation beside the one that is played.
    var candidate: RTPReceiver?
    var lastHeard: ContinuousClock.Instant
    var playout: PlayoutBuffer
    var heardKeys: TelephoneEventReceiver
    /// The rate of the durations that the peer reported last; nil for that of the codec's timestamps.
    var heardKeyRate: SampleRate?
    /// Hears keys in the sound; nil where they come as events, or are not listened for.
    var detector: DTMFDetector?
    /// Whether a key that is heard in the sound sounds now.
    var isKeySounding = false
    /// Whether keys that are heard in the sound are left out of what the sink gets, from when they are recognised on.
    public var removesKeys = false
    var sink: (any AudioSink)?
    /// The sink as it was given, at its own rate.
    var givenSink: (any AudioSink)?
    /// When another sample rate was begun to be heard.
    var rateChanged: ContinuousClock.Instant?
    /// What still plays at the rate of before.
    var retiring: RetiringPlayout?
    /// The counts of buffers of before.
    var pastPlayout = PlayoutBuffer.Counters()
    /// The last packet of ``candidate``, which is played when that is believed.
    let probe = ProbationPacket(capacity: AudioStream.packetCapacity)
    var heardMeter = LevelMeter()

    /// Takes both directions, at their own rates.
    var recorder: CallRecorder?

    // Reports
    var schedule: RTCPSchedule
    var generator: StreamGenerator
    var reportedPackets: (last: UInt32, before: UInt32) = (0, 0)
    var roundTrip: Duration?
    var remoteReport: ReportBlock?
    var remoteMetrics: VoIPMetrics?
    /// A source of ours that collided and has to say goodbye.
    var leaving: UInt32?
    var collided: Address?

    var counts = AudioStatistics()
    private var events = EventRing()
    /// A frame each way, and the payload of one.
    var said: SoundFrame
    var heard: SoundFrame
    let payload: FrameMemory<UInt8>

    /// Makes a stream whose first tick is due at `start`.
    ///
    /// - Parameters:
    ///   - negotiation: what offer and answer agreed on.
    ///   - remote: where the peer's description wants RTP; nil when it names no address.
    ///   - remoteControl: where it wants RTCP; without meaning where RTCP shares the port.
    ///   - wallclock: both clocks, read together.
    ///   - generator: for the identifiers, which must not be guessed (RFC 3550 §5.1): the system's, but for tests.
    public init(
        _ negotiation: AudioNegotiation, remote: Address?, remoteControl: Address?,
        configuration: AudioStreamConfiguration, at start: ContinuousClock.Instant, wallclock: WallclockReference,
        using generator: inout some RandomNumberGenerator
    ) {
        let packetTime = Self.packetTime(negotiation)
        self.negotiation = negotiation
        self.negotiation.packetTime = packetTime
        self.configuration = configuration
        self.wallclock = wallclock
        canonicalName = Array(configuration.canonicalName.utf8.prefix(255))
        nextTick = start
        lastHeard = start
        payloads = PayloadTable(negotiation)
        var policy = SymmetricLatch<Address>.Policy()
        policy.follows = configuration.followsPeer
        latch = SymmetricLatch(signalled: remote, policy: policy)
        controlLatch = SymmetricLatch(signalled: remoteControl, policy: policy)
        let clock = negotiation.codec.clockRate.clock
        sender = RTPSender(clock: clock, at: start, using: &generator)
        self.generator = StreamGenerator(seed: generator.next())
        // There is no source yet.
        let spoken = negotiation.codec.coded(channels: 1)
        encoder = try? AudioEncoder(spoken)
        analyzer = NoiseAnalyzer(frame: packetTime)
        redundancy = RedundancySender(depth: configuration.redundancy)
        mostRedundancy = configuration.redundancy
        heardKeys = TelephoneEventReceiver(configuration: .init(clock: clock))
        keys = TelephoneEventSender(configuration: .init(clock: clock))
        keyTones = KeyTones(sampleRate: negotiation.codec.sampleRate)
        playout = PlayoutBuffer(
            configuration: Self.playout(configuration, packetTime, Self.expected(negotiation)),
            codecs: Array(negotiation.accepted.values))
        said = SoundFrame(spoken.layout, packetTime)
        heard = SoundFrame(Self.expected(negotiation).layout, packetTime)
        payload = FrameMemory(Self.packetCapacity)
        schedule = RTCPSchedule(
            at: start, expectedSize: 28 + 24 + 12 + canonicalName.count, configuration: configuration.reports,
            using: &self.generator)
        opus = Self.opus(negotiation, configuration)
        chooseDetector()
    }

    /// Samples of each channel in a frame that is said.
    public var samplesPerFrame: Int { said.count }

    /// Our synchronization source.
    public var ssrc: UInt32 { sender.ssrc }

    /// Where media goes; nil while that is not known.
    public var remote: Address? { latch.destination }

    /// Where reports go.
    public var remoteControl: Address? { negotiation.isMultiplexed ? latch.destination : controlLatch.destination }

    /// The event that happened first of those not fetched yet.
    public func nextEvent() -> AudioStreamEvent? { events.next() }

    func report(_ event: AudioStreamEvent) {
        if !events.append(event) { counts.lostEvents &+= 1 }
    }

    /// What was agreed on, within bounds; or else the longest shorter time that all codecs allow.
    static func packetTime(_ negotiation: AudioNegotiation) -> Duration {
        let range = AudioNegotiation.packetTimes
        let wanted = max(range.lowerBound, min(negotiation.packetTime, range.upperBound))
        let codecs = [negotiation.codec] + negotiation.accepted.values
        let times = [wanted] + Self.shorterTimes.filter { $0 < wanted }
        return times.first { time in codecs.allSatisfy { $0.allows(packetTime: time) && fits($0, time) } } ?? wanted
    }

    private static var shorterTimes: [Duration] {
        [
            .milliseconds(60), .milliseconds(40), .milliseconds(30), .milliseconds(20), .milliseconds(10),
            .milliseconds(5),
        ]
    }

    /// Whether packets of a duration are no longer than a datagram shall be.
    static func fits(_ codec: AudioCodec, _ packetTime: Duration) -> Bool {
        if case .opus = codec { return true }
        let length = codec.payloadCapacity(samples: codec.sampleRate.samples(in: packetTime))
        return length <= packetCapacity - RTPHeader.fixedLength
    }

    static func opus(
        _ negotiation: AudioNegotiation, _ configuration: AudioStreamConfiguration
    ) -> OpusSettings {
        var settings = negotiation.opus
        if configuration.suppressesSilence { settings.isDiscontinuous = true }
        return settings
    }

    static func playout(
        _ configuration: AudioStreamConfiguration, _ packetTime: Duration, _ codec: AudioCodec
    ) -> PlayoutBuffer.Configuration {
        var playout = configuration.playout
        playout.frame = packetTime
        playout.sampleRate = codec.sampleRate
        playout.channels = codec.codedChannels
        // Samples as they are, or music of two channels with as many bits as there may be, for as long as they may wait.
        let wait = playout.maximumDelay + playout.longestPacket
        switch codec {
        case .l16: playout.octetCapacity = max(playout.octetCapacity, 2 * codec.sampleRate.samples(in: wait))
        case .opus where codec.codedChannels > 1:
            let rate = SampleRate(OpusSettings.bitrates.upperBound / 8)
            playout.octetCapacity = max(playout.octetCapacity, rate.samples(in: wait))
        default: break
        }
        return playout
    }

    /// The codec that is heard, as long as no packet says otherwise: that which we send, in the channels in which we take it.
    static func expected(_ negotiation: AudioNegotiation) -> AudioCodec {
        let accepted = negotiation.accepted.values
        if accepted.contains(negotiation.codec) { return negotiation.codec }
        let mono = negotiation.codec.coded(channels: 1)
        return accepted.first { $0.coded(channels: 1) == mono } ?? negotiation.codec
    }
}

extension AudioStream {
    /// Plays `source` to the peer from the next tick on; nil for silence. A source of another rate is converted. One of two channels is
    /// heard so where that was agreed on, and else as the mean of both.
    public func play(_ source: (any AudioSource)?) {
        givenSource = source
        if encoder?.codec != spoken { beginEncoding() }
        fitSource()
    }

    /// The codec as it is spoken: in two channels where so many were agreed on, and the source has them.
    var spoken: AudioCodec {
        let codec = negotiation.codec
        return codec.coded(channels: min(codec.codedChannels, givenSource?.channels ?? 1))
    }

    /// Has an encoder for what is spoken, and a frame.
    func beginEncoding() {
        let codec = spoken
        encoder = try? AudioEncoder(codec)
        said = SoundFrame(codec.layout, negotiation.packetTime)
        fitSending()
    }

    /// Takes the source in the layout of what is spoken.
    func fitSource() {
        let layout = spoken.layout
        source = nil
        if let givenSource { source = givenSource.fitted(to: layout) }
    }

    /// Gives what the peer sends to `sink` from the next tick on; nil for nobody. A sink of another rate gets converted
    /// sound, and one of one channel the mean where there are two.
    public func deliver(to sink: (any AudioSink)?) {
        givenSink = sink
        retiring?.sink = nil
        let layout = playout.configuration.layout
        self.sink = nil
        if let sink { self.sink = sink.fitted(to: layout) }
    }

    /// Records what is heard and what is said from the next tick on, in place of an earlier recorder; nil for none. What is not sent,
    /// as in a call on hold, is silence. A recorder serves one stream and is refused by a second one.
    public func record(with recorder: CallRecorder?) {
        self.recorder = recorder?.claim() == true ? recorder : nil
    }

    /// How Opus is encoded; nil for other codecs. May be set in the call, as the network changes.
    ///
    /// The peer's reports change the expected loss, and the bit rate within the one that is set here.
    public var opus: OpusSettings? {
        get {
            guard let loss = encoder?.opus?.expectedLoss else { return nil }
            var settings = plainOpus
            settings?.expectedLoss = loss
            return settings
        }
        set {
            plainOpus = newValue
            fitSending()
        }
    }

    /// Payloads before its own that each packet holds once more now, where the peer takes redundant data. What is set is the most.
    public var redundancyDepth: Int {
        get { redundancy.depth }
        set {
            mostRedundancy = newValue
            fitSending()
        }
    }

    /// Takes a report of the peer into account, and the round trip that it tells of.
    func note(lossFraction: Double, roundTrip trip: Duration?) {
        guard configuration.followsReports else { return }
        control.note(lossFraction, lengthening: mostLongerSteps, roundTrip: trip)
        fitSending()
        fitPacketTime()
    }

    private func fitSending() {
        redundancy.depth = control.redundancy(limit: mostRedundancy)
        guard let plainOpus else { return }
        encoder?.opus = control.opus(
            plainOpus, at: negotiation.codec.sampleRate, channels: encoder?.codec.codedChannels ?? 1)
    }

    /// Queues a key to be sent as a telephone event.
    ///
    /// - Parameter duration: nil for 100 ms.
    /// - Returns: false when the peer takes no telephone events, or too many keys wait.
    public func send(_ key: TelephoneEvent.Code, duration: Duration? = nil) -> Bool {
        guard negotiation.eventPayloadType != nil else { return false }
        return keys.enqueue(key, duration: duration.map { UInt32(clamping: sender.clock.units(in: $0)) })
    }

    /// Presses a key, until `release()`.
    ///
    /// - Returns: false when the peer takes no telephone events, or too many keys wait.
    public func press(_ key: TelephoneEvent.Code) -> Bool {
        negotiation.eventPayloadType != nil && keys.start(key)
    }

    /// Releases the key that is pressed.
    public func release() {
        keys.stop()
    }

    /// Queues a key to be sounded in place of the source: its two tones for 100 ms, and a pause of as long (ITU-T Q.23, Q.24). For
    /// peers that take no telephone events.
    ///
    /// - Returns: false when too many keys wait, or the event is no key.
    public func sound(_ key: TelephoneEvent.Code) -> Bool { keyTones.enqueue(key) }

    /// Whether keys are being sent or wait.
    public var isSendingKeys: Bool { keys.isBusy || keyTones.isBusy }

    /// Listens for keys in the sound where that is wanted, and the peer has no telephone events.
    func chooseDetector() {
        let rate = playout.configuration.sampleRate
        guard configuration.hearsTones, negotiation.eventPayloadType == nil else {
            isKeySounding = false
            return detector = nil
        }
        if detector?.sampleRate != rate {
            detector = DTMFDetector(sampleRate: rate)
            isKeySounding = false
        }
    }
}
