import Foundation
import Glibc
import Media
import TestKit
import Testing

extension Interop {
    /// Recordings of calls, read by programs that no one here wrote.
    @Suite struct RecordingTests {
        /// 3 s: left a tone of 500 Hz, right one of 1500 Hz.
        private func record(_ path: String) throws {
            let recorder = try CallRecorder(path: path)
            func tone(_ hertz: Double, _ tick: Int) -> [Int16] {
                (0..<320).map { index -> Int16 in
                    let turn = 2 * Double.pi * hertz * Double(320 * tick + index) / 16_000
                    return Int16(8000 * sin(turn))
                }
            }
            let start = ContinuousClock.now
            for tick in 0..<150 {
                let (heard, said) = (tone(500, tick), tone(1500, tick))
                recorder.write(
                    heard: heard.span, at: .wideband, said: said.span, at: .wideband,
                    due: start + .milliseconds(20 * tick))
            }
            try recorder.finish()
        }

        /// Both channels of a recording as ffmpeg decodes it, at 16 kHz; fails when ffmpeg has anything to say.
        private func decode(_ path: String, in peers: Peers) async throws -> [[Int16]] {
            let output = path + ".s16le"
            let ffmpeg = try peers.start(
                PeerCommand(
                    "ffmpeg",
                    ["-v", "error", "-nostdin", "-y", "-i", path, "-ar", "16000", "-f", "s16le", output],
                    package: "ffmpeg"))
            #expect(try await ffmpeg.exit() == .code(0))
            #expect(ffmpeg.lines.map(\.text) == [])
            let octets = try Array(Data(contentsOf: URL(filePath: output)))
            #expect(octets.count % 4 == 0)
            return [0, 2].map { offset in
                stride(from: offset, to: octets.count - 1, by: 4).map {
                    Int16(bitPattern: UInt16(octets[$0]) | UInt16(octets[$0 + 1]) << 8)
                }
            }
        }

        private func strength(_ hertz: Double, in samples: some Collection<Int16>) -> Double {
            var sums = (0.0, 0.0)
            for (index, sample) in samples.enumerated() {
                let turn = 2 * Double.pi * hertz * Double(index) / 16_000
                sums.0 += Double(sample) * cos(turn)
                sums.1 += Double(sample) * sin(turn)
            }
            return (sums.0 * sums.0 + sums.1 * sums.1).squareRoot() / Double(max(1, samples.count))
        }

        @Test(arguments: ["call.wav", "call.opus"])
        func ffmpegReadsBothChannels(_ name: String) async throws {
            try await withPeers { peers in
                let file = peers.folder.file(name)
                try record(file)
                let channels = try await decode(file, in: peers)
                // From Opus it comes by another rate.
                #expect(abs(channels[0].count - 48_000) < 20)
                let (left, right) = (channels[0][8000..<40_000], channels[1][8000..<40_000])
                #expect(abs(strength(500, in: left) - 4000) < 400)
                #expect(abs(strength(1500, in: right) - 4000) < 400)
                #expect(strength(1500, in: left) < 130)
                #expect(strength(500, in: right) < 130)
            }
        }

        @Test func theToolsOfOpusReadIt() async throws {
            try await withPeers { peers in
                let file = peers.folder.file("call.opus")
                try record(file)
                let info = try peers.start(PeerCommand("opusinfo", [file], package: "opus-tools"))
                #expect(try await info.exit() == .code(0))
                let said = info.lines.map(\.text).joined(separator: "\n")
                #expect(!said.lowercased().contains("warning") && !said.lowercased().contains("error"), "\(said)")
                #expect(said.contains("Channels: 2"), "\(said)")
                #expect(said.contains("Original sample rate: 16000"), "\(said)")
                #expect(said.contains("ENCODER=Itodenwa"), "\(said)")
                #expect(said.contains("Playback length: 0m:03.000s"), "\(said)")
                let wave = peers.folder.file("decoded.wav")
                try await peers.run(
                    PeerCommand("opusdec", ["--quiet", "--rate", "16000", file, wave], package: "opus-tools"))
                let reader = try WAVReader(path: wave)
                let (format, count) = (reader.format, reader.frameCount)
                #expect(format.channels == 2)
                #expect(count == 48_000)
            }
        }

        @Test func soxReadsIt() async throws {
            try await withPeers { peers in
                let file = peers.folder.file("call.wav")
                try record(file)
                #expect(try await peers.run(PeerCommand("soxi", ["-s", file], package: "sox")) == "48000")
                #expect(try await peers.run(PeerCommand("soxi", ["-c", file], package: "sox")) == "2")
            }
        }

        /// Waits until a file has grown to some octets.
        private func grown(_ file: String, to octets: Int) async throws {
            let deadline = ContinuousClock.now + PeerProcess.patience
            while ContinuousClock.now < deadline {
                let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber
                if let size, size.intValue >= octets { return }
                try await Task.sleep(for: .milliseconds(20))
            }
            throw PeerError(.timedOut, "\(file) has not grown to \(octets) octets")
        }

        /// A phone that is killed in a call leaves a recording that is read without complaint, as far as it was written.
        @Test(arguments: [("call.wav", 200_000), ("call.opus", 16_000)])
        func aKilledPhoneLeavesItsRecording(_ name: String, _ octets: Int) async throws {
            try await withPeers { peers in
                let bob = try peers.start(
                    ItoProgram.command(["answer", "--as", "sip:bob@127.0.0.1", "--no-register", "--echo", "--json"]),
                    name: "ito answer")
                let ready = try await bob.line(containing: #""event":"ready""#)
                let address = try #require(ready.text.firstMatch(of: /127\.0\.0\.1:[0-9]+/)).output
                let file = peers.folder.file(name)
                let alice = try peers.start(
                    ItoProgram.command([
                        "call", "sip:bob@\(address)", "--as", "sip:alice@127.0.0.1", "--play", "tone:440",
                        "--record-call", file, "--json",
                    ]), name: "ito call")
                try await grown(file, to: octets)
                alice.signal(SIGKILL)
                #expect(try await alice.exit() == .signal(SIGKILL))
                let channels = try await decode(file, in: peers)
                // Three seconds of WAV; of Opus about two, since it takes no more than half of its rate again.
                #expect(channels[0].count >= (name == "call.wav" ? 49_000 : 16_000))
                #expect(channels[0].count == channels[1].count)
                let half = channels[0].count / 2
                #expect(strength(440, in: channels[0][half...]) > 500)
                #expect(strength(440, in: channels[1][half...]) > 500)
            }
        }

        @Test func aCallIsRecordedToItsEnd() async throws {
            try await withPeers { peers in
                let bob = try peers.start(
                    ItoProgram.command([
                        "answer", "--as", "sip:bob@127.0.0.1", "--no-register", "--play", "tone:1000", "--count", "1",
                        "--record-call", peers.folder.file("bob.opus"), "--json",
                    ]), name: "ito answer")
                let ready = try await bob.line(containing: #""event":"ready""#)
                let address = try #require(ready.text.firstMatch(of: /127\.0\.0\.1:[0-9]+/)).output
                let alice = try await ItoProgram.run(
                    [
                        "call", "sip:bob@\(address)", "--as", "sip:alice@127.0.0.1", "--play", "tone:440",
                        "--record-call", peers.folder.file("alice.wav"), "--duration", "2s",
                    ], in: peers)
                #expect(alice.exit == .code(0))
                #expect(alice.complaints == "")
                #expect(try await bob.exit() == .code(0))
                for (file, heard, said) in [("alice.wav", 1000.0, 440.0), ("bob.opus", 440.0, 1000.0)] {
                    let channels = try await decode(peers.folder.file(file), in: peers)
                    #expect((24_000...48_000).contains(channels[0].count), "\(file)")
                    #expect(strength(heard, in: channels[0]) > 20 * strength(said, in: channels[0]), "\(file)")
                    #expect(strength(said, in: channels[1]) > 20 * strength(heard, in: channels[1]), "\(file)")
                }
            }
        }

        @Test(arguments: [("call.mp3", PeerExit.code(2)), ("absent/call.wav", PeerExit.code(3))])
        func aFileThatCannotBeRecordedIsRefused(_ name: String, _ exit: PeerExit) async throws {
            try await withPeers { peers in
                let call = try await ItoProgram.run(
                    [
                        "call", "sip:bob@127.0.0.1:9", "--as", "sip:alice@127.0.0.1", "--record-call",
                        peers.folder.file(name),
                    ], in: peers)
                #expect(call.exit == exit)
                #expect(call.complaints.contains("--record-call"))
                #expect(call.complaints.contains(name))
            }
        }
    }
}
