import Media
import RTP
import Testing

/// A datagram on its way between two streams.
struct InFlight {
    var time: Duration
    var octets: [UInt8]
    var from: String
    var to: String
    var isControl: Bool
}

/// Two streams and the network between them, in virtual time.
final class Call {
    let a: AudioStream<String>
    let b: AudioStream<String>
    let heardByA = CollectingSink()
    let heardByB = CollectingSink()
    /// All that was sent, in order.
    var sent: [InFlight] = []
    var eventsOfA: [AudioStreamEvent] = []
    var eventsOfB: [AudioStreamEvent] = []
    /// What the network does with a datagram: its delay, or nil for loss.
    var network: (InFlight) -> Duration? = { _ in .milliseconds(1) }
    /// The address that a sender's packets seem to come from.
    var seenAs: [String: String] = [:]
    /// Time since the origin.
    var time = Duration.zero

    private var flying: [InFlight] = []
    private var memory = [UInt8](repeating: 0, count: AudioStream<String>.tickCapacity)

    init(
        _ negotiationOfA: AudioNegotiation = .init(codec: .pcmu, eventPayloadType: 101),
        _ negotiationOfB: AudioNegotiation? = nil, remoteOfA: String? = "b", seed: UInt64 = 1,
        configure: (inout AudioStreamConfiguration) -> Void = { _ in }
    ) {
        var configuration = AudioStreamConfiguration(canonicalName: "someone@host.example")
        // A delay that is held, so that the sound stays as it is.
        configuration.playout = PlayoutBuffer.Configuration(depth: .milliseconds(60))
        configure(&configuration)
        var generator = SeededGenerator(seed)
        let wallclock = WallclockReference(instant: origin, wallclock: NTPTimestamp(seconds: 1000, fraction: 0))
        a = AudioStream(
            negotiationOfA, remote: remoteOfA, remoteControl: remoteOfA.map { $0 + "+1" }, configuration: configuration,
            at: origin, wallclock: wallclock, using: &generator)
        b = AudioStream(
            negotiationOfB ?? negotiationOfA, remote: "a", remoteControl: "a+1", configuration: configuration,
            at: origin + .milliseconds(7), wallclock: wallclock, using: &generator)
        a.deliver(to: heardByA)
        b.deliver(to: heardByB)
    }

    /// Lets time pass, a millisecond at a time.
    func run(for duration: Duration, step: Duration = .milliseconds(1)) {
        let end = time + duration
        while time < end {
            time += step
            arrive()
            tick(a, as: "a")
            tick(b, as: "b")
            while let event = a.nextEvent() { eventsOfA.append(event) }
            while let event = b.nextEvent() { eventsOfB.append(event) }
        }
    }

    private func tick(_ stream: AudioStream<String>, as name: String) {
        let now = origin + time
        while now >= stream.nextTick {
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            let tick = stream.tick(at: now, into: &bytes)
            if let media = tick.media { dispatch(media, from: name, isControl: false) }
            if let control = tick.control { dispatch(control, from: name, isControl: true) }
        }
    }

    func dispatch(_ datagram: AudioTick<String>.Datagram, from name: String, isControl: Bool) {
        let source = seenAs[name] ?? name
        let packet = InFlight(
            time: time, octets: Array(memory[datagram.octets]), from: isControl ? source + "+1" : source,
            to: datagram.destination, isControl: isControl)
        sent.append(packet)
        guard let delay = network(packet) else { return }
        var onItsWay = packet
        onItsWay.time += delay
        flying.append(onItsWay)
    }

    private func arrive() {
        flying.sort { $0.time < $1.time }
        while let packet = flying.first, packet.time <= time {
            flying.removeFirst()
            let stream = packet.to.hasPrefix(seenAs["a"] ?? "a") ? a : b
            var octets = packet.octets
            _ = octets.withUnsafeMutableBytes { bytes in
                if packet.isControl {
                    stream.receiveControl(bytes, from: packet.from, at: origin + packet.time)
                } else {
                    stream.receive(bytes, from: packet.from, at: origin + packet.time)
                }
            }
        }
    }

    func media(from name: String) -> [InFlight] { sent.filter { $0.from == name && !$0.isControl } }

    func headers(from name: String) -> [RTPHeader] {
        media(from: name).compactMap { try? RTPHeader(parsing: $0.octets.span.bytes) }
    }

    func goodbye(of stream: AudioStream<String>, as name: String) -> Bool {
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        guard let datagram = stream.goodbye(at: origin + time, into: &bytes) else { return false }
        dispatch(datagram, from: name, isControl: true)
        return true
    }
}

/// Where `needle` lies in `sound`, exactly.
func find(_ needle: ArraySlice<Int16>, in sound: [Int16]) -> Int? {
    guard sound.count >= needle.count, let first = needle.first else { return nil }
    return (0...sound.count - needle.count).first {
        sound[$0] == first && sound[$0..<$0 + needle.count] == needle
    }
}
