import Media
import Reactor
import Synchronization
import UserAgent

// Mouth to ear of two phones on real sockets: a click in the sound of one, and when it comes out of the other.
//
//   swift run -c release --package-path Benchmarks DelayBenchmark [seconds]
//
// From file to file: a sample is spoken when its frame is read, and heard when the frame that holds it is written, and as much later as it
// stands in it. A microphone would add the 20 ms in which a frame is filled, and sound cards what they hold.

/// When clicks were spoken and heard.
final class Clicks: Sendable {
    let spoken = Mutex<[ContinuousClock.Instant]>([])
    let heard = Mutex<[ContinuousClock.Instant]>([])
}

/// Something like speech: tones of 300 ms and pauses of 200 ms, with a click at the beginning of each tone.
final class ClickSource: AudioSource {
    let sampleRate = SampleRate.narrowband
    private let clicks: Clicks
    private var frames = 0
    private var voice = ToneGenerator(.sine(180), sampleRate: .narrowband)

    init(_ clicks: Clicks) { self.clicks = clicks }

    func read(into frame: inout MutableSpan<Int16>) -> Int {
        let now = ContinuousClock.now
        voice.fill(&frame)
        let place = frames % 25
        frames += 1
        if place >= 15 {
            for index in 0..<frame.count { frame[index] = 0 }
        } else {
            for index in 0..<frame.count { frame[index] /= 2 }
        }
        guard place == 0 else { return frame.count }
        for index in 0..<8 { frame[index] = 24_000 }
        clicks.spoken.withLock { $0.append(now) }
        return frame.count
    }
}

/// Notes clicks.
final class ClickSink: AudioSink {
    let sampleRate = SampleRate.narrowband
    private let clicks: Clicks
    private var quiet = 0

    init(_ clicks: Clicks) { self.clicks = clicks }

    func write(_ frame: Span<Int16>) {
        let now = ContinuousClock.now
        for index in frame.indices {
            guard frame[index] > 16_000 else {
                quiet += 1
                continue
            }
            if quiet > 800 { clicks.heard.withLock { $0.append(now + sampleRate.duration(of: index)) } }
            quiet = 0
        }
    }
}

func phone(_ user: String) async throws -> UserAgent {
    var options = UserAgent.Options()
    options.registers = false
    options.codecs = [.pcmu]
    return try await UserAgent(account: try Account("sip:\(user)@127.0.0.1"), options: options)
}

let seconds = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 30
let clicks = Clicks()
let (alice, bob) = (try await phone("alice"), try await phone("bob"))
let answering = Task { () -> Call? in
    for await invitation in bob.invitations {
        return try await invitation.answer(with: AudioEnds(source: { nil }, sink: { ClickSink(clicks) }))
    }
    return nil
}
let call = try await alice.call("sip:bob@\(bob.localAddress)", audio: AudioEnds(source: { ClickSource(clicks) }))
try await Task.sleep(for: .seconds(seconds))
await call.hangUp()
await alice.shutDown()
await bob.shutDown()

// Clicks are half a second apart, so that each belongs to the last one that was spoken before.
let spoken = clicks.spoken.withLock { $0 }
let heard = clicks.heard.withLock { $0 }
guard let begin = spoken.first, heard.count > 2 else {
    print("nothing was heard")
    throw CancellationError()
}
print("\(heard.count) of \(spoken.count) clicks, PCMU, from file to file:")
let settled = begin + .seconds(12)
for (name, part) in [("first 12 s", heard.filter { $0 < settled }), ("after that", heard.filter { $0 >= settled })] {
    let delays = part.compactMap { heard in
        spoken.last { $0 <= heard }.map { $0.duration(to: heard) / .milliseconds(1) }
    }.sorted()
    guard !delays.isEmpty else { continue }
    func place(_ part: Double) -> Double { (delays[Int(Double(delays.count - 1) * part)] * 10).rounded() / 10 }
    print("  \(name): median \(place(0.5)) ms, p99 \(place(0.99)) ms, most \(place(1)) ms")
}
