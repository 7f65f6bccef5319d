import Foundation
import Media
import RTP
import Testing

@Suite struct NoiseAnalyzerTests {
    private static let frame = 160

    private func verdicts(_ samples: [Int16], _ analyzer: inout NoiseAnalyzer) -> [NoiseAnalyzer.Verdict] {
        stride(from: 0, through: samples.count - Self.frame, by: Self.frame).map {
            analyzer.next(samples.span.extracting($0..<$0 + Self.frame))
        }
    }

    private func isDescription(_ verdict: NoiseAnalyzer.Verdict) -> Bool {
        if case .noise = verdict { true } else { false }
    }

    /// A square wave of full scale is 0, a sine 3 dB less; nothing at all is 127 (RFC 3389 §3.1).
    @Test func levelsAreBelowOverload() {
        let square = (0..<160).map { $0 % 2 == 0 ? Int16.max : .min }
        #expect(abs(NoiseAnalyzer.level(of: square)) < 0.01)
        let sine = CodecSignal.sine(1000, at: .narrowband, seconds: 0.02, level: -20)
        #expect(abs(NoiseAnalyzer.level(of: sine) - 23) < 0.5)
        #expect(NoiseAnalyzer.level(of: [Int16](repeating: 0, count: 160)) == 127)
    }

    /// Speech, then noise: after the hang-over a description, then one each half second.
    @Test func silenceIsDescribedAndNotSent() {
        var analyzer = NoiseAnalyzer(frame: .milliseconds(20))
        let noise = CodecSignal.noise(16_000, peak: 60)
        let speech = CodecSignal.sine(700, at: .narrowband, seconds: 1, level: -15)
        let beginning = verdicts(Array(noise[..<8000]), &analyzer)
        #expect(beginning.prefix(10).allSatisfy { $0 == .speech })
        let spoken = verdicts(speech, &analyzer)
        #expect(spoken.allSatisfy { $0 == .speech })
        let silence = verdicts(noise, &analyzer)
        #expect(silence.prefix(10).allSatisfy { $0 == .speech })
        let described = silence.indices.filter { isDescription(silence[$0]) }
        #expect(described.first == 10)
        #expect((4...6).contains(described.count))
        #expect(silence.dropFirst(10).allSatisfy { $0 != .speech })
        guard case .noise(let first) = silence[10] else { return }
        // Even noise of a peak of 60 has a root mean square of 35: 59.5 dB below overload.
        #expect((57...62).contains(first.level))
    }

    @Test func aChangeOfTheNoiseIsDescribedAtOnce() {
        var analyzer = NoiseAnalyzer(frame: .milliseconds(20))
        _ = verdicts(CodecSignal.noise(8000, peak: 40), &analyzer)
        let louder = verdicts(CodecSignal.noise(1600, peak: 80), &analyzer)
        #expect(louder.contains(where: isDescription))
        #expect(!louder.contains(.speech))
    }

    /// Noise that is coloured has coefficients, and what is made of them has its colour and level.
    @Test func theGeneratorMakesWhatWasAnalysed() throws {
        var generator = SeededGenerator(23)
        var last = 0.0
        let brown = (0..<32_000).map { _ -> Int16 in
            last = 0.9 * last + Double.random(in: -40...40, using: &generator)
            return Int16(last)
        }
        var analyzer = NoiseAnalyzer(frame: .milliseconds(20))
        let descriptions = verdicts(brown, &analyzer).compactMap { verdict -> ComfortNoise? in
            if case .noise(let noise) = verdict { noise } else { nil }
        }
        let noise = try #require(descriptions.last)
        #expect(noise.reflection(at: 0) < -0.8)
        var maker = NoiseGenerator(sampleRate: .narrowband)
        maker.describe(noise)
        var made = [Int16](repeating: 0, count: 32_000)
        var span = made.mutableSpan
        maker.fill(&span, from: 0, count: 32_000)
        #expect(abs(NoiseAnalyzer.level(of: made) - NoiseAnalyzer.level(of: brown)) < 3)
        #expect(abs(correlation(made) - correlation(brown)) < 0.05)
    }

    /// Correlation of neighbours.
    private func correlation(_ samples: [Int16]) -> Double {
        let power = samples.reduce(0.0) { $0 + Double($1) * Double($1) }
        return zip(samples, samples.dropFirst()).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / power
    }

    @Test func noDescriptionIsSilence() {
        var maker = NoiseGenerator(sampleRate: .narrowband)
        var made = [Int16](repeating: 5, count: 160)
        var span = made.mutableSpan
        maker.fill(&span, from: 0, count: 160)
        #expect(made.allSatisfy { $0 == 0 })
    }

    /// Any octets make noise that is no louder than they say.
    @Test func anyDescriptionIsStable() throws {
        var generator = SeededGenerator(29)
        for _ in 0..<50 {
            let octets = (0..<13).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            var maker = NoiseGenerator(sampleRate: .narrowband)
            maker.describe(try #require(ComfortNoise(octets)))
            var made = [Int16](repeating: 0, count: 16_000)
            var span = made.mutableSpan
            maker.fill(&span, from: 0, count: 16_000)
            #expect(NoiseAnalyzer.level(of: made) > Float(octets[0] & 0x7F) - 6)
        }
    }
}
