import Foundation
import Media
import TestKit
import Testing

extension Interop {
    /// The numbers that the server answers itself, called by baresip.
    @Suite struct ServiceNumberTests {
        private var users: LoopbackServer.Options { .init(passwords: ["alice": "string"]) }

        /// The caller's own speech comes back after the delay of `services.echo-delay`, 600 ms, and the way of a packet: two
        /// packet times of 20 ms and the playout buffers of both sides (60 ms here, up to ten packets at baresip).
        @Test func echoSendsSpeechBackLater() async throws {
            try await withServer(users) { server, peers in
                let clip = try await SpeechClip.garden.write("garden.wav", in: peers)
                let alice = try await server.baresip("alice", password: "string", speech: clip, in: peers)
                try await alice.dial("sip:echo@localhost")
                try await alice.event(.established)
                try await alice.event(.closed)
                let heard = try #require(alice.heard.first)
                try await expectHeard(clip, in: heard, by: "echo", peers)
                let spoken = try await SoundComparison(
                    reference: clip, recording: #require(alice.spoken.first), in: peers)
                let returned = try await SoundComparison(reference: clip, recording: heard, in: peers)
                let delay = Double(returned.lag - spoken.lag) / 8
                #expect((600.0...900).contains(delay))
            }
        }

        /// 1 kHz at -10 dBm0. A sine at full scale of PCMU is +3.17 dBm0 (ITU-T G.711 §5).
        @Test func toneIsOneKilohertzAtItsLevel() async throws {
            try await withServer(users) { server, peers in
                let clip = try await SpeechClip.garden.write("garden.wav", in: peers)
                let alice = try await server.baresip("alice", password: "string", speech: clip, in: peers)
                try await alice.dial("sip:tone@localhost")
                try await alice.event(.established)
                try await alice.event(.closed)
                let heard = try AudioClip(wavFile: #require(alice.heard.first))
                #expect(heard.sampleRate == .narrowband)
                // Three seconds out of the middle, away from both ends of the call.
                let middle = heard.samples.dropFirst(8_000).prefix(24_000).map { Double($0) / 32_768 }
                try #require(middle.count == 24_000)
                let whole = middle.reduce(0) { $0 + $1 * $1 } / Double(middle.count)
                let level = 10 * log10(whole * 2) + 3.17
                #expect(abs(level + 10) < 0.2)
                // All but the noise of companding, 30 dB below, is at 1 kHz; the neighbours 5 Hz off have none of it.
                let tone = power(of: middle, at: 1_000)
                #expect(tone / whole > 0.999)
                for neighbour in [995.0, 1_005] { #expect(power(of: middle, at: neighbour) / whole < 0.001) }
            }
        }

        /// The power of the sine of one frequency in samples of 8 kHz.
        private func power(of samples: [Double], at frequency: Double) -> Double {
            var (real, imaginary) = (0.0, 0.0)
            for (index, sample) in samples.enumerated() {
                let angle = 2 * Double.pi * frequency * Double(index) / 8_000
                real += sample * cos(angle)
                imaginary += sample * sin(angle)
            }
            let count = Double(samples.count)
            return 2 * (real * real + imaginary * imaginary) / (count * count)
        }
    }
}
