import Media
import Testing

@Suite struct G726Tests {
    @Test(arguments: G726.Packing.allCases)
    func aToneComesThrough(_ packing: G726.Packing) throws {
        let said = CodecSignal.sine(1000, at: .narrowband, seconds: 1)
        let payloads = CodecSignal.payloads(of: said, by: try AudioEncoder(.g726(packing)), frame: 160)
        #expect(payloads.allSatisfy { $0.count == 80 })
        let heard = CodecSignal.samples(of: payloads, by: try AudioDecoder(.g726(packing)))
        let ratio = CodecSignal.ratio(of: Array(heard[800...]), to: Array(said[800...]), delay: 0)
        #expect(ratio > 25)
    }

    /// The packings differ in the order of the two codes alone.
    @Test func thePackingsAreSwapped() throws {
        let said = CodecSignal.noise(1600)
        let lower = CodecSignal.payloads(of: said, by: try AudioEncoder(.g726(.lowerFirst)), frame: 1600)[0]
        let upper = CodecSignal.payloads(of: said, by: try AudioEncoder(.g726(.upperFirst)), frame: 1600)[0]
        #expect(lower.map { $0 << 4 | $0 >> 4 } == upper)
    }

    /// The recommendation has no code of zero at this rate: it is never sent, so that a line is never without ones.
    @Test func noCodeIsZero() throws {
        for signal in [
            CodecSignal.noise(8000, peak: .max), CodecSignal.noise(8000, peak: 3), [Int16](repeating: 0, count: 800),
        ] {
            let octets = CodecSignal.payloads(
                of: signal, by: try AudioEncoder(.g726(.lowerFirst)), frame: signal.count)[0]
            #expect(octets.allSatisfy { $0 & 0xF != 0 && $0 >> 4 != 0 })
        }
    }

    /// Sound over full scale stays at it and does not turn around.
    @Test func overloadIsHeldAtFullScale() throws {
        let said = (0..<1600).map { $0 / 40 % 2 == 0 ? Int16.max : .min }
        let payloads = CodecSignal.payloads(of: said, by: try AudioEncoder(.g726(.lowerFirst)), frame: 160)
        let heard = CodecSignal.samples(of: payloads, by: try AudioDecoder(.g726(.lowerFirst)))
        // Nearly every sample has the sign that was said, and many are at the very end of the scale.
        let wrong = (800..<1600).filter { (heard[$0] < 0) != (said[$0] < 0) }
        #expect(wrong.count < 40)
        #expect(heard[800...].filter { $0 == .max || $0 == .min }.count > 200)
    }

    @Test func anyOctetsAreDecoded() throws {
        var generator = SeededGenerator(13)
        let payload = (0..<6000).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let heard = CodecSignal.samples(of: [payload], by: try AudioDecoder(.g726(.lowerFirst)))
        #expect(heard.count == 12_000)
    }

    @Test func takesNoMoreThanFits() {
        var encoder = G726.Encoder(packing: .lowerFirst)
        let frame = [Int16](repeating: 100, count: 161)
        var memory = [UInt8](repeating: 0xEE, count: 20)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let lengths = [
            encoder.encode(frame.span, into: &bytes, at: 12), encoder.encode(frame.span, into: &bytes, at: 20),
            encoder.encode(frame.span, into: &bytes, at: -1),
        ]
        #expect(lengths == [8, 0, 0])
        var decoder = G726.Decoder(packing: .lowerFirst)
        var samples = [Int16](repeating: 7, count: 9)
        var space = samples.mutableSpan
        let counts = [
            decoder.decode(memory.span.bytes, into: &space, at: 4),
            decoder.decode(memory.span.bytes, into: &space, at: -1),
        ]
        #expect(counts == [4, 0])
        #expect(samples[3] == 7 && samples[8] == 7)
    }
}
