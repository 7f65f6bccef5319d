import Media
import TestKit
import Testing

extension Interop {
    /// Speech through calls with baresip in each codec that both have, judged by what each side heard.
    @Suite struct BaresipCodecTests {
        /// A codec as each side names it, and how it is judged.
        struct Case: Sendable, CustomTestStringConvertible {
            let name: String
            let baresip: String
            let module: String
            let reference: Reference

            var testDescription: String { name }

            /// Without G.726: under the name `G726-32` baresip 1.0 sends the packing of `AAL2-G726-32`, against RFC 3551 §4.5.4.
            static let all = [
                Case(name: "g722", baresip: "G722/16000/1", module: "g722", reference: .ffmpeg(.g722)),
                Case(name: "l16-16000", baresip: "L16/16000/1", module: "l16", reference: .score(3.8)),
                Case(name: "opus", baresip: "opus/48000/2", module: "opus", reference: .score(3.3)),
            ]
        }

        /// Where the least PESQ score of narrow band comes from: the codec of a program that no one here wrote, without a network,
        /// less what PESQ's alignment varies by; or a number.
        enum Reference {
            case ffmpeg(ReferenceCodec)
            case score(Double)

            static let tolerance = 0.1
        }

        @Test(arguments: Case.all) func bothHearTheOther(_ codec: Case) async throws {
            try await withServer(.init(passwords: ["alice": "string", "bob": "tin can"])) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let bob = try await server.answering(
                    "bob", password: "tin can",
                    ["--codec", codec.name, "--play", clips.river, "--record", heard, "--count", "1"], in: peers)
                var options = BaresipOptions(user: "alice")
                options.domain = "localhost"
                options.password = "string"
                options.proxy = server.hostPort
                options.speech = clips.garden
                options.codecs = [codec.baresip]
                options.codecModules = [codec.module]
                let alice = try await BaresipPeer.start(options, in: peers)
                try await alice.registered()
                try await alice.dial("sip:bob@localhost")
                try await alice.event(.established)
                try await alice.event(.closed)
                #expect(try await bob.exit() == .code(0))
                try await judge(clips.garden, heard, "ito", codec, peers)
                try await judge(clips.river, #require(alice.heard.first), "baresip", codec, peers)
            }
        }

        /// Brings what was heard to the clip's rate and one channel, and compares.
        private func judge(
            _ clip: String, _ recording: String, _ listener: String, _ codec: Case, _ peers: Peers
        ) async throws {
            let narrow = peers.folder.file("narrow-\(listener).wav")
            try await peers.run(
                PeerCommand("sox", ["-D", recording, "-r", "8000", "-c", "1", "-b", "16", narrow], package: "sox"))
            let comparison = try await SoundComparison(reference: clip, recording: narrow, in: peers)
            #expect(comparison.gaps == 0, "\(listener)")
            #expect(comparison.rms > 0.02, "\(listener)")
            let score = try await SoundComparison.pesq(reference: clip, degraded: narrow, in: peers)
            #expect(try await score >= least(clip, codec.reference, listener, peers), "\(listener)")
        }

        /// The least score of a clip.
        private func least(
            _ clip: String, _ reference: Reference, _ listener: String, _ peers: Peers
        ) async throws -> Double {
            let codec: ReferenceCodec
            switch reference {
            case .score(let score): return score
            case .ffmpeg(let other): codec = other
            }
            let wide = peers.folder.file("wide-\(listener).wav")
            let coded = peers.folder.file("coded-\(listener).wav")
            let ideal = peers.folder.file("ideal-\(listener).wav")
            try await peers.run(PeerCommand("sox", ["-D", clip, "-r", "16000", wide], package: "sox"))
            let octets = try await codec.encode(AudioClip(wavFile: wide).samples, in: peers)
            let samples = try await codec.decode(octets, in: peers)
            try AudioClip(samples: samples, sampleRate: .wideband).write(wavFile: coded)
            try await peers.run(PeerCommand("sox", ["-D", coded, "-r", "8000", ideal], package: "sox"))
            return try await SoundComparison.pesq(reference: clip, degraded: ideal, in: peers) - Reference.tolerance
        }
    }
}
