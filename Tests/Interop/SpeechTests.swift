import Foundation
import TestKit
import Testing

extension Interop {
    /// Speech through calls with baresip, judged by what each side heard.
    @Suite struct SpeechTests {
        private var users: LoopbackServer.Options { .init(passwords: ["alice": "string", "bob": "tin can"]) }

        @Test func baresipCallsItoAnswer() async throws {
            try await withServer(users) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let bob = try await server.answering(
                    "bob", password: "tin can", ["--play", clips.river, "--record", heard, "--count", "1"], in: peers)
                let alice = try await server.baresip("alice", password: "string", speech: clips.garden, in: peers)
                try await alice.dial("sip:bob@localhost")
                try await alice.event(.established)
                try await alice.event(.closed)
                #expect(try await bob.exit() == .code(0))
                #expect(bob.lines.last?.text.contains(#""by":"remote""#) == true)
                try await expectHeard(clips.garden, in: heard, by: "ito-answer", peers)
                try await expectHeard(
                    clips.river, in: #require(alice.heard.first), by: "baresip-that-called", peers)
            }
        }

        @Test func itoCallsBaresip() async throws {
            try await withServer(users) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let alice = try await server.baresip("alice", password: "string", speech: clips.garden, in: peers)
                let bob = try server.calling(
                    "alice", as: "bob", password: "tin can", ["--play", clips.river, "--record", heard], in: peers)
                try await alice.event(.established)
                try await alice.event(.closed)
                #expect(try await bob.exit() == .code(0))
                let end = try #require(bob.lines.last { !$0.isError }?.text)
                #expect(end.contains(#""event":"ended""#))
                try expectQuality(in: end)
                try await expectHeard(clips.garden, in: heard, by: "ito-call", peers)
                try await expectHeard(
                    clips.river, in: #require(alice.heard.first), by: "baresip-that-answered", peers)
            }
        }

        /// What the last line of a call says of how it was heard: nothing was lost on the way, and the delay is that of one host.
        private func expectQuality(in line: String) throws {
            struct Ended: Decodable {
                struct Audio: Decodable {
                    let mos, mos_listening, rating, delay_ms, burst_ms, burst_density, gap_ms, gap_density: Double
                    let round_trip_ms: Double?
                    let lost: Int
                }
                let audio: Audio
                let duration_ms: Int
            }
            let ended = try JSONDecoder().decode(Ended.self, from: Data(line.utf8))
            let audio = ended.audio
            #expect(audio.lost == 0)
            #expect((80...94).contains(audio.rating))
            #expect((4...4.5).contains(audio.mos) && audio.mos_listening >= audio.mos)
            #expect((20...250).contains(audio.delay_ms))
            #expect(audio.burst_ms == 0 && audio.burst_density == 0)
            // One gap, from the first packet to the last.
            #expect(audio.gap_ms > 1000 && Int(audio.gap_ms) <= ended.duration_ms + 1000)
            #expect((0...0.1).contains(audio.gap_density))
            if let time = audio.round_trip_ms { #expect((0...100).contains(time)) }
        }

        /// Signalling alone, and media too.
        @Test(arguments: [false, true])
        func twoBaresipsSpeakThroughTheServer(isRelayed: Bool) async throws {
            var options = users
            if isRelayed { options.configuration = "domains:\n  - name: localhost\n    media: anchor" }
            try await withServer(options) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let alice = try await server.baresip("alice", password: "string", speech: clips.garden, in: peers)
                let bob = try await server.baresip("bob", password: "tin can", speech: clips.river, in: peers)
                try await alice.dial("sip:bob@localhost")
                try await bob.event(.established)
                // The first that comes to the end of its clip hangs up.
                try await alice.event(.closed)
                try await bob.event(.closed)
                try await expectHeard(clips.garden, in: #require(bob.heard.first), by: "baresip-bob", peers)
                try await expectHeard(clips.river, in: #require(alice.heard.first), by: "baresip-alice", peers)
                let stats = try await ItoProgram.run(["stats", "--json", "--data", server.data], in: peers).output
                #expect(stats.contains { $0.contains(#""relayed":\#(isRelayed ? 1 : 0)"#) })
            }
        }
    }
}
