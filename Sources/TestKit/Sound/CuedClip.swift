public import Media
import Synchronization

/// A source that is silent until its cue, and then plays a clip once and is silent again.
///
/// With it a test speaks when both sides of a call listen, and can ask for every sample.
public final class CuedClip: AudioSource, Sendable {
    /// What is played.
    public let clip: AudioClip
    private let state = Mutex(State())

    private struct State {
        var isCued = false
        var position = 0
    }

    /// Plays a clip when `cue` is called.
    public init(_ clip: AudioClip) { self.clip = clip }

    public var sampleRate: SampleRate { clip.sampleRate }

    /// Begins to play.
    public func cue() { state.withLock { $0.isCued = true } }

    public func read(into frame: inout MutableSpan<Int16>) -> Int {
        let start = state.withLock { state in
            defer { if state.isCued { state.position = min(state.position + frame.count, clip.samples.count) } }
            return state.isCued ? state.position : clip.samples.count
        }
        for i in frame.indices {
            let place = start + i
            frame[i] = place < clip.samples.count ? clip.samples[place] : 0
        }
        return frame.count
    }
}

extension AudioClip {
    /// A signal like speech at 8 kHz: bursts of changing pitch and level, never twice the same, from a seed.
    public static func babble(seconds: Int, seed: UInt64) -> AudioClip {
        var generator = SeededGenerator(seed: seed)
        var phase = 0.0
        let samples = (0..<seconds * 8_000).map { i in
            let noise = Double.random(in: -1...1, using: &generator)
            phase += (120 + 80 * (Double(i % 9_001) / 9_001)) / 8_000
            let voice = phase.truncatingRemainder(dividingBy: 1) * 2 - 1
            let level = 4_000 + 3_000 * (Double(i % 4_003) / 4_003)
            return Int16(max(-30_000, min(30_000, level * voice + 600 * noise)))
        }
        return AudioClip(samples: samples, sampleRate: .narrowband)
    }

    /// The clip as it comes out of a codec that has no loss but its own.
    public func coded(_ law: G711 = .muLaw) -> [Int16] { samples.map { law.decode(law.encode($0)) } }
}
