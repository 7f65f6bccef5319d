import Media
import TestKit
import Testing

extension Interop {
    /// Our codecs beside those of programs that no one here wrote, octet by octet and sample by sample.
    @Suite struct ReferenceCodecTests {
        /// What is encoded: speech, noise of full scale, a sweep over the whole band, a square wave of full scale.
        enum Signal: CaseIterable {
            case speech, noise, sweep, square

            func samples(at rate: SampleRate, in peers: Peers) async throws -> [Int16] {
                let count = 3 * rate.hertz
                switch self {
                case .speech:
                    let file = try await SpeechClip.garden.write("speech.wav", in: peers)
                    return try AudioClip(wavFile: file, rate: rate).samples
                case .noise:
                    var generator = SeededGenerator(seed: 3)
                    return (0..<count).map { _ in Int16.random(in: .min ... .max, using: &generator) }
                case .sweep:
                    // From 50 Hz to nearly half of the rate; the phase is the sum of what each sample adds.
                    var phase = 0.0
                    return (0..<count).map { index in
                        let frequency = 50 + (0.49 * Double(rate.hertz) - 50) * Double(index) / Double(count)
                        phase += frequency / Double(rate.hertz)
                        return Int16(30000 * Self.sine(phase))
                    }
                case .square: return (0..<count).map { $0 / 40 % 2 == 0 ? .max : .min }
                }
            }

            /// The sine of a number of turns: a parabola through the sine's extremes, which is near enough to one here.
            private static func sine(_ turns: Double) -> Double {
                let part = turns - turns.rounded(.down)
                return part < 0.5 ? 16 * part * (0.5 - part) : -16 * (part - 0.5) * (1 - part)
            }
        }

        @Test(arguments: Signal.allCases)
        func g722IsThatOfFFmpeg(_ signal: Signal) async throws {
            try await withPeers { peers in
                let samples = try await signal.samples(at: .wideband, in: peers)
                let octets = encoded(samples, by: try AudioEncoder(.g722))
                #expect(octets.count == samples.count / 2)
                #expect(try await octets == ReferenceCodec.g722.encode(samples, in: peers))
                let heard = decoded(octets, by: try AudioDecoder(.g722), count: samples.count)
                #expect(try await heard == ReferenceCodec.g722.decode(octets, in: peers))
            }
        }

        /// Octets that no encoder would send, too.
        @Test func anyG722IsDecodedAsByFFmpeg() async throws {
            try await withPeers { peers in
                var generator = SeededGenerator(seed: 5)
                let octets = (0..<24_000).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
                let heard = decoded(octets, by: try AudioDecoder(.g722), count: 48_000)
                #expect(try await heard == ReferenceCodec.g722.decode(octets, in: peers))
            }
        }

        @Test(arguments: Signal.allCases, G726.Packing.allCases)
        func g726IsThatOfSpandsp(_ signal: Signal, _ packing: G726.Packing) async throws {
            try await withPeers { peers in
                let samples = try await signal.samples(at: .narrowband, in: peers)
                let reference = packing == .lowerFirst ? ReferenceCodec.g726LowerFirst : .g726UpperFirst
                let octets = encoded(samples, by: try AudioEncoder(.g726(packing)))
                #expect(octets.count == samples.count / 2)
                #expect(try await octets == reference.encode(samples, in: peers))
                let heard = decoded(octets, by: try AudioDecoder(.g726(packing)), count: samples.count)
                let theirs = try await reference.decode(octets, in: peers)
                #expect(heard.count == theirs.count)
                // Over full scale ours stays there, where spandsp's turns around.
                let differing = zip(heard, theirs).filter { $0 != $1 }
                #expect(differing.allSatisfy { $0.0 == .max || $0.0 == .min })
            }
        }

        private func encoded(_ samples: [Int16], by encoder: AudioEncoder) -> [UInt8] {
            var octets = [UInt8](repeating: 0, count: samples.count)
            var span = octets.mutableSpan
            var bytes = span.mutableBytes
            let length = encoder.encode(samples.span, into: &bytes)
            return Array(octets[0..<length])
        }

        private func decoded(_ octets: [UInt8], by decoder: AudioDecoder, count: Int) -> [Int16] {
            var samples = [Int16](repeating: 0, count: count)
            var span = samples.mutableSpan
            let made = decoder.decode(octets.span.bytes, into: &span)
            return Array(samples[0..<made])
        }
    }
}
