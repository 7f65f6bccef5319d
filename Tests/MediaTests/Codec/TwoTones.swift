import Foundation
import Media

/// A tone in each of two channels, which can be told apart.
struct TwoTones {
    /// Hertz: left and right.
    static let tones = [440.0, 1000]

    /// Amplitude of each.
    static let amplitude = 12_000.0

    /// Both tones, interleaved.
    static func samples(_ rate: SampleRate, seconds: Double) -> [Int16] {
        (0..<Int(seconds * Double(rate.hertz))).flatMap { (index: Int) -> [Int16] in
            tones.map { (hertz: Double) -> Int16 in
                let turn = 2 * Double.pi * hertz * Double(index) / Double(rate.hertz)
                return Int16(amplitude * sin(turn))
            }
        }
    }

    /// Both tones, again and again without a seam.
    static func player(_ rate: SampleRate) -> ClipPlayer {
        ClipPlayer(AudioClip(samples: samples(rate, seconds: 1), sampleRate: rate, channels: 2), loops: true)
    }

    /// The part of its amplitude with which each tone is heard.
    static func strengths(in samples: some Collection<Int16>, _ rate: SampleRate) -> [Double] {
        tones.map { hertz in
            var real = 0.0
            var imaginary = 0.0
            for (index, sample) in samples.enumerated() {
                let angle = 2 * Double.pi * hertz * Double(index) / Double(rate.hertz)
                real += Double(sample) * cos(angle)
                imaginary += Double(sample) * sin(angle)
            }
            return 2 * (real * real + imaginary * imaginary).squareRoot() / Double(samples.count) / amplitude
        }
    }

    /// The parts of each 100 ms of what was heard in two channels: of each channel's own tone, and of the other.
    static func parts(of sink: CollectingSink, from second: Double) -> [(own: Double, other: Double)] {
        let rate = sink.sampleRate
        let window = rate.hertz / 10
        return (0..<2).flatMap { channel in
            let samples = sink.samples(of: channel)
            return stride(from: Int(second * Double(rate.hertz)), through: samples.count - window, by: window).map {
                let both = strengths(in: samples[$0..<$0 + window], rate)
                return (both[channel], both[1 - channel])
            }
        }
    }
}
