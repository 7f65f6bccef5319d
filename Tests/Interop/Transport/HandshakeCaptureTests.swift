import Server
import TestKit
import Testing

extension Interop {
    /// What goes over the wire before a call, as Wireshark reads it.
    @Suite struct HandshakeCaptureTests {
        /// The number of the group X25519MLKEM768 (0x11EC).
        private static let hybrid = "4588"

        /// Our phone offers the hybrid group first, with a share of its own, and our server takes it; a program without it
        /// gets X25519.
        @Test func theHybridGroupIsOfferedFirstAndTaken() async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, ["--no-auth", "--listen", "tls://127.0.0.1:0"],
                    environment: try certificates.environment())
                let address = server.address("tls://")
                let port = address.split(separator: ":").last.map(String.init) ?? ""
                let capture = try peers.start(
                    PeerCommand(
                        "tshark",
                        [
                            "-i", "lo", "-f", "tcp port \(port)", "-d", "tcp.port==\(port),tls", "-l", "-n", "-T",
                            "fields",
                            "-e", "tls.handshake.type", "-e", "tls.handshake.extensions_supported_group",
                            "-e", "tls.handshake.extensions_key_share_group", "-Y",
                            "tls.handshake.type == 1 or tls.handshake.type == 2",
                        ], package: "tshark"), name: "tshark")
                try await capture.line(containing: "Capturing on")
                // The capture has begun when the first handshake is seen: hello after hello until then.
                var seen: [String] = []
                let deadline = ContinuousClock.now + PeerProcess.patience
                while seen.count < 2, ContinuousClock.now < deadline {
                    let outcome = try await ItoProgram.run(
                        [
                            "register", "sip:alice@example.test", "--once", "--proxy", "sip:\(address);transport=tls",
                            "--ca-file", certificates.authorityFile,
                        ], in: peers)
                    #expect(outcome.exit == .code(0))
                    seen = capture.lines.filter { !$0.isError && $0.text.contains("\t") }.map(\.text)
                }
                guard seen.count >= 2 else {
                    throw PeerError(
                        .timedOut, "the capture shows no handshake",
                        transcript: capture.transcript())
                }
                let client = try #require(seen.first { $0.hasPrefix("1\t") }).split(separator: "\t")
                #expect(client[1].split(separator: ",").map { Self.number($0) }.prefix(2) == [0x11EC, 0x1D])
                #expect(client[2].split(separator: ",").first.map(String.init) == Self.hybrid)
                let chosen = try #require(seen.first { $0.hasPrefix("2\t") })
                #expect(chosen.hasSuffix("\t\(Self.hybrid)"))
            }
        }

        /// A number as Wireshark writes it, hexadecimal or decimal.
        private static func number(_ text: Substring) -> Int? {
            text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
        }
    }
}
