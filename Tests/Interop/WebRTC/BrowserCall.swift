import Foundation
import TestKit
import Testing

/// A call between `ito` and a WebRTC phone that no one here wrote, with speech both ways.
struct BrowserCall: Sendable, CustomTestStringConvertible {
    enum Codec: String, Sendable {
        case opus, pcmu

        /// The media type.
        var type: String { self == .opus ? "audio/opus" : "audio/PCMU" }
        /// What sentences are compared through.
        var law: SpeechClip.Companding? { self == .pcmu ? .pcmu : nil }
        /// The least PESQ score of half of the sentences. Of 62 that Chromium and aiortc sent or heard, the least was 4.42 with PCMU, which is compared with
        /// what comes out of it offline; with Opus, at the bit rate that each side chooses for itself, it was 3.89. A buffer that draws
        /// out a pause by 80 ms takes 0.4; words that are lost, cut or drawn out bring it below 3.3.
        var leastScore: Double { self == .pcmu ? 3.8 : 3.5 }
    }

    /// Who makes the offer.
    enum Offerer: String, Sendable { case browser, ito }

    var offerer: Offerer
    var codec: Codec
    /// The part of `ito` in ICE.
    var ice = "full"
    /// The part that the WebRTC phone insists on in the handshake when it answers.
    var setup: String?
    /// Further arguments of the WebRTC phone.
    var arguments: [String] = []
    var sentences = 2

    var testDescription: String {
        let parts = [
            "\(offerer.rawValue) offers", codec.rawValue, "ice \(ice)", setup.map { "setup \($0)" },
            "\(sentences) sentences",
        ]
        return (parts.compactMap { $0 } + arguments).joined(separator: ", ")
    }

    /// The part of the WebRTC phone in the handshake: an answerer's choice, which is the client where nothing else is said
    /// (RFC 5763 §5).
    var peerRole: String {
        switch offerer {
        case .browser: "server"
        case .ito: setup == "passive" ? "server" : "client"
        }
    }

    /// What a WebRTC phone says of its transport.
    private struct Report: Decodable {
        let dtlsRole: String
        let iceRole: String
        let codec: String?
        let lost: Int?
    }

    /// Makes the call and judges what both sides have heard; gives the lines of the WebRTC phone.
    ///
    /// - Parameters:
    ///   - script: the program of the WebRTC phone, in `Tests/Interop/Tools`.
    ///   - password: whether it wants one to register with.
    func run(_ script: String, password: Bool = false, in peers: Peers) async throws -> [String] {
        let domain = "example.test"
        let server = try await ItoServer.start(
            in: peers, ["--listen", "ws://127.0.0.1:0", "--no-auth"],
            configuration: "domains:\n  - name: \(domain)\n    media: direct")
        let ours = try await BrowserSpeech("ours", sentences: sentences, voice: "en+f3", in: peers)
        let theirs = try await BrowserSpeech("theirs", sentences: sentences, voice: "en", in: peers)
        let (heardHere, heardThere) = (peers.folder.file("heard-here.wav"), peers.folder.file("heard-there.wav"))

        var call = ["--as", "sip:bob@\(domain)", "--proxy", "sip:\(server.hostPort)", "--json"]
        call += ["--encrypt", "require", "--key-exchange", "dtls", "--ice", ice, "--codec", codec.rawValue]
        // A buffer that follows the jitter would shorten a word or two, for which the score is low.
        call += ["--play", ours.file, "--record", heardHere, "--playout", "120ms"]
        var line = [Repository.file("Tests/Interop/Tools/\(script)"), "ws://\(server.address("ws://"))", "alice"]
        line += (password ? ["secret"] : []) + [theirs.file, heardThere, "--domain", domain, "--codec", codec.type]
        line += (setup.map { ["--setup", $0] } ?? []) + arguments
        let python = try WebSocketPhone.python()

        let (phone, ito): (PeerProcess, PeerProcess)
        switch offerer {
        case .browser:
            ito = try peers.start(ItoProgram.command(["answer", "--count", "1"] + call), name: "ito answer")
            try await ito.line(containing: #""event":"ready""#)
            line += ["--call", "sip:bob@\(domain)"]
            phone = try peers.start(PeerCommand(python, line, package: "python3"), name: script)
        case .ito:
            phone = try peers.start(PeerCommand(python, line, package: "python3"), name: script)
            try await phone.line("that it is registered") { $0 == "registered" }
            ito = try peers.start(ItoProgram.command(["call", "sip:alice@\(domain)"] + call), name: "ito call")
        }
        try await phone.line("the connection") { $0 == "connected" }
        let limit = Duration.seconds(30 + 7 * sentences)
        let report = try await phone.line("its report", within: limit) { $0.hasPrefix("report ") }
        try await phone.line("the end of the call", within: limit) { $0.hasPrefix("ended") }
        #expect(try await ito.exit() == .code(0))

        let ended = try #require(ito.lines.last { !$0.isError }?.text)
        #expect(ended.contains(#""event":"ended""#) && ended.contains(#""by":"remote""#), "\(ended)")
        #expect(ended.lowercased().contains(#""codec":"\#(codec.rawValue)/"#), "\(ended)")
        #expect(ended.contains(#""encryption":"A"#) && ended.contains(#""lost":0"#), "\(ended)")
        let said = try JSONDecoder().decode(Report.self, from: Data(report.text.dropFirst(7).utf8))
        #expect(said.dtlsRole == peerRole)
        // Who offers controls, unless it only answers checks (RFC 8445 §6.1.1).
        #expect(said.iceRole == (offerer == .browser || ice == "lite" ? "controlling" : "controlled"))
        if let type = said.codec { #expect(type == codec.type) }
        #expect(said.lost ?? 0 == 0)
        try await theirs.expectHeard(in: heardHere, by: "ito", through: codec.law, least: codec.leastScore, peers)
        try await ours.expectHeard(in: heardThere, by: "browser", through: codec.law, least: codec.leastScore, peers)
        return phone.lines.map(\.text)
    }
}
