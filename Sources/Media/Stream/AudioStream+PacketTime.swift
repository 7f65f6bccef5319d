import RTP

// Packets that hold several frames while the network is full.
extension AudioStream {
    /// Duration of the packets that are sent now: what was agreed on, or longer while the peer's reports say that the network is
    /// full (``PacketTimeControl``).
    public var sentPacketTime: Duration { negotiation.packetTime * gathering.parts }

    /// Duration of the packets that come, by the last one; until there is one, of ours.
    var heardPacketTime: Duration {
        guard let samples = playout.reference?.samples, samples > 0 else { return negotiation.packetTime }
        return playout.configuration.sampleRate.duration(of: samples)
    }

    /// Steps by which packets may be longer than was agreed on.
    var mostLongerSteps: Int {
        let times = SendingControl.longerPackets
        return times.indices.count { allowsLonger(times[$0]) }
    }

    /// Has as many frames in a packet as reports ask for, from a pause in what is said on.
    func fitPacketTime() {
        let times = SendingControl.longerPackets
        var steps = control.packetTime.steps
        var parts = 1
        for index in times.indices where steps > 0 && allowsLonger(times[index]) {
            parts = Int(times[index] / negotiation.packetTime)
            steps -= 1
        }
        gathering.want(parts, patience: Int(FrameGathering.patience / negotiation.packetTime))
    }

    /// The samples of the packet that is whole, of all channels; the memory lives as long as the stream has packets of that length.
    var packetFrame: UnsafeMutableBufferPointer<Int16> {
        @inline(never) get {
            if gathering.parts > 1, let memory = gathering.memory { return memory.elements }
            return said.elements
        }
    }

    /// Puts the frame that is said to the packet; whether that is whole.
    @inline(never)
    func gather() -> Bool { gathering.take(said.elements, isStart: needsMarker) }

    /// Whether the frame that is said is silence, and what is sent of it.
    @inline(never)
    func analyze() -> NoiseAnalyzer.Verdict {
        said.mix()
        let frame = said.mean
        return analyzer.next(frame.span)
    }

    /// Timestamp of the first sample of the packet that is whole.
    var firstTimestamp: UInt32 { sender.timestamp &- unitsPerFrame &* UInt32(truncatingIfNeeded: gathering.parts - 1) }

    /// Whether packets may have a duration in place of a shorter one: the peer takes them, the codec has them, headers are a part of
    /// what is sent that is worth the delay, and there is time for it.
    private func allowsLonger(_ time: Duration) -> Bool {
        let (codec, usual) = (negotiation.codec, negotiation.packetTime)
        guard time > usual, usual * Int(time / usual) == time,
            time <= min(negotiation.longestPacketTime, AudioNegotiation.packetTimes.upperBound),
            codec.allows(packetTime: time)
        else { return false }
        if case .opus = codec {
        } else {
            let octets = codec.payloadCapacity(samples: codec.sampleRate.samples(in: usual))
            let copies = negotiation.redundantPayloadType == nil ? 0 : redundancy.depth
            guard octets <= SendingControl.mostPayload,
                octets * Int(time / usual) * (1 + copies) <= SendingControl.longestPayload
            else { return false }
        }
        // What the peer does not tell of its delay is taken to be as ours.
        let far = remoteMetrics.map { Duration.milliseconds(Int64($0.nominalDelay)) } ?? playout.currentDelay
        return (roundTrip ?? .zero) / 2 + far + time <= SendingControl.delayBudget
    }
}

/// Puts frames together to packets.
struct FrameGathering {
    /// Frames in a packet.
    private(set) var parts = 1
    /// The samples of a packet of several frames.
    private(set) var memory: FrameMemory<Int16>?

    private var wanted = 1
    /// Frames in the packet that is begun.
    private var begun = 0
    /// Frames for which longer packets have waited for a pause, and for which they do at most.
    private var waited = 0
    private var patience = 0
    /// The loudest of these frames: the mean magnitude of its samples.
    private var loudest = 0

    /// Time for which longer packets wait for a pause in what is said: the first of them comes later than the peer expects, and what
    /// it must make up then is not heard in a pause.
    static let patience = Duration.seconds(2)
    /// A frame is a pause when it is softer than the loudest one by 24 dB, or has a mean magnitude no more than this.
    private static let pausePart = 16
    private static let silence = 32

    /// Whether a packet has some of its frames.
    var isBegun: Bool { begun > 0 }

    /// Has `parts` frames in each packet from the next pause on, or from the next packet on where there are fewer than now.
    ///
    /// - Parameter patience: frames for which a pause is waited for.
    mutating func want(_ parts: Int, patience: Int) {
        guard parts != wanted else { return }
        wanted = parts
        waited = 0
        loudest = 0
        self.patience = patience
    }

    /// Forgets the packet that is begun.
    mutating func drop() { begun = 0 }

    /// Takes the next frame.
    ///
    /// - Parameter isStart: whether a talkspurt begins, for which the peer waits anyhow.
    /// - Returns: whether the packet is whole.
    mutating func take(_ frame: UnsafeMutableBufferPointer<Int16>, isStart: Bool) -> Bool {
        if begun == 0 {
            if wanted != parts, wanted < parts || isStart || isPause(frame) { parts = wanted }
            guard parts > 1 else {
                memory = nil
                return true
            }
            if memory?.count != parts * frame.count { memory = FrameMemory(parts * frame.count) }
        }
        guard let memory, memory.count == parts * frame.count else {
            begun = 0
            return false
        }
        for index in 0..<frame.count { memory.elements[begun * frame.count + index] = frame[index] }
        begun = (begun + 1) % parts
        return begun == 0
    }

    private mutating func isPause(_ frame: UnsafeMutableBufferPointer<Int16>) -> Bool {
        var sum = 0
        for sample in frame { sum += Int(sample.magnitude) }
        let mean = sum / max(1, frame.count)
        loudest = max(loudest, mean)
        waited += 1
        return waited > patience || mean <= max(loudest / Self.pausePart, Self.silence)
    }
}
