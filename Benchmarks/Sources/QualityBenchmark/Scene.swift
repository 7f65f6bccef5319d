import Media
import RTP

/// What is said with.
struct Variant {
    let name: String
    let codec: AudioCodec
    var forwardCorrection = false
    var redundancy = 0

    static let all = [
        Variant(name: "pcmu", codec: .pcmu),
        Variant(name: "pcmu+red", codec: .pcmu, redundancy: 1),
        Variant(name: "g722", codec: .g722),
        Variant(name: "opus", codec: .opus(.wideband)),
        Variant(name: "opus+fec", codec: .opus(.wideband), forwardCorrection: true),
        Variant(name: "opus+red", codec: .opus(.wideband), redundancy: 1),
    ]

    var negotiation: AudioNegotiation {
        var negotiation = AudioNegotiation(codec: codec)
        negotiation.opus.hasForwardCorrection = forwardCorrection
        negotiation.redundantPayloadType = redundancy > 0 ? 97 : nil
        negotiation.acceptedRedundantPayloadType = negotiation.redundantPayloadType
        return negotiation
    }
}

/// Two streams and a network between, in virtual time: one says a clip over and over, the other hears it and says silence.
final class Scene {
    /// What is told of a run.
    struct Outcome: Codable {
        var variant: String
        var impairment: String
        var seed: UInt64
        var rate: Int
        var lost: Int
        var late: UInt64
        var concealed: UInt64
        /// Frames among them behind the first second.
        var concealedLater: UInt64
        var restored: UInt64
        var recovered: UInt64
        /// Time between coming and playing at the end, in ms.
        var playoutDelay: Double
        /// Longest time from the end of a stall until the delay is at most 20 ms over that before it, in ms.
        var recovery: Double?
        var octetsPerSecond: Double
        var rating: Double
        var score: Double
        /// The samples heard since the start.
        var samples: Int
    }

    private struct Flying {
        var time: Double
        var octets: [UInt8]
        var isToHearer: Bool
        var isControl: Bool
    }

    private let origin = ContinuousClock.now
    private let speaker: AudioStream<Int>
    private let hearer: AudioStream<Int>
    private let ear: Ear
    private let impairment: Impairment
    private var network: Network
    private var back: Network
    private var flying: [Flying] = []
    /// The packets of sound that came to the hearer, in the order of their coming: each after its time by the hearer's clock in µs
    /// since the origin (4 octets) and its length (2 octets), least octet first.
    private(set) var delivered: [UInt8] = []
    private var memory = [UInt8](repeating: 0, count: AudioStream<Int>.tickCapacity)

    init(_ variant: Variant, _ impairment: Impairment, seed: UInt64, clip: AudioClip) {
        var configuration = AudioStreamConfiguration(canonicalName: "quality")
        configuration.redundancy = variant.redundancy
        var generator = SeededGenerator(state: seed &* 977)
        let wallclock = WallclockReference(instant: origin, wallclock: NTPTimestamp(seconds: 1000, fraction: 0))
        speaker = AudioStream(
            variant.negotiation, remote: 1, remoteControl: 3, configuration: configuration, at: origin,
            wallclock: wallclock, using: &generator)
        // The frames of both have any phase to each other.
        let phase = Duration.milliseconds(Double.random(in: 0..<20, using: &generator))
        hearer = AudioStream(
            variant.negotiation, remote: 0, remoteControl: 2, configuration: configuration, at: origin + phase,
            wallclock: wallclock, using: &generator)
        ear = Ear(variant.codec.sampleRate)
        ear.lead = phase
        speaker.play(ClipPlayer(clip, loops: true))
        hearer.deliver(to: ear)
        self.impairment = impairment
        network = Network(impairment, seed: seed)
        back = Network(Impairment(loss: impairment.loss, burst: impairment.burst), seed: ~seed)
    }

    /// Lets the clip be said for so many ms.
    func run(_ variant: Variant, named name: String, seed: UInt64, milliseconds: Int) -> (Outcome, [Int16]) {
        var early: UInt64 = 0
        var before = 0.0
        var stallEnd: Double?
        var recovery = 0.0
        for step in 0..<milliseconds {
            let time = Double(step)
            arrive(until: time)
            tick(speaker, isHearer: false, at: time, local: origin + .milliseconds(time))
            tick(hearer, isHearer: true, at: time, local: heard(time))
            while speaker.nextEvent() != nil {}
            while hearer.nextEvent() != nil {}
            if step == 1000 { early = hearer.statistics().playout.concealed }
            // The delay before a stall in the first second is not known yet.
            if step % 20 == 0, step > 1000, let stall = network.lastStall(time) {
                let since = time - stall
                let delay = hearer.statistics().playoutDelay / .milliseconds(1)
                if since < impairment.spike {
                    if stallEnd == nil { before = delay }
                    stallEnd = time - since + impairment.spike
                } else if let end = stallEnd, delay > before + 20 {
                    recovery = max(recovery, time - end)
                } else if since > impairment.spike + 200 {
                    stallEnd = nil
                }
            }
        }
        let all = hearer.statistics()
        let outcome = Outcome(
            variant: variant.name, impairment: name, seed: seed, rate: variant.codec.sampleRate.hertz, lost: all.lost,
            late: all.playout.late, concealed: all.playout.concealed, concealedLater: all.playout.concealed - early,
            restored: all.playout.restored, recovered: all.playout.recovered,
            playoutDelay: all.playoutDelay / .milliseconds(1), recovery: impairment.spike > 0 ? recovery : nil,
            octetsPerSecond: Double(speaker.statistics().sentOctets) * 1000 / Double(milliseconds),
            rating: all.quality.rating, score: all.quality.meanOpinionScore, samples: ear.samples.count)
        return (outcome, ear.samples)
    }

    /// The hearer's clock.
    private func heard(_ time: Double) -> ContinuousClock.Instant {
        origin + .milliseconds(time * (1 + impairment.drift / 1e6))
    }

    private func tick(_ stream: AudioStream<Int>, isHearer: Bool, at time: Double, local: ContinuousClock.Instant) {
        while local >= stream.nextTick {
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            let tick = stream.tick(at: local, into: &bytes)
            if let media = tick.media { send(media.octets, isToHearer: !isHearer, isControl: false, at: time) }
            if let control = tick.control { send(control.octets, isToHearer: !isHearer, isControl: true, at: time) }
        }
    }

    private func send(_ octets: Range<Int>, isToHearer: Bool, isControl: Bool, at time: Double) {
        let arrivals = isToHearer ? network.arrivals(sentAt: time) : back.arrivals(sentAt: time)
        for arrival in arrivals {
            flying.append(
                Flying(time: arrival, octets: Array(memory[octets]), isToHearer: isToHearer, isControl: isControl))
        }
    }

    private func arrive(until time: Double) {
        // What comes at once comes in the order of its sending.
        let due = flying.filter { $0.time <= time }.enumerated()
            .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
        guard !due.isEmpty else { return }
        flying.removeAll { $0.time <= time }
        for packet in due {
            let stream = packet.isToHearer ? hearer : speaker
            let now = packet.isToHearer ? heard(packet.time) : origin + .milliseconds(packet.time)
            let source = packet.isToHearer ? 0 : 1
            if packet.isControl {
                stream.receiveControl(packet.octets.span.bytes, from: source + 2, at: now)
            } else {
                if packet.isToHearer { note(packet.octets, at: origin.duration(to: now)) }
                stream.receive(packet.octets.span.bytes, from: source, at: now)
            }
        }
    }

    private func note(_ packet: [UInt8], at time: Duration) {
        let microseconds = UInt32(time / .microseconds(1))
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            delivered.append(UInt8(truncatingIfNeeded: microseconds >> shift))
        }
        delivered.append(UInt8(truncatingIfNeeded: packet.count))
        delivered.append(UInt8(truncatingIfNeeded: packet.count >> 8))
        delivered += packet
    }
}

/// Keeps what is heard, from the origin of time on.
final class Ear: AudioSink {
    let sampleRate: SampleRate
    var samples: [Int16] = []
    var lead = Duration.zero

    init(_ rate: SampleRate) { sampleRate = rate }

    func write(_ frame: Span<Int16>) {
        if samples.isEmpty { samples = [Int16](repeating: 0, count: sampleRate.samples(in: lead)) }
        for index in frame.indices { samples.append(frame[index]) }
    }
}
