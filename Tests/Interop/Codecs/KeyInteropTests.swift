import Media
import RTP
import Reactor
import TestKit
import Testing
import UserAgent

extension Interop {
    /// Keys between a phone of ours and baresip, without a server, and speech that is none.
    @Suite struct KeyInteropTests {
        private func phone() async throws -> UserAgent {
            var options = UserAgent.Options(address: .loopback())
            options.registers = false
            return try await UserAgent(account: Account("sip:bob@127.0.0.1"), options: options)
        }

        private func baresip(in peers: Peers) async throws -> BaresipPeer {
            var options = BaresipOptions(user: "alice")
            options.registration = .zero
            return try await BaresipPeer.start(options, in: peers)
        }

        @Test("baresip is told of keys by events and by INFO", arguments: [KeyMethod.automatic, .info])
        func keysAreTold(method: KeyMethod) async throws {
            try await withPeers { peers in
                let alice = try await baresip(in: peers)
                let bob = try await phone()
                let call = try await bob.call(alice.uri)
                var last = try await alice.event(.established)
                call.send(digits: "15#", by: method)
                for key in ["1", "5", "#"] {
                    last = try await alice.event(.keyPressed, after: last)
                    #expect(last.detail == key)
                }
                await call.hangUp()
                try await alice.event(.closed)
                await bob.shutDown()
            }
        }

        @Test("Tones are in what baresip hears")
        func keysAreSounded() async throws {
            try await withPeers { peers in
                let alice = try await baresip(in: peers)
                let bob = try await phone()
                let heard = SoundRecorder()
                let call = try await bob.call(
                    alice.uri, audio: AudioEnds(source: { ToneSource(.sine(1000)) }, sink: { heard }))
                try await alice.event(.established)
                await heard.heard(8_000)
                call.send(digits: "0159*#AD", by: .tones)
                await heard.heard(heard.samples.count + 3 * 8_000)
                await call.hangUp()
                try await alice.event(.closed)
                await bob.shutDown()
                let clip = try AudioClip(wavFile: #require(alice.heard.first))
                #expect(keys(in: clip) == "0159*#AD")
            }
        }

        @Test(
            "No key is heard in minutes of speech",
            arguments: ["en", "en+f3", "ja", "fr+f2"])
        func talkOff(voice: String) async throws {
            try await withPeers { peers in
                let file = peers.folder.file("speech.wav")
                let numbers = (1...40).map { "\($0 * 37)." }.joined(separator: " ")
                let text = numbers + " aa ee ii oo uu, mama, Anna, moon, we."
                try await peers.run(
                    PeerCommand("espeak-ng", ["-v", voice, "-s", "150", "-w", file, text], package: "espeak-ng"))
                let wide = try AudioClip(wavFile: file)
                #expect(wide.samples.count > 40 * wide.sampleRate.hertz)
                #expect(keys(in: wide) == "")
                #expect(keys(in: try AudioClip(wavFile: file, rate: .narrowband)) == "")
            }
        }

        private func keys(in clip: AudioClip) -> String {
            var detector = DTMFDetector(sampleRate: clip.sampleRate)
            var keys = ""
            detector.process(clip.samples.span) { report in
                if case .began(let code) = report, let key = code.key { keys.append(key) }
            }
            return keys
        }
    }
}
