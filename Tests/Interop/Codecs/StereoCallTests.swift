import Foundation
import Media
import TestKit
import Testing

extension Interop {
    /// Calls with Opus in two channels, of which each has a tone of its own (RFC 7587 §6.1, §7.1).
    @Suite struct StereoCallTests {
        /// Hertz, left and right.
        private static let tones = [440.0, 1000]

        /// Writes four seconds of both tones, at a quarter of full scale.
        private func write(_ name: String, in peers: Peers) async throws -> String {
            let file = peers.folder.file(name)
            let synthesis = ["synth", "4", "sine", "440", "sine", "1000", "vol", "0.25"]
            try await peers.run(
                PeerCommand(
                    "sox", ["-D", "-n", "-r", "48000", "-c", "2", "-b", "16", file] + synthesis, package: "sox"))
            return file
        }

        /// How strong each tone is in each channel of a recording, in parts of what was played.
        private func strengths(_ file: String) throws -> [[Double]] {
            let clip = try AudioClip(wavFile: file, keepsStereo: true)
            try #require(clip.channels == 2)
            let rate = Double(clip.sampleRate.hertz)
            let first = clip.samples.firstIndex { $0.magnitude > 1000 } ?? 0
            // A second in the middle of what was heard.
            let start = first / 2 + clip.sampleRate.hertz / 2
            try #require(clip.samples.count / 2 > start + clip.sampleRate.hertz)
            let piece = clip.sampleRate.hertz / 20
            func strength(_ hertz: Double, _ channel: Int, from place: Int) -> Double {
                var sums = (0.0, 0.0)
                for index in 0..<piece {
                    let turn = 2 * Double.pi * hertz * Double(index) / rate
                    let sample = Double(clip.samples[2 * (place + index) + channel])
                    sums.0 += sample * cos(turn)
                    sums.1 += sample * sin(turn)
                }
                return 2 * (sums.0 * sums.0 + sums.1 * sums.1).squareRoot() / Double(piece) / 8192
            }
            // The median of pieces of 50 ms: where the machine is busy, time is stretched in some of them.
            return (0..<2).map { channel in
                Self.tones.map { hertz in
                    (0..<20).map { strength(hertz, channel, from: start + $0 * piece) }.sorted()[10]
                }
            }
        }

        private func expectApart(_ file: String, _ name: String) throws {
            let all = try strengths(file)
            for channel in 0..<2 {
                #expect(all[channel][channel] > 0.7 && all[channel][1 - channel] < 0.15, "\(name): \(all)")
            }
        }

        /// `ito call` and `ito answer`; where one of them does not want two channels the mean is heard.
        @Test(arguments: [(true, true), (true, false), (false, true)])
        func twoPhones(_ callerWants: Bool, _ calledWants: Bool) async throws {
            try await withPeers { peers in
                let clip = try await write("tones.wav", in: peers)
                let heard = peers.folder.file("heard.wav")
                let bob = try peers.start(
                    ItoProgram.command(
                        [
                            "answer", "--as", "sip:bob@127.0.0.1", "--no-register", "--codec", "opus-48000,pcmu",
                            "--record", heard, "--count", "1", "--json",
                        ] + (calledWants ? ["--stereo"] : [])), name: "ito answer")
                let ready = try await bob.line(containing: #""event":"ready""#)
                let address = try #require(ready.text.firstMatch(of: /127\.0\.0\.1:[0-9]+/)).output
                let alice = try await ItoProgram.run(
                    [
                        "call", "sip:bob@\(address)", "--as", "sip:alice@127.0.0.1", "--codec", "opus-48000", "--play",
                        clip, "--duration", "3s",
                    ] + (callerWants ? ["--stereo"] : []), in: peers)
                #expect(alice.exit == .code(0))
                #expect(alice.complaints == "")
                #expect(try await bob.exit() == .code(0))
                if callerWants, calledWants { return try expectApart(heard, "ito") }
                guard calledWants else {
                    #expect(try AudioClip(wavFile: heard, keepsStereo: true).channels == 1)
                    return
                }
                for channel in try strengths(heard) {
                    #expect(channel.allSatisfy { (0.35...0.65).contains($0) }, "\(channel)")
                }
            }
        }

        /// baresip, whose Opus has two channels where the other side prefers them: each hears both of the other.
        @Test func withBaresip() async throws {
            try await withServer(.init(passwords: ["alice": "string", "bob": "tin can"])) { server, peers in
                let clip = try await write("tones.wav", in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let bob = try await server.answering(
                    "bob", password: "tin can",
                    [
                        "--codec", "opus-48000", "--stereo", "--play", clip, "--record", heard, "--count", "1",
                    ], in: peers)
                var options = BaresipOptions(user: "alice")
                options.domain = "localhost"
                options.password = "string"
                options.proxy = server.hostPort
                options.speech = clip
                options.speechRate = 48_000
                options.speechChannels = 2
                options.codecs = ["opus/48000/2"]
                options.codecModules = ["opus"]
                let alice = try await BaresipPeer.start(options, in: peers)
                try await alice.registered()
                try await alice.dial("sip:bob@localhost")
                try await alice.event(.established)
                try await alice.event(.closed)
                #expect(try await bob.exit() == .code(0))
                try expectApart(heard, "ito")
                try expectApart(#require(alice.heard.first), "baresip")
            }
        }

        @Test func onlyOpusHasTwoChannels() async throws {
            try await withPeers { peers in
                let call = try await ItoProgram.run(
                    ["call", "sip:bob@127.0.0.1:9", "--as", "sip:alice@127.0.0.1", "--codec", "pcmu", "--stereo"],
                    in: peers)
                #expect(call.exit == .code(2))
                #expect(call.complaints.contains("opus-48000"))
            }
        }
    }
}
