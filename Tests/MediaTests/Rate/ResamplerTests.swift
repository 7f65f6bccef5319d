import Foundation
import Media
import Testing

/// Measured against ideal sines, which need no filter: what comes out of a converter is the sine at the new rate in the
/// pass band, and nothing in the stop band.
@Suite struct ResamplerTests {
    static let rates = [8000, 11025, 16000, 22050, 44100, 48000].map { SampleRate($0) }
    static let pairs = rates.flatMap { from in rates.filter { $0 != from }.map { (from, $0) } }

    static func sine(_ frequency: Double, _ rate: SampleRate, count: Int, peak: Double = 30000) -> [Double] {
        (0..<count).map { peak * sin(2 * .pi * frequency * Double($0) / Double(rate.hertz)) }
    }

    static func rms(_ values: some Collection<Double>) -> Double {
        (values.reduce(0) { $0 + $1 * $1 } / Double(max(values.count, 1))).squareRoot()
    }

    /// Samples at both ends where the sine's sudden beginning and end still ring, at the output's rate.
    static func margin(_ from: SampleRate, _ to: SampleRate) -> Int {
        Int(80.0 / Double(min(from, to).hertz) * Double(to.hertz))
    }

    @Test(arguments: pairs)
    func passesThePassBand(_ from: SampleRate, _ to: SampleRate) {
        let nyquist = Double(min(from, to).hertz) / 2
        for part in [0.05, 0.5, 0.85, 0.9] {
            let frequency = part * nyquist
            let input = Self.sine(frequency, from, count: from.hertz / 16).map { Int16($0.rounded()) }
            let output = Resampler.convert(input, from: from, to: to)
            let ideal = Self.sine(frequency, to, count: output.count)
            let margin = Self.margin(from, to)
            let inner = margin..<output.count - margin
            let error = Self.rms(inner.map { Double(output[$0]) - ideal[$0] })
            // 72 dB below the sine: 90 dB of the filter, 98 dB of either quantisation, and the droop at the band's edge.
            #expect(20 * log10(error / Self.rms(ideal[inner])) < -72, "\(frequency) Hz")
        }
    }

    /// Only conversions to a lower rate can alias: what lies beyond half of it must vanish.
    @Test(arguments: pairs.filter { $0.0 > $0.1 })
    func stopsTheStopBand(_ from: SampleRate, _ to: SampleRate) {
        let nyquist = Double(to.hertz) / 2
        let top = Double(from.hertz) / 2
        for frequency in [nyquist * 1.001, nyquist * 1.1, (nyquist + top) / 2, top * 0.98] {
            let input = Self.sine(frequency, from, count: from.hertz / 16).map { Int16($0.rounded()) }
            let output = Resampler.convert(input, from: from, to: to).map(Double.init)
            let margin = Self.margin(from, to)
            let left = Self.rms(output[margin..<output.count - margin])
            #expect(20 * log10(max(left, 1e-9) / (30000 / 2.0.squareRoot())) < -80, "\(frequency) Hz")
        }
    }

    @Test(arguments: pairs)
    func keepsLengthAndLevel(_ from: SampleRate, _ to: SampleRate) {
        let input = [Int16](repeating: 12345, count: 3000)
        let output = Resampler.convert(input, from: from, to: to)
        #expect(output.count == (3000 * to.hertz + from.hertz - 1) / from.hertz)
        let margin = Self.margin(from, to)
        #expect(output[margin..<output.count - margin].allSatisfy { abs(Int($0) - 12345) <= 1 })
    }

    /// Whatever the sizes of the pieces, the stream comes out the same.
    @Test(arguments: [(8000, 48000), (48000, 8000), (44100, 16000), (11025, 22050)])
    func streamsInPieces(_ from: Int, _ to: Int) {
        var generator = SeededGenerator(8)
        let input = (0..<4000).map { _ in Int16.random(in: -20000...20000, using: &generator) }
        let whole = Resampler.convert(input, from: SampleRate(from), to: SampleRate(to))
        var resampler = Resampler(from: SampleRate(from), to: SampleRate(to))
        var streamed: [Int16] = []
        var position = 0
        var isDrained = false
        while position < input.count || !isDrained {
            let end = min(input.count, position + Int.random(in: 1...700, using: &generator))
            var output = [Int16](repeating: 0, count: Int.random(in: 1...900, using: &generator))
            var span = output.mutableSpan
            let done = resampler.convert(input.span.extracting(position..<end), into: &span)
            #expect(done.produced <= resampler.maximumOutput(forInput: end - position))
            position += done.consumed
            streamed += output[..<done.produced]
            isDrained = done.produced < output.count
        }
        let latency = SampleRate(to).samples(in: resampler.latency)
        #expect(whole.count - streamed.count <= latency + 2)
        #expect(streamed == Array(whole[..<streamed.count]))
    }

    @Test func equalRatesPassUnchanged() {
        let input = (0..<500).map { Int16(truncatingIfNeeded: $0 * 77) }
        #expect(Resampler.convert(input, from: .wideband, to: .wideband) == input)
        var resampler = Resampler(from: .wideband, to: .wideband)
        var output = [Int16](repeating: 0, count: 200)
        var span = output.mutableSpan
        let done = resampler.convert(input.span, into: &span)
        #expect(done.consumed == 200 && done.produced == 200)
        #expect(output == Array(input[..<200]))
        #expect(resampler.latency == .zero)
    }

    @Test func nothingGivesNothing() {
        #expect(Resampler.convert([], from: .narrowband, to: .fullband) == [])
    }

    @Test func clipsInsteadOfWrapping() {
        // A full-scale square wave overshoots behind the filter.
        let input = (0..<2000).map { $0 / 20 % 2 == 0 ? Int16.max : Int16.min }
        let output = Resampler.convert(input, from: .narrowband, to: .fullband)
        #expect(output.max() == .max)
        #expect(output.min() == .min)
        let flips = zip(output, output.dropFirst()).filter { abs(Int($0) - Int($1)) > 50000 }
        #expect(flips.isEmpty)
    }
}
