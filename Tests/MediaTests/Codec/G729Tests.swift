import Media
import Testing

/// G.729, where bcg729 is installed; without it only that it is said to be missing.
@Suite struct G729Tests {
    @Test(.enabled(if: !G729.isAvailable)) func withoutItsLibraryItIsRefused() {
        #expect(throws: CodecError(.missingLibrary, "")) { try AudioEncoder(.g729(describesSilence: false)) }
        #expect(throws: CodecError(.missingLibrary, "")) { try AudioDecoder(.g729(describesSilence: false)) }
    }

    @Test func payloadsHaveWholeFrames() {
        let counts = [0, 1, 2, 10, 12, 20, 22, 25].map { G729.sampleCount(payloadLength: $0) }
        #expect(counts == [0, 0, 80, 80, 160, 160, 240, 0])
        #expect(AudioCodec(staticPayloadType: 18) == .g729(describesSilence: false))
    }

    @Test(.enabled(if: G729.isAvailable)) func aVoiceComesThrough() throws {
        let said = voice(seconds: 3)
        let payloads = CodecSignal.payloads(of: said, by: try AudioEncoder(.g729(describesSilence: false)), frame: 160)
        #expect(payloads.allSatisfy { $0.count == 20 })
        let heard = CodecSignal.samples(of: payloads, by: try AudioDecoder(.g729(describesSilence: false)))
        #expect(heard.count == said.count)
        // It does not keep the wave: the loudness is compared here, and its course in the tests of streams.
        #expect(abs(NoiseAnalyzer.level(of: heard) - NoiseAnalyzer.level(of: said)) < 3)
    }

    /// Annex B: silence has packets of two octets, and none.
    @Test(.enabled(if: G729.isAvailable)) func silenceIsDescribed() throws {
        let said = voice(seconds: 1) + CodecSignal.noise(16_000, peak: 20)
        let payloads = CodecSignal.payloads(of: said, by: try AudioEncoder(.g729(describesSilence: true)), frame: 160)
        let lengths = payloads.suffix(60).map(\.count)
        #expect(lengths.filter { $0 == 0 }.count > 30)
        #expect(payloads.allSatisfy { [0, 2, 10, 12, 20].contains($0.count) })
        let decoder = try AudioDecoder(.g729(describesSilence: false))
        let heard = CodecSignal.samples(of: payloads, by: decoder)
        #expect(heard.count == payloads.reduce(0) { $0 + G729.sampleCount(payloadLength: $1.count) })
    }

    @Test(.enabled(if: G729.isAvailable)) func whatIsLostIsMadeUp() throws {
        let payloads = CodecSignal.payloads(
            of: voice(seconds: 1), by: try AudioEncoder(.g729(describesSilence: false)), frame: 160)
        let decoder = try AudioDecoder(.g729(describesSilence: false))
        _ = CodecSignal.samples(of: payloads, by: decoder)
        var samples = [Int16](repeating: 0, count: 400)
        var span = samples.mutableSpan
        let made = decoder.conceal(320, into: &span, at: 40)
        #expect(made == 320)
        #expect(samples[40..<120].contains { $0.magnitude > 50 })
        #expect(samples[..<40].allSatisfy { $0 == 0 } && samples[360...].allSatisfy { $0 == 0 })
        #expect(decoder.concealmentStep == 80)
    }

    @Test(.enabled(if: G729.isAvailable)) func anyOctetsAreDecoded() throws {
        var generator = SeededGenerator(31)
        let decoder = try AudioDecoder(.g729(describesSilence: false))
        for length in 0..<40 {
            let payload = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(CodecSignal.samples(of: [payload], by: decoder).count == G729.sampleCount(payloadLength: length))
        }
    }
}
