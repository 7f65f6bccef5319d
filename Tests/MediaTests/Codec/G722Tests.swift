import Media
import Testing

@Suite struct G722Tests {
    /// Samples that the two filters delay the sound by: about 24 taps.
    private static let delays = 18...28

    /// Much below 4 kHz, and less above, where there are two bits.
    @Test(arguments: [(300.0, 25.0), (1000.0, 25.0), (3000.0, 20.0), (5000.0, 8.0), (6500.0, 8.0)])
    func aToneComesThrough(_ frequency: Double, _ least: Double) throws {
        let said = CodecSignal.sine(frequency, at: .wideband, seconds: 1)
        let payloads = CodecSignal.payloads(of: said, by: try AudioEncoder(.g722), frame: 320)
        #expect(payloads.allSatisfy { $0.count == 160 })
        let heard = CodecSignal.samples(of: payloads, by: try AudioDecoder(.g722))
        // After the quantiser has found its size.
        let late = Array(said[3200...])
        let ratios = Self.delays.map { CodecSignal.ratio(of: Array(heard[3200...]), to: late, delay: $0) }
        #expect(ratios.max() ?? 0 > least)
    }

    /// Frames are only a way to cut: the octets are the same.
    @Test func framesDoNotMatter() throws {
        let said = CodecSignal.noise(9600)
        let whole = CodecSignal.payloads(of: said, by: try AudioEncoder(.g722), frame: 9600).flatMap { $0 }
        for frame in [2, 80, 160, 480] {
            let cut = CodecSignal.payloads(of: said, by: try AudioEncoder(.g722), frame: frame).flatMap { $0 }
            #expect(cut == whole)
        }
    }

    @Test func takesNoMoreThanFits() {
        var encoder = G722.Encoder()
        let frame = [Int16](repeating: 100, count: 321)
        var memory = [UInt8](repeating: 0xEE, count: 20)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let lengths = [
            encoder.encode(frame.span, into: &bytes, at: 12), encoder.encode(frame.span, into: &bytes, at: 20),
            encoder.encode(frame.span, into: &bytes, at: -1),
            encoder.encode(frame.span.extracting(0..<1), into: &bytes, at: 0),
        ]
        #expect(lengths == [8, 0, 0, 0])
        #expect(memory[11] == 0xEE)
        var decoder = G722.Decoder()
        var samples = [Int16](repeating: 7, count: 9)
        var space = samples.mutableSpan
        let counts = [
            decoder.decode(memory.span.bytes, into: &space, at: 4),
            decoder.decode(memory.span.bytes, into: &space, at: 9),
            decoder.decode(memory.span.bytes, into: &space, at: -1),
        ]
        #expect(counts == [4, 0, 0])
        #expect(samples[3] == 7 && samples[8] == 7)
    }

    /// Whatever comes from the network, in any order, is sound and no trap.
    @Test func anyOctetsAreDecoded() throws {
        var generator = SeededGenerator(11)
        let payload = (0..<20_000).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let heard = CodecSignal.samples(of: [Array(payload[..<6000])], by: try AudioDecoder(.g722))
        #expect(heard.count == 12_000)
    }

    @Test func theClockIsHalfOfTheRate() {
        #expect(AudioCodec.g722.clockRate == .narrowband)
        #expect(AudioCodec.g722.sampleRate == .wideband)
        #expect(AudioCodec.g722.timestampUnits(samples: 320) == 160)
        #expect(AudioCodec.g722.samples(timestampUnits: -160) == -320)
    }
}
