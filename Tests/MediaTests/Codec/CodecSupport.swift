import Foundation
import Media
import RTP

/// Signals and measures for tests of codecs.
enum CodecSignal {
    /// A sine at a level below full scale, in dB.
    static func sine(_ hertz: Double, at rate: SampleRate, seconds: Double, level: Double = -6) -> [Int16] {
        var generator = ToneGenerator(
            Tone([Tone.Component(frequency: hertz, level: .dBFS(level))]), sampleRate: rate)
        var samples = [Int16](repeating: 0, count: Int(Double(rate.hertz) * seconds))
        var span = samples.mutableSpan
        generator.fill(&span)
        return samples
    }

    /// White noise of an even distribution.
    static func noise(_ count: Int, peak: Int16 = 8000, seed: UInt64 = 7) -> [Int16] {
        var generator = SeededGenerator(seed)
        return (0..<count).map { _ in Int16.random(in: -peak...peak, using: &generator) }
    }

    /// Signal to noise ratio in dB of `heard` against `said`, which it follows by `delay` samples.
    static func ratio(of heard: [Int16], to said: [Int16], delay: Int) -> Double {
        var signal = 0.0
        var noise = 0.0
        for index in 0..<min(said.count, heard.count - delay) {
            let sample = Double(said[index])
            signal += sample * sample
            noise += (sample - Double(heard[index + delay])) * (sample - Double(heard[index + delay]))
        }
        return 10 * log10(signal / max(noise, 1))
    }

    /// Encodes frames of a length to payloads.
    static func payloads(of samples: [Int16], by encoder: AudioEncoder, frame: Int) -> [[UInt8]] {
        var payloads: [[UInt8]] = []
        var start = 0
        while start + frame <= samples.count {
            var memory = [UInt8](repeating: 0, count: 8192)
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            let length = encoder.encode(samples.span.extracting(start..<start + frame), into: &bytes)
            payloads.append(Array(memory[0..<length]))
            start += frame
        }
        return payloads
    }

    /// Decodes payloads one after the other.
    static func samples(of payloads: [[UInt8]], by decoder: AudioDecoder) -> [Int16] {
        var all: [Int16] = []
        for payload in payloads {
            var samples = [Int16](repeating: 0, count: 12_000)
            var span = samples.mutableSpan
            let count = decoder.decode(payload.span.bytes, into: &span)
            all += samples[0..<count]
        }
        return all
    }
}

// Reading from arrays, because spans cannot pass through the macros of the tests.

extension NoiseAnalyzer {
    static func level(of samples: [Int16]) -> Float { level(of: samples.span) }
}

extension OpusDecoder {
    static func sampleCount(of packet: [UInt8], at rate: SampleRate) -> Int {
        sampleCount(of: packet.span.bytes, at: rate)
    }
}

extension ComfortNoise {
    init?(_ octets: [UInt8]) { self.init(octets.span.bytes) }
}

extension TelephoneEvent {
    /// The event of a packet without extensions.
    init?(packet: [UInt8]) { self.init(in: packet.span.bytes.extracting(12..<packet.count)) }
}
