import Foundation
import Media

// Hears a clip through each codec and each kind of network, in virtual time, and leaves what was heard in files:
//
//   QualityBenchmark CLIP.wav FOLDER SEEDS [FIRST-SEED] [VARIANT …] [--packets]
//
// The folder gets a raw file of 16 bits for each run, of the last saying of the clip, and prints a line of JSON about each. With
// `--packets` it gets the packets that came to the hearer too, for another program to hear (`Scene.delivered`).
// `script/quality` makes the clip, runs this, and judges.

/// What is done to packets, by name.
let impairments: [(name: String, impairment: Impairment)] = [
    ("clean", Impairment()),
    ("loss 1 %", Impairment(loss: 0.01)),
    ("loss 5 %", Impairment(loss: 0.05)),
    ("loss 10 %", Impairment(loss: 0.1)),
    ("loss 20 %", Impairment(loss: 0.2)),
    ("bursts of 3, 5 %", Impairment(loss: 0.05, burst: 3)),
    ("jitter 60 ms", Impairment(jitter: 60)),
    ("jitter 120 ms", Impairment(jitter: 120)),
    ("stalls of 200 ms", Impairment(spikeInterval: 7000, spike: 200)),
    ("one stall of 200 ms", Impairment(spikeInterval: 3000, spike: 200, onlySpike: 10_000)),
    ("re-ordered 5 %, twice 5 %", Impairment(reordered: 0.05, duplicated: 0.05)),
    ("drift +200 ppm", Impairment(drift: 200)),
    ("drift -200 ppm", Impairment(drift: -200)),
]

let arguments = CommandLine.arguments.filter { $0 != "--packets" }
let keepsPackets = arguments.count < CommandLine.arguments.count
guard arguments.count >= 4, let seeds = UInt64(arguments[3]) else {
    print("usage: QualityBenchmark CLIP.wav FOLDER SEEDS [FIRST-SEED] [VARIANT …] [--packets]")
    exit(2)
}
let first = arguments.count > 4 ? UInt64(arguments[4]) ?? 1 : 1
let wanted = Set(arguments.dropFirst(5))
let encoder = JSONEncoder()
encoder.outputFormatting = [.sortedKeys]
for variant in Variant.all where wanted.isEmpty || wanted.contains(variant.name) {
    let rate = variant.codec.sampleRate
    let clip = try AudioClip(wavFile: arguments[1], rate: rate)
    let length = clip.samples.count * 1000 / rate.hertz
    for (name, impairment) in impairments {
        for seed in first..<first + seeds {
            let scene = Scene(variant, impairment, seed: seed, clip: clip)
            // Said twice: reports come after some seconds. What is heard of the second saying has up to 500 ms of delay.
            let (outcome, samples) = scene.run(variant, named: name, seed: seed, milliseconds: 2 * length + 500)
            let kept = samples[min(clip.samples.count, samples.count)...]
            let file = "\(arguments[2])/\(variant.name)-\(impairments.firstIndex { $0.name == name } ?? 0)-\(seed)"
            let data = kept.withUnsafeBufferPointer { Data(buffer: $0) }
            try data.write(to: URL(filePath: file + ".raw"))
            if keepsPackets { try Data(scene.delivered).write(to: URL(filePath: file + ".packets")) }
            print(String(decoding: try encoder.encode(outcome), as: UTF8.self))
        }
    }
}
