import Foundation
import Media

/// Sound like a voice: harmonics of a gliding pitch with syllables; the same in every run.
func voice(seconds: Double, rate: Int = 8000) -> [Int16] {
    var phase = 0.0
    return (0..<Int(seconds * Double(rate))).map { index in
        let time = Double(index) / Double(rate)
        phase += (120 + 20 * sin(2 * .pi * 0.7 * time)) / Double(rate)
        let syllable = 0.55 + 0.45 * sin(2 * .pi * 3 * time)
        let wave = (1...12).reduce(0.0) { $0 + sin(2 * .pi * Double($1) * phase) / Double($1) }
        return Int16(6000 * syllable * wave)
    }
}

/// One packet on its way.
struct Arrival {
    /// Milliseconds from the origin.
    var time: Double
    var sequence: UInt16
    var timestamp: UInt32
    var samples: [Int16]
    var codec = AudioCodec.pcmu
    /// A packet without audio, such as a telephone event.
    var isSilent = false
    /// Begin a new source with it.
    var isNewSource = false
}

/// A sender of `ptime` milliseconds whose packets take `delay(number)` milliseconds; nil is lost.
func packets(
    _ sound: [Int16], ptime: Int = 20, firstSequence: UInt16 = 65500, firstTimestamp: UInt32 = .max - 1000,
    delay: (Int) -> Double? = { _ in 0 }
) -> [Arrival] {
    let length = ptime * 8
    var all: [Arrival] = []
    for number in 0..<sound.count / length {
        guard let late = delay(number) else { continue }
        all.append(
            Arrival(
                time: Double(number * ptime) + late, sequence: firstSequence &+ UInt16(truncatingIfNeeded: number),
                timestamp: firstTimestamp &+ UInt32(number * length),
                samples: Array(sound[number * length..<(number + 1) * length])))
    }
    return all
}

/// What a buffer gave.
struct Played {
    var samples: [Int16] = []
    var frames: [PlayoutBuffer.Frame] = []
    var delays: [Double] = []
    var buffer: PlayoutBuffer

    /// Samples from the first frame that was not idle.
    var sound: [Int16] {
        guard let first = frames.firstIndex(where: { $0 != .idle }) else { return [] }
        return Array(samples[(first * buffer.samplesPerFrame)...])
    }

    /// Where, in milliseconds, the first frame that was not idle was due.
    var start: Double { Double(frames.firstIndex { $0 != .idle } ?? -1) * Double(buffer.samplesPerFrame) / 8 }
}

/// Brings packets into a buffer and pulls frames, in virtual time.
///
/// - Parameters:
///   - phase: when the first frame is due, in milliseconds.
///   - tick: time between two frames in milliseconds, by the sender's clock; other than 20 is drift.
func play(
    _ arrivals: [Arrival], seconds: Double,
    configuration: PlayoutBuffer.Configuration = .init(depth: .milliseconds(60)),
    phase: Double = 3,
    tick: Double? = nil
) -> Played {
    var played = Played(buffer: PlayoutBuffer(configuration: configuration))
    let sorted = arrivals.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
    let tick = tick ?? Double(played.buffer.samplesPerFrame) / 8
    var next = 0
    var frame = [Int16](repeating: 0, count: played.buffer.samplesPerFrame)
    for number in 0..<Int(seconds * 1000 / tick) {
        let due = phase + Double(number) * tick
        while next < sorted.count, sorted[next].element.time <= due {
            let packet = sorted[next].element
            next += 1
            if packet.isNewSource { played.buffer.startSource() }
            if packet.isSilent {
                played.buffer.noteSilence(sequence: packet.sequence)
                continue
            }
            var payload = [UInt8](repeating: 0, count: packet.samples.count)
            var span = payload.mutableSpan
            var bytes = span.mutableBytes
            _ = try? AudioEncoder(packet.codec).encode(packet.samples.span, into: &bytes, at: 0)
            played.buffer.insert(
                payload.span.bytes, codec: packet.codec, sequence: packet.sequence, timestamp: packet.timestamp,
                at: origin + .nanoseconds(Int64(packet.time * 1e6)))
        }
        var span = frame.mutableSpan
        played.frames.append(played.buffer.pull(into: &span, at: origin + .nanoseconds(Int64(due * 1e6))))
        played.samples += frame
        played.delays.append(played.buffer.currentDelay / .milliseconds(1))
    }
    return played
}

func coded(_ sound: some Sequence<Int16>, _ law: G711 = .muLaw) -> [Int16] { sound.map { law.decode(law.encode($0)) } }

/// The voice of the tests, made once.
enum Voice {
    /// 4 s at 8000 Hz.
    static let short = Array(long[..<32000])
    /// 30 s at 8000 Hz.
    static let long = voice(seconds: 30)
}
