import Foundation
import TestKit
import Testing

extension Interop {
    /// Calls of a page in headless Chromium whose media goes through the relay of the server.
    @Suite(.enabled(if: hasChromium, "chromium is not installed: script/setup --tests installs it where apt has it"))
    struct RelayedBrowserTests {
        private static let domain = "example.test"

        /// The least PESQ score of half of the sentences: words that are lost or cut bring it below.
        private static let leastScore = 3.3

        /// What a page says of its transport at the end.
        private struct Report: Decodable {
            let codec: String?
            let lost: Int?
            let received: Int?
            let frames: Int?
            let transports: Int
            let port: UInt16?
        }

        private func server(_ media: String, _ encryption: String, in peers: Peers) async throws -> ItoServer {
            try await ItoServer.start(
                in: peers, ["--listen", "ws://127.0.0.1:0", "--no-auth"],
                configuration: """
                    domains:
                      - name: \(Self.domain)
                        media: \(media)
                        media-encryption: \(encryption)
                    """)
        }

        private func page(
            _ user: String, says speech: BrowserSpeech, at server: ItoServer, _ arguments: [String], in peers: Peers
        ) throws -> (process: PeerProcess, heard: String) {
            let heard = peers.folder.file("heard-by-\(user).wav")
            let line =
                [Repository.file("Tests/Interop/Tools/chromium_phone.py"), "ws://\(server.address("ws://"))", user]
                + [speech.file, heard, "--domain", Self.domain] + arguments
            let process = try peers.start(
                PeerCommand(try WebSocketPhone.python(), line, package: "python3"), name: "page (\(user))")
            return (process, heard)
        }

        /// A baresip that knows neither ICE nor encryption, and speaks for long enough that the page hangs up first.
        private func phone(
            says speech: BrowserSpeech, _ codec: BrowserCall.Codec, at server: ItoServer, in peers: Peers
        ) async throws -> BaresipPeer {
            let long = peers.folder.file("long.wav")
            try await peers.run(PeerCommand("sox", ["-D", speech.file, long, "pad", "3", "20"], package: "sox"))
            var options = BaresipOptions(user: "bob")
            options.domain = Self.domain
            options.proxy = server.hostPort
            options.speech = long
            options.codecs = [codec == .opus ? "opus/48000/2" : "PCMU"]
            options.codecModules = [codec == .opus ? "opus" : "g711"]
            let phone = try await BaresipPeer.start(options, in: peers)
            try await phone.registered()
            return phone
        }

        private func report(of page: PeerProcess) async throws -> Report {
            let line = try await page.line("its report", within: .seconds(60)) { $0.hasPrefix("report ") }
            try await page.line("the end of the call", within: .seconds(60)) { $0.hasPrefix("ended") }
            return try JSONDecoder().decode(Report.self, from: Data(line.text.dropFirst(7).utf8))
        }

        private func expectRelayed(_ server: ItoServer, in peers: Peers) async throws {
            let stats = try await ItoProgram.run(["stats", "--json", "--data", server.data], in: peers).output
            #expect(stats.contains { $0.contains(#""relayed":1"#) && $0.contains(#""insecure":0"#) }, "\(stats)")
        }

        /// Speech between a page and a phone that knows RTP in the clear and nothing else; the page does some things before it speaks.
        private func speech(
            _ codec: BrowserCall.Codec, pageCalls: Bool, steps: [String] = [], _ further: [String] = [], in peers: Peers
        ) async throws {
            let server = try await server("auto", "auto", in: peers)
            let theirs = try await BrowserSpeech("theirs", sentences: 2, voice: "en", in: peers)
            let ours = try await BrowserSpeech("ours", sentences: 1, voice: "en+f3", in: peers)
            let bob = try await phone(says: ours, codec, at: server, in: peers)
            let arguments = ["--codec", codec.type] + steps.flatMap { ["--do", $0] } + further
            let call = pageCalls ? ["--call", "sip:bob@\(Self.domain)"] : []
            let alice = try page("alice", says: theirs, at: server, arguments + call, in: peers)
            if !pageCalls {
                try await alice.process.line("that it is registered") { $0 == "registered" }
                try await bob.dial("sip:alice@\(Self.domain)")
            }
            try await alice.process.line("the connection") { $0 == "connected" }
            for step in steps {
                let direction = step == "hold" ? "sendonly" : "sendrecv"
                try await alice.process.line("that it did \(step)") { $0 == "did \(step) \(direction)" }
            }
            let report = try await report(of: alice.process)
            try await bob.event(.closed)
            #expect(report.codec == codec.type && report.lost == 0)
            // Where the page sends is a port of the relay.
            #expect((16_384...32_767).contains(report.port ?? 0))
            try await expectRelayed(server, in: peers)
            let narrow = peers.folder.file("narrow.wav")
            let recorded = try #require(bob.heard.first)
            try await peers.run(
                PeerCommand("sox", ["-D", recorded, "-r", "8000", "-c", "1", "-b", "16", narrow], package: "sox"))
            try await expectHeard(ours, in: alice.heard, by: "page", codec.law, peers)
            try await expectHeard(theirs, in: narrow, by: "baresip", codec.law, peers)
        }

        private func expectHeard(
            _ speech: BrowserSpeech, in recording: String, by listener: String, _ law: SpeechClip.Companding?,
            _ peers: Peers
        ) async throws {
            try await speech.expectHeard(in: recording, by: listener, through: law, least: Self.leastScore, peers)
        }

        @Test(arguments: [(BrowserCall.Codec.pcmu, true), (.opus, true), (.pcmu, false), (.opus, false)])
        func aPageAndAPlainPhone(codec: BrowserCall.Codec, pageCalls: Bool) async throws {
            try await withPeers { peers in try await speech(codec, pageCalls: pageCalls, in: peers) }
        }

        /// A page that sends pictures, too, by the transport of its sound alone, and a phone that has no use for them.
        @Test func aPageWithPicturesAndAPhoneWithout() async throws {
            try await withPeers { peers in
                try await speech(.opus, pageCalls: true, ["--video", "--bundle", "max-bundle"], in: peers)
            }
        }

        /// The page begins ICE anew by an offer in the call, and is heard as before.
        @Test func restartOfICE() async throws {
            try await withPeers { peers in
                try await speech(.pcmu, pageCalls: true, steps: ["restart"], in: peers)
            }
        }

        /// The page holds, takes the call up again, and begins ICE anew, each by an offer of its own. Not with baresip 1.0, which writes
        /// nothing down any more of a call that was held.
        @Test func holdAndResume() async throws {
            try await withPeers { peers in
                let server = try await server("auto", "auto", in: peers)
                let theirs = try await BrowserSpeech("theirs", sentences: 2, voice: "en", in: peers)
                let ours = try await BrowserSpeech("ours", sentences: 1, voice: "en+f3", in: peers)
                let long = peers.folder.file("long.wav")
                try await peers.run(PeerCommand("sox", ["-D", ours.file, long, "pad", "3", "20"], package: "sox"))
                let heard = peers.folder.file("heard-by-bob.wav")
                var line = ["answer", "--count", "1", "--as", "sip:bob@\(Self.domain)", "--proxy"]
                line += ["sip:\(server.hostPort)", "--json", "--codec", "pcmu", "--play", long, "--record", heard]
                line += ["--playout", "120ms"]
                let bob = try peers.start(ItoProgram.command(line), name: "ito answer")
                try await bob.line(containing: #""event":"ready""#)
                let steps = ["hold", "resume", "restart"]
                let alice = try page(
                    "alice", says: theirs, at: server,
                    ["--codec", "audio/PCMU", "--call", "sip:bob@\(Self.domain)"] + steps.flatMap { ["--do", $0] },
                    in: peers)
                for (step, direction) in zip(steps, ["sendonly", "sendrecv", "sendrecv"]) {
                    try await alice.process.line("that it did \(step)", within: .seconds(60)) {
                        $0 == "did \(step) \(direction)"
                    }
                }
                let report = try await report(of: alice.process)
                #expect(report.lost == 0)
                #expect(try await bob.exit() == .code(0))
                try await expectRelayed(server, in: peers)
                try await expectHeard(ours, in: alice.heard, by: "page", .pcmu, peers)
                try await expectHeard(theirs, in: heard, by: "ito", .pcmu, peers)
            }
        }

        /// Sound and pictures between two pages, each of which is at the relay's ends alone.
        @Test(arguments: [("balanced", "pass"), ("max-bundle", "pass"), ("max-bundle", "dtls")])
        func twoPages(bundle: String, encryption: String) async throws {
            try await withPeers { peers in
                let server = try await server("anchor", encryption, in: peers)
                let theirs = try await BrowserSpeech("theirs", sentences: 2, voice: "en", in: peers)
                let ours = try await BrowserSpeech("ours", sentences: 1, voice: "en+f3", in: peers)
                // He would hang up when he has said it.
                let long = peers.folder.file("long.wav")
                try await peers.run(PeerCommand("sox", ["-D", ours.file, long, "pad", "3", "20"], package: "sox"))
                let bob = try page(
                    "bob", says: BrowserSpeech(file: long, sentences: ours.sentences), at: server,
                    ["--video", "--bundle", bundle], in: peers)
                try await bob.process.line("that it is registered") { $0 == "registered" }
                let alice = try page(
                    "alice", says: theirs, at: server,
                    ["--video", "--bundle", bundle, "--call", "sip:bob@\(Self.domain)"], in: peers)
                try await alice.process.line("the connection") { $0 == "connected" }
                let (one, other) = (try await report(of: alice.process), try await report(of: bob.process))
                for report in [one, other] {
                    #expect(report.frames ?? 0 > 50, "\(report)")
                    #expect((16_384...32_767).contains(report.port ?? 0))
                    #expect(report.transports == 1, "\(report)")
                }
                // They are told apart behind one port.
                #expect(one.port == other.port)
                try await expectRelayed(server, in: peers)
                try await expectHeard(ours, in: alice.heard, by: "alice", nil, peers)
                try await expectHeard(theirs, in: bob.heard, by: "bob", nil, peers)
            }
        }
    }
}
