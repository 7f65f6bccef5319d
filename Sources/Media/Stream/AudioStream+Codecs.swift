import RTP

// Codecs and rates that change while the stream goes on.
extension AudioStream {
    /// Takes what another offer and answer agreed on: direction, codecs, addresses. The packet time stays as it is, unless the
    /// codec has no such packets: then it is the longest shorter one that all codecs have. Ticks come at that pace from the
    /// next one on, so that who owns the stream must look at `negotiation.packetTime` afterwards.
    public func renegotiate(_ negotiation: AudioNegotiation, remote: Address?, remoteControl: Address?) {
        let before = self.negotiation
        self.negotiation = negotiation
        self.negotiation.packetTime = before.packetTime
        payloads = PayloadTable(negotiation)
        let isKept =
            negotiation.codec.allows(packetTime: before.packetTime)
            && Self.fits(negotiation.codec, before.packetTime)
        if !isKept { self.negotiation.packetTime = Self.packetTime(self.negotiation) }
        if isKept { playout.prepare(Array(negotiation.accepted.values)) } else { retime() }
        if before.codec != negotiation.codec { change(from: before.codec) }
        if before.codec != negotiation.codec || !isKept { gathering.drop() }
        fitPacketTime()
        opus = Self.opus(negotiation, configuration)
        chooseDetector()
        latch.signal(remote)
        controlLatch.signal(remoteControl)
        if before.direction.receives, !negotiation.direction.receives {
            endRetiring()
            playout.reset()
        }
        if !before.direction.sends { needsMarker = true }
    }

    /// Goes on with the codec that was agreed on now. Another clock needs another source, since the reports about one have one clock
    /// (RFC 7160); the old one says goodbye.
    private func change(from before: AudioCodec) {
        let codec = negotiation.codec
        let layout = said.layout
        beginEncoding()
        analyzer = NoiseAnalyzer(frame: negotiation.packetTime)
        redundancy.reset()
        needsMarker = true
        keyTones.sampleRate = codec.sampleRate
        if said.layout != layout { fitSource() }
        guard codec.clockRate != before.clockRate else { return }
        let clock = codec.clockRate.clock
        leaving = sender.packetCount > 0 ? sender.ssrc : nil
        sender = RTPSender(clock: clock, at: nextTick, using: &generator)
        reportedPackets = (0, 0)
        keys = TelephoneEventSender(configuration: .init(clock: clock))
        heardKeys.reset()
        drainKeys()
        heardKeys = TelephoneEventReceiver(configuration: .init(clock: clock))
    }

    /// Hears in frames of another length from now on. What waits to be played is lost.
    private func retime() {
        let layout = playout.configuration.layout
        let codecs = [Self.expected(negotiation)] + negotiation.accepted.values
        beginPlayout(codecs.first { $0.layout == layout } ?? Self.expected(negotiation))
    }

    /// Hears at the rate and in the channels of another codec from now on. What waits to be played is, until the first of the new codec
    /// is due.
    ///
    /// - Returns: false when the codec was changed a moment ago: a peer that mixes rates would have us begin anew all the time.
    func hear(_ codec: AudioCodec, at now: ContinuousClock.Instant) -> Bool {
        if let rateChanged, rateChanged.duration(to: now) < .milliseconds(200) { return false }
        rateChanged = now
        beginPlayout(codec)
        return true
    }

    /// Begins a playout buffer for the samples of a codec; the counts go on.
    private func beginPlayout(_ codec: AudioCodec) {
        var settings = Self.playout(configuration, negotiation.packetTime, codec)
        let hasChanged = codec.layout != playout.configuration.layout
        let frame = playout.configuration.frame
        endRetiring()
        if hasChanged, playout.isPlaying, settings.frame == frame {
            // With the delay of before sound follows on sound, on the next tick behind it.
            if settings.isAdaptive { settings.nominalDelay = max(.zero, playout.currentDelay - frame / 2) }
            retiring = RetiringPlayout(buffer: playout, frame: heard, sink: sink)
        } else {
            pastPlayout = pastPlayout + playout.counters
        }
        var next = PlayoutBuffer(configuration: settings, codecs: Array(negotiation.accepted.values))
        next.pattern = playout.pattern
        playout = next
        heard = SoundFrame(codec.layout, negotiation.packetTime)
        chooseDetector()
        guard hasChanged else { return }
        let old = retiring?.sink
        deliver(to: givenSink)
        retiring?.sink = old
    }

    private func endRetiring() {
        guard let counters = retiring?.buffer.counters else { return }
        pastPlayout = pastPlayout + counters
        retiring = nil
    }

    /// Gives a frame of the rate of before, while there are some and none of the new rate is due.
    ///
    /// - Returns: whether it did.
    func hearRetiring(at due: ContinuousClock.Instant) -> Bool {
        guard let memory = retiring?.frame.elements else { return false }
        guard !playout.isDue(at: due), retiring?.buffer.isPlaying == true else {
            endRetiring()
            return false
        }
        var frame = memory.mutableSpan
        _ = retiring?.buffer.pull(into: &frame, at: due)
        heardMeter.update(memory.span)
        retiring?.sink?.write(memory.span)
        return true
    }
}

/// A playout buffer that another one of another rate has taken the place of: what waits in it is still played.
struct RetiringPlayout {
    var buffer: PlayoutBuffer
    /// A frame of its samples.
    let frame: SoundFrame
    /// Takes sound of its samples; nil for nobody.
    var sink: (any AudioSink)?
}

/// Room for the packet of a source that is not believed yet, so that nothing of it is missing when it is (RFC 3550 §A.1).
final class ProbationPacket {
    private let memory: FrameMemory<UInt8>
    private var header: RTPHeader?
    private var arrival: ContinuousClock.Instant?

    /// - Parameter capacity: octets of a packet; longer ones are not kept.
    init(capacity: Int) { memory = FrameMemory(capacity) }

    /// Keeps a packet in place of an earlier one.
    func keep(_ datagram: RawSpan, _ header: RTPHeader, at now: ContinuousClock.Instant) {
        forget()
        guard datagram.byteCount <= memory.count else { return }
        datagram.withUnsafeBytes { UnsafeMutableRawBufferPointer(memory.elements).copyMemory(from: $0) }
        self.header = header
        arrival = now
    }

    func forget() { header = nil }

    /// Gives the packet of a source back, once.
    func take(
        from ssrc: UInt32, _ body: (_ payload: RawSpan, RTPHeader, ContinuousClock.Instant) -> Void
    ) {
        guard let header, header.ssrc == ssrc, let arrival else { return forget() }
        forget()
        let payload = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory.elements)[header.payload])
        body(RawSpan(_unsafeBytes: payload), header, arrival)
    }
}
