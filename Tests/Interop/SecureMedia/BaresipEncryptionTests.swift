import TestKit
import Testing

extension Interop {
    /// Speech through encrypted calls with baresip, judged by what each side heard: by keys in the description and by a handshake.
    @Suite struct BaresipEncryptionTests {
        /// A way to encrypt as each side names it.
        struct Case: Sendable, CustomTestStringConvertible {
            /// The module of baresip.
            let module: String
            /// What baresip does with it.
            let encryption: String
            let mode: String
            let exchange: String
            /// The transport that baresip offers.
            let transport: String

            var testDescription: String { encryption }

            static let all = [
                Case(module: "srtp", encryption: "srtp", mode: "offer", exchange: "sdes", transport: "RTP/AVP"),
                Case(module: "srtp", encryption: "srtp-mand", mode: "require", exchange: "sdes", transport: "RTP/SAVP"),
                Case(
                    module: "dtls_srtp", encryption: "dtls_srtp", mode: "require", exchange: "dtls",
                    transport: "UDP/TLS/RTP/SAVP"),
            ]

            var arguments: [String] { ["--encrypt", mode, "--key-exchange", exchange] }
        }

        private func baresip(
            _ encryption: Case?, _ server: LoopbackServer, _ clip: String, in peers: Peers
        ) async throws -> BaresipPeer {
            try await server.baresip(
                "alice", password: "string", speech: clip, encryption: encryption.map { ($0.module, $0.encryption) },
                in: peers)
        }

        @Test(arguments: Case.all) func baresipCalls(_ encryption: Case) async throws {
            try await withServer(.init(passwords: ["alice": "string", "bob": "tin can"])) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let bob = try await server.answering(
                    "bob", password: "tin can",
                    ["--play", clips.river, "--record", heard, "--count", "1"] + encryption.arguments, in: peers)
                let alice = try await baresip(encryption, server, clips.garden, in: peers)
                try await alice.dial("sip:bob@\(LoopbackServer.domain)")
                try await alice.event(.established)
                try await alice.event(.closed)
                try await bob.line(containing: #""encryption":"A"#)
                #expect(try await bob.exit() == .code(0))
                try await expectHeard(clips.garden, in: heard, by: "ito", peers)
                try await expectHeard(clips.river, in: #require(alice.heard.first), by: "baresip", peers)
            }
        }

        @Test(arguments: Case.all) func baresipIsCalled(_ encryption: Case) async throws {
            try await withServer(.init(passwords: ["alice": "string", "bob": "tin can"])) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let heard = peers.folder.file("heard-by-bob.wav")
                let alice = try await baresip(encryption, server, clips.garden, in: peers)
                let bob = try server.calling(
                    "alice", as: "bob", password: "tin can",
                    ["--play", clips.river, "--record", heard] + encryption.arguments, in: peers)
                try await alice.event(.established)
                try await alice.event(.closed)
                try await bob.line(containing: #""encryption":"A"#)
                #expect(try await bob.exit() == .code(0))
                try await expectHeard(clips.garden, in: heard, by: "ito", peers)
                try await expectHeard(clips.river, in: #require(alice.heard.first), by: "baresip", peers)
            }
        }

        /// A baresip that does not encrypt, and a phone of ours that demands it: there is no call, either way.
        @Test func noCallInTheClear() async throws {
            try await withServer(.init(passwords: ["alice": "string", "bob": "tin can"])) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let alice = try await baresip(nil, server, clips.garden, in: peers)
                let bob = try server.calling(
                    "alice", as: "bob", password: "tin can", ["--encrypt", "require"], in: peers)
                try await bob.line(containing: #""status":488"#)
                #expect(try await bob.exit() == .code(1))
                _ = try await server.answering("bob", password: "tin can", ["--encrypt", "require"], in: peers)
                let before = alice.events.last
                try await alice.dial("sip:bob@\(LoopbackServer.domain)")
                let closed = try await alice.event(.closed, after: before)
                #expect(closed.detail.hasPrefix("488"))
            }
        }
    }
}
