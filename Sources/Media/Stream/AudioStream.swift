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
/// After the start nothing is allocated for a datagram or a tick, but where a key is begun to be sounded. A source and a sink
/// are called once per tick each, by one witness call; all else is direct. Not `Sendable`: it belongs to its lane.
public final class AudioStream<Address: Equatable & Sendable> {
    /// What was negotiated last.
    public internal(set) var negotiation: AudioNegotiation

    /// How the stream behaves.
    public let configuration: AudioStreamConfiguration

    /// When the next tick is due: the start and a whole number of packet times, without drift.
    public private(set) var nextTick: ContinuousClock.Instant

    /// Octets that `tick` and `goodbye` may need: a packet of 60 ms of the widest codec, and a report, and what protects them.
    public static var tickCapacity: Int { packetCapacity + 2 * SRTPLimits.maximumOverhead }

    /// Octets that a packet and a report have together at most, without what protects them.
    private static var packetCapacity: Int { 1500 }

    /// Whether and by which keys the packets are protected. Set it before the first datagram and the first tick, and again when the
    /// keys change.
    public var security = StreamSecurity.none

    private let wallclock: WallclockReference
    private let canonicalName: [UInt8]
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
    /// What is made of the reports; how Opus works, and how much is repeated, without loss.
    private var control = SendingControl()
    private var plainOpus: OpusSettings?
    private var mostRedundancy: Int
    var needsMarker = true
    private var saidMeter = LevelMeter()

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
    private var recorder: CallRecorder?

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
    var said: FrameMemory<Int16>
    var heard: FrameMemory<Int16>
    private let payload: FrameMemory<UInt8>

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
        encoder = try? AudioEncoder(negotiation.codec)
        analyzer = NoiseAnalyzer(frame: packetTime)
        redundancy = RedundancySender(depth: configuration.redundancy)
        mostRedundancy = configuration.redundancy
        heardKeys = TelephoneEventReceiver(configuration: .init(clock: clock))
        keys = TelephoneEventSender(configuration: .init(clock: clock))
        keyTones = KeyTones(sampleRate: negotiation.codec.sampleRate)
        playout = PlayoutBuffer(
            configuration: Self.playout(configuration, packetTime, negotiation.codec),
            codecs: Array(negotiation.accepted.values))
        said = FrameMemory(negotiation.codec.sampleRate.samples(in: packetTime))
        heard = FrameMemory(negotiation.codec.sampleRate.samples(in: packetTime))
        payload = FrameMemory(Self.packetCapacity)
        schedule = RTCPSchedule(
            at: start, expectedSize: 28 + 24 + 12 + canonicalName.count, configuration: configuration.reports,
            using: &self.generator)
        opus = Self.opus(negotiation, configuration)
        chooseDetector()
    }

    /// Samples in a frame that is said.
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
        // Samples as they are, for as long as they may wait.
        let room = 2 * codec.sampleRate.samples(in: playout.maximumDelay + playout.longestPacket)
        if case .l16 = codec { playout.octetCapacity = max(playout.octetCapacity, room) }
        return playout
    }
}

extension AudioStream {
    /// Plays `source` to the peer from the next tick on; nil for silence. A source of another rate is converted.
    public func play(_ source: (any AudioSource)?) {
        givenSource = source
        let rate = negotiation.codec.sampleRate
        self.source = source.map { $0.sampleRate == rate ? $0 : ResamplingSource($0, to: rate) }
    }

    /// Gives what the peer sends to `sink` from the next tick on; nil for nobody. A sink of another rate gets converted
    /// sound.
    public func deliver(to sink: (any AudioSink)?) {
        givenSink = sink
        retiring?.sink = nil
        let rate = playout.configuration.sampleRate
        self.sink = sink.map { $0.sampleRate == rate ? $0 : ResamplingSink($0, from: rate) }
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

    /// Takes a report of the peer into account.
    func note(lossFraction: Double) {
        guard configuration.followsReports else { return }
        control.note(lossFraction)
        fitSending()
    }

    private func fitSending() {
        redundancy.depth = control.redundancy(limit: mostRedundancy)
        guard let plainOpus else { return }
        encoder?.opus = control.opus(plainOpus, at: negotiation.codec.sampleRate)
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
        guard configuration.hearsTones, negotiation.eventPayloadType == nil else { return detector = nil }
        if detector?.sampleRate != rate { detector = DTMFDetector(sampleRate: rate) }
    }

    /// The stream's figures.
    public func statistics() -> AudioStatistics {
        var all = counts
        all.codec = negotiation.codec
        all.playout = pastPlayout + playout.counters
        if let counters = retiring?.buffer.counters { all.playout = all.playout + counters }
        all.playoutDelay = playout.currentDelay
        if case .secured(let media, _) = security { all.protection = media.profile }
        all.refusedDatagrams = latch.refused &+ controlLatch.refused
        if let receiver {
            all.lost = Int(receiver.sequence.cumulativeLost)
            all.jitter = receiver.clock.duration(of: Int64(receiver.jitter))
        }
        all.roundTrip = roundTrip
        all.remote = remoteReport.map {
            AudioStatistics.RemoteReport(
                lossFraction: Double($0.fractionLost) / 256, cumulativeLost: Int($0.cumulativeLost),
                jitter: sender.clock.duration(of: Int64($0.jitter)))
        }
        all.heard = heardMeter.reading
        all.said = saidMeter.reading
        all.pattern = playout.pattern
        all.packetTime = negotiation.packetTime
        all.remoteMetrics = remoteMetrics
        all.mouthToEar = (roundTrip ?? .zero) / 2 + playout.currentDelay + negotiation.packetTime
        let impairment = configuration.impairment ?? CodecImpairment(negotiation.codec)
        func quality(_ delay: Duration) -> CallQuality {
            CallQuality(
                delay: delay, loss: all.playoutLoss, codec: impairment, burstRatio: playout.pattern.burstRatio)
        }
        all.quality = quality(all.mouthToEar)
        all.listening = quality(.zero)
        all.source = sender.ssrc
        if let receiver {
            all.metrics = AudioQuality(all).metrics(
                about: receiver.ssrc, isAdaptive: playout.configuration.isAdaptive, playout: playout.currentDelay,
                most: playout.configuration.maximumDelay, said: negotiation.packetTime)
        }
        return all
    }

    /// Gives the levels of what was heard and said since the last take, and begins anew.
    public func takeLevels() -> (heard: LevelMeter.Reading, said: LevelMeter.Reading) {
        (heardMeter.take(), saidMeter.take())
    }
}

extension AudioStream {
    /// Makes the frame that is due: gives one to the sink, sends one of the source, and a report when it is time.
    ///
    /// Call it when `nextTick` has come; when several are due, call it again until `nextTick` is in the future. Before its
    /// time it does nothing. A lane that was held up for more than `catchUpFrames` passes over the rest.
    ///
    /// - Parameter memory: at least `tickCapacity` octets, where the datagrams are written.
    public func tick(at now: ContinuousClock.Instant, into memory: inout MutableRawSpan) -> AudioTick<Address> {
        var result = AudioTick<Address>()
        guard now >= nextTick else { return result }
        catchUp(to: now)
        let due = nextTick
        nextTick += negotiation.packetTime
        heardKeys.expire(at: now)
        drainKeys()
        hear(at: due)
        let length = say(at: due, into: &memory, &result)
        if let recorder { give(recorder, at: due) }
        if now >= schedule.next { writeReport(at: now, into: &memory, after: length, &result) }
        return result
    }

    /// Says goodbye (RFC 3550 §6.3.7): the last datagram of the stream, for the address of `remoteControl`; nil when
    /// nothing was ever sent, or the address is not known.
    public func goodbye(
        at now: ContinuousClock.Instant, into memory: inout MutableRawSpan
    ) -> AudioTick<Address>.Datagram? {
        guard counts.sentPackets > 0 || counts.sentReports > 0, !isPending, let destination = remoteControl else {
            return nil
        }
        var writer = RTCPWriter()
        do {
            try writeCompound(at: now, &writer, into: &memory)
            let none = InlineArray<0, UInt8>(repeating: 0)
            try writer.goodbye(ssrc: sender.ssrc, reason: none.span.bytes, into: &memory)
        } catch {
            return nil
        }
        guard let octets = sealControl(0..<writer.length, in: &memory) else { return nil }
        counts.sentReports &+= 1
        return .init(octets: octets, destination: destination)
    }

    private func catchUp(to now: ContinuousClock.Instant) {
        let behind = nextTick.duration(to: now)
        let limit = negotiation.packetTime * max(1, configuration.catchUpFrames)
        guard behind > limit else { return }
        // A clock that leaps by ages is followed in several calls.
        let skipped = Int64(min((behind - limit) / negotiation.packetTime, 1e12)) + 1
        nextTick += negotiation.packetTime * skipped
        sender.advance(by: UInt32(truncatingIfNeeded: skipped &* Int64(unitsPerFrame)))
        counts.skippedFrames &+= UInt64(skipped)
        needsMarker = true
    }

    private func hear(at due: ContinuousClock.Instant) {
        if hearRetiring(at: due) { return }
        let memory = heard.elements
        var frame = memory.mutableSpan
        _ = playout.pull(into: &frame, at: due)
        heardMeter.update(memory.span)
        if negotiation.direction.receives { listen(memory) }
        sink?.write(memory.span)
    }

    /// Hears keys in the sound.
    private func listen(_ frame: UnsafeMutableBufferPointer<Int16>) {
        detector?.process(frame.span) { found in
            switch found {
            case .began(let code): report(.digitBegan(code))
            case .ended(let code, let duration): report(.digitEnded(code, duration: duration))
            }
        }
    }

    /// Gives both frames of a tick to the recorder.
    @inline(never)
    private func give(_ recorder: CallRecorder, at due: ContinuousClock.Instant) {
        // Held here: Swift 6.3 does not compile a release that borrows the spans from the properties.
        let (heardMemory, saidMemory) = ((retiring?.frame ?? heard).elements, said.elements)
        let rate = retiring?.buffer.configuration.sampleRate ?? playout.configuration.sampleRate
        recorder.write(
            heard: heardMemory.span, at: rate, said: saidMemory.span,
            at: negotiation.codec.sampleRate, due: due)
    }

    /// - Returns: octets of the packet; 0 when none is sent.
    private func say(
        at due: ContinuousClock.Instant, into memory: inout MutableRawSpan, _ result: inout AudioTick<Address>
    ) -> Int {
        let frameMemory = said.elements
        var frame = frameMemory.mutableSpan
        let hasSource = source != nil
        // Before there are keys and a way the source waits: its beginning is not for nobody.
        if let source, !isPending, !latch.isSearching {
            if source.read(into: &frame) < said.count {
                self.source = nil
                givenSource = nil
                report(.sourceEnded)
            }
        } else {
            frame.silence()
        }
        var sounds = false
        if negotiation.direction.sends, !isPending { sounds = keyTones.fill(&frame) }
        saidMeter.update(frameMemory.span)
        sender.mark(due)
        defer { sender.advance(by: unitsPerFrame) }
        guard negotiation.direction.sends, !isPending, let destination = latch.destination else {
            needsMarker = true
            // Nobody hears it: nor does who listens to the recording.
            frame.silence()
            return 0
        }
        let key =
            negotiation.eventPayloadType == nil
            ? nil : keys.next(timestamp: sender.timestamp, units: unitsPerFrame)
        guard key != nil || hasSource || sounds || configuration.sendsSilence else {
            needsMarker = true
            return 0
        }
        guard let payloadLength = write(key, into: &memory) else {
            counts.unsentFrames &+= 1
            return 0
        }
        guard payloadLength > 0 else {
            // The codec has found silence.
            needsMarker = true
            return 0
        }
        guard let length = seal(RTPHeader.fixedLength + payloadLength, in: &memory) else {
            counts.unsentFrames &+= 1
            return 0
        }
        counts.sentPackets &+= 1
        counts.sentOctets &+= UInt64(payloadLength)
        result.media = .init(octets: 0..<length, destination: destination)
        return length
    }

    /// Writes the packet.
    ///
    /// - Returns: octets of its payload, 0 when none is needed; nil where there is no room, or no codec.
    private func write(_ key: TelephoneEventSender.Packet?, into memory: inout MutableRawSpan) -> Int? {
        let start = RTPHeader.fixedLength
        if let key, let type = negotiation.eventPayloadType {
            var event = key.event
            if let rate = negotiation.eventClockRate, rate != negotiation.codec.clockRate {
                event.duration = UInt16(
                    clamping: Int(event.duration) * rate.hertz / negotiation.codec.clockRate.hertz)
            }
            guard (try? event.write(into: &memory, at: start)) != nil else { return nil }
            redundancy.reset()
            let header = sender.nextHeader(
                payloadType: type, marker: key.marker, payloadLength: TelephoneEvent.length, timestamp: key.timestamp)
            _ = try? header.write(into: &memory)
            needsMarker = true
            return TelephoneEvent.length
        }
        if negotiation.noisePayloadType != nil, configuration.suppressesSilence {
            switch analyzer.next(said.elements.span) {
            case .speech: break
            case .noise(let noise): return write(noise, into: &memory)
            case .nothing:
                redundancy.reset()
                return 0
            }
        }
        return writeFrame(into: &memory)
    }

    private func write(_ noise: ComfortNoise, into memory: inout MutableRawSpan) -> Int? {
        redundancy.reset()
        guard let type = negotiation.noisePayloadType,
            let length = try? noise.write(into: &memory, at: RTPHeader.fixedLength)
        else { return nil }
        // No marker (RFC 3389 §4); the next packet of speech has it.
        let header = sender.nextHeader(payloadType: type, marker: false, payloadLength: length)
        _ = try? header.write(into: &memory)
        needsMarker = true
        return length
    }

    private func writeFrame(into memory: inout MutableRawSpan) -> Int? {
        guard encoder != nil, let least = leastRoom, RTPHeader.fixedLength + least <= memory.byteCount else {
            return nil
        }
        var type = negotiation.payloadType
        var length = 0
        if let redundant = negotiation.redundantPayloadType, redundancy.depth > 0 {
            let count = encodeAside()
            guard count > 0 else {
                redundancy.reset()
                return 0
            }
            length = writeBlocks(count, into: &memory)
            guard length > 0 else { return nil }
            type = redundant
        } else {
            length = encode(into: &memory)
            guard length > 0 else { return 0 }
        }
        let header = sender.nextHeader(payloadType: type, marker: needsMarker, payloadLength: length)
        _ = try? header.write(into: &memory)
        needsMarker = false
        return length
    }

    // The encoder and each memory have a function of their own, and spans are made of pointers: else the optimiser of Swift 6.3.1
    // fails.

    /// Encodes the frame to where a packet has its payload.
    ///
    /// - Returns: octets of it; 0 where nothing needs to be sent.
    @inline(never)
    private func encode(into memory: inout MutableRawSpan) -> Int {
        encoder?.encode(said.elements.span, into: &memory, at: RTPHeader.fixedLength) ?? 0
    }

    /// Encodes the frame to the payload's own memory.
    ///
    /// - Returns: octets of it; 0 where nothing needs to be sent.
    @inline(never)
    private func encodeAside() -> Int {
        // The memory lives as long as the stream.
        var space = MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(payload.elements))
        return encoder?.encode(said.elements.span, into: &space) ?? 0
    }

    /// Writes the payload's own memory with the payloads before it (RFC 2198).
    ///
    /// - Returns: octets written; 0 where there is no room.
    @inline(never)
    private func writeBlocks(_ count: Int, into memory: inout MutableRawSpan) -> Int {
        // The memory lives as long as the stream.
        let octets = RawSpan(
            _unsafeBytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(payload.elements)[..<count]))
        return redundancy.write(
            octets, payloadType: negotiation.payloadType, timestamp: sender.timestamp, into: &memory,
            at: RTPHeader.fixedLength)
    }

    /// Octets that a payload must have room for; nil where a frame is longer than any datagram.
    private var leastRoom: Int? {
        let codec = negotiation.codec
        if case .opus = codec { return OpusEncoder.leastRoom }
        let length = codec.payloadCapacity(samples: said.count)
        return length <= Self.packetCapacity - RTPHeader.fixedLength ? length : nil
    }

    /// Units of the timestamp in a frame.
    private var unitsPerFrame: UInt32 {
        UInt32(truncatingIfNeeded: negotiation.codec.timestampUnits(samples: said.count))
    }
}

extension AudioStream {
    private func writeReport(
        at now: ContinuousClock.Instant, into memory: inout MutableRawSpan, after start: Int,
        _ result: inout AudioTick<Address>
    ) {
        schedule.members = receiver == nil ? 1 : 2
        schedule.hasSent = sender.packetCount != reportedPackets.before
        schedule.senders = (schedule.hasSent ? 1 : 0) + (receiver?.hasNews == true ? 1 : 0)
        guard schedule.expire(at: now, using: &generator), !isPending, let destination = remoteControl else { return }
        var writer = RTCPWriter(at: start)
        do {
            try writeCompound(at: now, &writer, into: &memory)
        } catch {
            return
        }
        reportedPackets = (sender.packetCount, reportedPackets.last)
        guard let octets = sealControl(writer.octets, in: &memory) else { return }
        schedule.note(size: octets.count)
        counts.sentReports &+= 1
        result.control = .init(octets: octets, destination: destination)
    }

    /// SR when media was sent since the second last report, else RR, with a block about the peer when it was heard since the
    /// last; then the name.
    private func writeCompound(
        at now: ContinuousClock.Instant, _ writer: inout RTCPWriter, into memory: inout MutableRawSpan
    ) throws(RTCPError) {
        let none = InlineArray<0, ReportBlock>(repeating: Self.noBlock)
        if let old = leaving {
            // The source that collided leaves first, under its own report (§8.2).
            let noReason = InlineArray<0, UInt8>(repeating: 0)
            try writer.receiverReport(ssrc: old, blocks: none.span, into: &memory)
            try writer.goodbye(ssrc: old, reason: noReason.span.bytes, into: &memory)
            leaving = nil
        }
        let hasBlock = receiver?.hasNews == true
        let block = InlineArray<1, ReportBlock>(
            repeating: hasBlock ? receiver?.reportBlock(at: now) ?? Self.noBlock : Self.noBlock)
        let blocks = block.span.extracting(0..<(hasBlock ? 1 : 0))
        if sender.packetCount != reportedPackets.before {
            try writer.senderReport(
                ssrc: sender.ssrc, info: sender.senderInfo(at: now, wallclock: wallclock), blocks: blocks,
                into: &memory)
        } else {
            try writer.receiverReport(ssrc: sender.ssrc, blocks: blocks, into: &memory)
        }
        let name = canonicalName
        try writer.canonicalName(ssrc: sender.ssrc, name: name.span.bytes, into: &memory)
        guard configuration.reportsQuality, hasBlock, let metrics = statistics().metrics else { return }
        try writer.extendedReport(ssrc: sender.ssrc, metrics: metrics, into: &memory)
    }

    private static var noBlock: ReportBlock {
        ReportBlock(
            ssrc: 0, fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 0,
            delaySinceLastSenderReport: 0)
    }

    /// Our wallclock, by which round trips are told.
    func wallclockTime(at now: ContinuousClock.Instant) -> NTPTimestamp { wallclock.time(at: now) }
}
