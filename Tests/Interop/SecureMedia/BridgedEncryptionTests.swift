import TestKit
import Testing

extension Interop {
    /// Speech between phones that encrypt in different ways, or not at all, through the server, which secures each leg by itself.
    @Suite struct BridgedEncryptionTests {
        /// What a baresip does: one that encrypts neither offers nor takes media in the clear.
        enum Phone: String, Sendable {
            case plain, sdes, dtls

            var encryption: (module: String, name: String)? {
                switch self {
                case .plain: nil
                case .sdes: ("srtp", "srtp-mand")
                case .dtls: ("dtls_srtp", "dtls_srtp")
                }
            }
        }

        private func users(_ encryption: String) -> LoopbackServer.Options {
            LoopbackServer.Options(
                passwords: ["alice": "string", "bob": "tin can"],
                configuration: "domains:\n  - name: localhost\n    media: anchor\n    media-encryption: \(encryption)")
        }

        @Test(arguments: [
            (Phone.plain, "sdes", Phone.sdes), (.plain, "dtls", .dtls), (.sdes, "off", .plain), (.dtls, "off", .plain),
            (.dtls, "sdes", .sdes), (.sdes, "dtls", .dtls),
        ])
        func twoBaresipsSpeak(caller: Phone, encryption: String, callee: Phone) async throws {
            try await withServer(users(encryption)) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let alice = try await server.baresip(
                    "alice", password: "string", speech: clips.garden, encryption: caller.encryption, in: peers)
                let bob = try await server.baresip(
                    "bob", password: "tin can", speech: clips.river, encryption: callee.encryption, in: peers)
                try await alice.dial("sip:bob@localhost")
                try await bob.event(.established)
                // The first that comes to the end of its clip hangs up.
                try await alice.event(.closed)
                try await bob.event(.closed)
                try await expectHeard(clips.garden, in: #require(bob.heard.first), by: "baresip-bob", peers)
                try await expectHeard(clips.river, in: #require(alice.heard.first), by: "baresip-alice", peers)
                let stats = try await ItoProgram.run(["stats", "--json", "--data", server.data], in: peers).output
                #expect(stats.contains { $0.contains(#""relayed":1"#) && $0.contains(#""insecure":0"#) })
            }
        }

        /// Where keys are offered, a phone that would encrypt does so, and one that does not is spoken to in the clear.
        @Test(arguments: [true, false]) func keysAreOffered(isWilling: Bool) async throws {
            try await withServer(users("offer")) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let alice = try await server.baresip("alice", password: "string", speech: clips.garden, in: peers)
                let bob = try await server.answering(
                    "bob", password: "tin can",
                    ["--play", clips.river, "--record", heard, "--encrypt", isWilling ? "offer" : "off"], in: peers)
                try await alice.dial("sip:bob@localhost")
                try await alice.event(.closed)
                let ended = try await bob.line(containing: #""event":"ended""#).text
                #expect(ended.contains(#""encryption":"A"#) == isWilling, "\(ended)")
                try await expectHeard(clips.garden, in: heard, by: "ito", peers)
                try await expectHeard(clips.river, in: #require(alice.heard.first), by: "baresip", peers)
            }
        }

        /// A phone of ours that demands encryption calls one that knows none.
        @Test(arguments: ["sdes", "dtls"])
        func itoDemandsEncryption(exchange: String) async throws {
            try await withServer(users("off")) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let alice = try await server.baresip("alice", password: "string", speech: clips.garden, in: peers)
                let bob = try server.calling(
                    "alice", as: "bob", password: "tin can",
                    ["--play", clips.river, "--record", heard, "--encrypt", "require", "--key-exchange", exchange],
                    in: peers)
                try await alice.event(.established)
                try await alice.event(.closed)
                try await bob.line(containing: #""encryption":"A"#)
                #expect(try await bob.exit() == .code(0))
                try await expectHeard(clips.garden, in: heard, by: "ito", peers)
                try await expectHeard(clips.river, in: #require(alice.heard.first), by: "baresip", peers)
            }
        }

        /// Where the domain demands encryption of its phones there is no call with one that knows none.
        @Test(arguments: ["sdes", "dtls"])
        func noCallInTheClear(encryption: String) async throws {
            try await withServer(users(encryption)) { server, peers in
                let clips = try await SpokenClips(in: peers)
                _ = try await server.baresip("alice", password: "string", speech: clips.garden, in: peers)
                let bob = try server.calling("alice", as: "bob", password: "tin can", [], in: peers)
                try await bob.line(containing: #""status":488"#)
                #expect(try await bob.exit() == .code(1))
            }
        }
    }
}
