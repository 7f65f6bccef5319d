import Media
import Synchronization
import UserAgent

/// A sink that keeps all samples, for a test to look at.
final class Recorder: AudioSink, @unchecked Sendable {
    // Proof of Sendable: the samples are under a mutex.
    let sampleRate = SampleRate.narrowband
    private let kept = Mutex<[Int16]>([])

    var samples: [Int16] { kept.withLock { $0 } }

    func write(_ frame: Span<Int16>) {
        kept.withLock { kept in
            for i in frame.indices { kept.append(frame[i]) }
        }
    }
}

/// A signal like speech: bursts of changing pitch and level, never twice the same, from a seed.
func speech(seconds: Int, seed: UInt64) -> AudioClip {
    var state = seed | 1
    var samples: [Int16] = []
    var phase = 0.0
    for i in 0..<seconds * 8_000 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let noise = Double(Int64(bitPattern: state) >> 40) / Double(1 << 23)
        let pitch = 120 + 80 * (Double(i % 9_001) / 9_001)
        phase += pitch / 8_000
        let voice = phase.truncatingRemainder(dividingBy: 1) * 2 - 1
        let level = 4_000 + 3_000 * (Double(i % 4_003) / 4_003)
        samples.append(Int16(max(-30_000, min(30_000, level * voice + 600 * noise))))
    }
    return AudioClip(samples: samples, sampleRate: .narrowband)
}

/// Where `part` begins in `whole`; nil when it is nowhere, sample for sample.
func offset(of part: ArraySlice<Int16>, in whole: [Int16]) -> Int? {
    guard let first = part.first, whole.count >= part.count else { return nil }
    for start in 0...(whole.count - part.count)
    where whole[start] == first && whole[start..<start + part.count].elementsEqual(part) {
        return start
    }
    return nil
}
