public import RTP

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
/// After the start nothing is allocated for a datagram or a tick. A source and a sink are called once per tick each, by
/// one witness call; all else is direct. Not `Sendable`: it belongs to its lane.
public final class AudioStream<Address: Equatable & Sendable> {
    /// What was negotiated last.
    public private(set) var negotiation: AudioNegotiation

    /// How the stream behaves.
    public let configuration: AudioStreamConfiguration

    /// When the next tick is due: the start and a whole number of packet times, without drift.
    public private(set) var nextTick: ContinuousClock.Instant

    /// Octets that `tick` and `goodbye` may need: a packet of 60 ms of the widest codec, and a report.
    public static var tickCapacity: Int { 1500 }

    private let wallclock: WallclockReference
    private let canonicalName: [UInt8]
    var payloads: PayloadTable
    var latch: SymmetricLatch<Address>
    var controlLatch: SymmetricLatch<Address>

    // Sending
    var sender: RTPSender
    private var keys: TelephoneEventSender
    private var source: (any AudioSource)?
    private var needsMarker = true
    private var saidMeter = LevelMeter()

    // Receiving
    var receiver: RTPReceiver?
    /// A source that is on probation beside the one that is played.
    var candidate: RTPReceiver?
    var lastHeard: ContinuousClock.Instant
    var playout: PlayoutBuffer
    var heardKeys = TelephoneEventReceiver()
    private var sink: (any AudioSink)?
    private var heardMeter = LevelMeter()

    // Reports
    var schedule: RTCPSchedule
    var generator: StreamGenerator
    private var reportedPackets: (last: UInt32, before: UInt32) = (0, 0)
    var roundTrip: Duration?
    var remoteReport: ReportBlock?
    /// A source of ours that collided and has to say goodbye.
    var leaving: UInt32?
    var collided: Address?

    var counts = AudioStatistics()
    private var events = EventRing()
    private let frames: FrameMemory

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
        keys = TelephoneEventSender(configuration: .init(clock: clock))
        playout = PlayoutBuffer(configuration: Self.playout(configuration, packetTime, negotiation.codec))
        schedule = RTCPSchedule(
            at: start, expectedSize: 28 + 24 + 12 + canonicalName.count, configuration: configuration.reports,
            using: &self.generator)
        frames = FrameMemory(negotiation.codec.sampleRate.samples(in: packetTime))
    }

    /// Samples in a frame.
    public var samplesPerFrame: Int { frames.count }

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

    private static func packetTime(_ negotiation: AudioNegotiation) -> Duration {
        let range = AudioNegotiation.packetTimes
        return max(range.lowerBound, min(negotiation.packetTime, range.upperBound))
    }

    private static func playout(
        _ configuration: AudioStreamConfiguration, _ packetTime: Duration, _ codec: AudioCodec
    ) -> PlayoutBuffer.Configuration {
        var playout = configuration.playout
        playout.frame = packetTime
        playout.sampleRate = codec.clockRate
        return playout
    }
}

extension AudioStream {
    /// Plays `source` to the peer from the next tick on; nil for silence. A source of another rate is converted.
    public func play(_ source: (any AudioSource)?) {
        let rate = negotiation.codec.sampleRate
        self.source = source.map { $0.sampleRate == rate ? $0 : ResamplingSource($0, to: rate) }
    }

    /// Gives what the peer sends to `sink` from the next tick on; nil for nobody. A sink of another rate gets converted
    /// sound.
    public func deliver(to sink: (any AudioSink)?) {
        let rate = negotiation.codec.sampleRate
        self.sink = sink.map { $0.sampleRate == rate ? $0 : ResamplingSink($0, from: rate) }
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

    /// Whether keys are being sent or wait.
    public var isSendingKeys: Bool { keys.isBusy }

    /// Takes what another offer and answer agreed on: direction, codecs, addresses. The packet time stays that of the
    /// beginning, to which the lane's ticks and all memory are fitted.
    public func renegotiate(_ negotiation: AudioNegotiation, remote: Address?, remoteControl: Address?) {
        let before = self.negotiation
        self.negotiation = negotiation
        self.negotiation.packetTime = before.packetTime
        payloads = PayloadTable(negotiation)
        latch.signal(remote)
        controlLatch.signal(remoteControl)
        if before.direction.receives, !negotiation.direction.receives { playout.reset() }
        if !before.direction.sends { needsMarker = true }
    }

    /// The stream's figures.
    public func statistics() -> AudioStatistics {
        var all = counts
        all.playout = playout.counters
        all.playoutDelay = playout.currentDelay
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
        all.quality = CallQuality(
            delay: (roundTrip ?? .zero) / 2 + playout.currentDelay + negotiation.packetTime, loss: all.playoutLoss,
            codec: configuration.impairment)
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
        if now >= schedule.next { writeReport(at: now, into: &memory, after: length, &result) }
        return result
    }

    /// Says goodbye (RFC 3550 §6.3.7): the last datagram of the stream, for the address of `remoteControl`; nil when
    /// nothing was ever sent, or the address is not known.
    public func goodbye(
        at now: ContinuousClock.Instant, into memory: inout MutableRawSpan
    ) -> AudioTick<Address>.Datagram? {
        guard counts.sentPackets > 0 || counts.sentReports > 0, let destination = remoteControl else { return nil }
        var writer = RTCPWriter()
        do {
            try writeCompound(at: now, &writer, into: &memory)
            let none = InlineArray<0, UInt8>(repeating: 0)
            try writer.goodbye(ssrc: sender.ssrc, reason: none.span.bytes, into: &memory)
        } catch {
            return nil
        }
        counts.sentReports &+= 1
        return .init(octets: 0..<writer.length, destination: destination)
    }

    private func catchUp(to now: ContinuousClock.Instant) {
        let behind = nextTick.duration(to: now)
        let limit = negotiation.packetTime * max(1, configuration.catchUpFrames)
        guard behind > limit else { return }
        // A clock that leaps by ages is followed in several calls.
        let skipped = Int64(min((behind - limit) / negotiation.packetTime, 1e12)) + 1
        nextTick += negotiation.packetTime * skipped
        sender.advance(by: UInt32(truncatingIfNeeded: skipped &* Int64(frames.count)))
        counts.skippedFrames &+= UInt64(skipped)
        needsMarker = true
    }

    private func hear(at due: ContinuousClock.Instant) {
        let memory = frames.heard
        var frame = memory.mutableSpan
        _ = playout.pull(into: &frame, at: due)
        heardMeter.update(memory.span)
        sink?.write(memory.span)
    }

    /// - Returns: octets of the packet; 0 when none is sent.
    private func say(
        at due: ContinuousClock.Instant, into memory: inout MutableRawSpan, _ result: inout AudioTick<Address>
    ) -> Int {
        let frameMemory = frames.said
        var frame = frameMemory.mutableSpan
        let hasSource = source != nil
        if let source {
            if source.read(into: &frame) < frames.count {
                self.source = nil
                report(.sourceEnded)
            }
        } else {
            frame.silence()
        }
        saidMeter.update(frameMemory.span)
        sender.mark(due)
        defer { sender.advance(by: UInt32(frames.count)) }
        guard negotiation.direction.sends, let destination = latch.destination else {
            needsMarker = true
            return 0
        }
        let key =
            negotiation.eventPayloadType == nil
            ? nil : keys.next(timestamp: sender.timestamp, units: UInt32(frames.count))
        let payloadLength = key == nil ? negotiation.codec.payloadLength(samples: frames.count) : TelephoneEvent.length
        guard key != nil || hasSource || configuration.sendsSilence else {
            needsMarker = true
            return 0
        }
        let length = RTPHeader.fixedLength + payloadLength
        guard length <= memory.byteCount else {
            counts.unsentFrames &+= 1
            return 0
        }
        write(key, payloadLength, into: &memory)
        counts.sentPackets &+= 1
        counts.sentOctets &+= UInt64(payloadLength)
        result.media = .init(octets: 0..<length, destination: destination)
        return length
    }

    /// Writes the packet; the caller has seen to it that the memory holds it.
    private func write(
        _ key: TelephoneEventSender.Packet?, _ payloadLength: Int, into memory: inout MutableRawSpan
    ) {
        if let key, let type = negotiation.eventPayloadType {
            let header = sender.nextHeader(
                payloadType: type, marker: key.marker, payloadLength: payloadLength, timestamp: key.timestamp)
            _ = try? header.write(into: &memory)
            _ = try? key.event.write(into: &memory, at: RTPHeader.fixedLength)
            needsMarker = true
        } else {
            let header = sender.nextHeader(
                payloadType: negotiation.payloadType, marker: needsMarker, payloadLength: payloadLength)
            _ = try? header.write(into: &memory)
            _ = negotiation.codec.encode(frames.said.span, into: &memory, at: RTPHeader.fixedLength)
            needsMarker = false
        }
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
        guard schedule.expire(at: now, using: &generator), let destination = remoteControl else { return }
        var writer = RTCPWriter(at: start)
        do {
            try writeCompound(at: now, &writer, into: &memory)
        } catch {
            return
        }
        reportedPackets = (sender.packetCount, reportedPackets.last)
        schedule.note(size: writer.length)
        counts.sentReports &+= 1
        result.control = .init(octets: writer.octets, destination: destination)
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
    }

    private static var noBlock: ReportBlock {
        ReportBlock(
            ssrc: 0, fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 0,
            delaySinceLastSenderReport: 0)
    }

    /// Our wallclock, by which round trips are told.
    func wallclockTime(at now: ContinuousClock.Instant) -> NTPTimestamp { wallclock.time(at: now) }
}
