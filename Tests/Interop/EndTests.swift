import Glibc
import TestKit
import Testing

extension Interop {
    /// The end of a server: an orderly one, and one without warning.
    @Suite struct EndTests {
        /// `product.md`'s promise and `cli.md`'s: SIGTERM ends calls and stops within 5 s.
        static let limit = Duration.seconds(5)

        @Test func sigtermEndsACallWithEcho() async throws {
            try await withServer(.init(passwords: ["alice": "string"])) { server, peers in
                let clip = try await SpeechClip.garden.write("garden.wav", in: peers)
                let alice = try await server.baresip("alice", password: "string", speech: clip, in: peers)
                try await alice.dial("sip:echo@localhost")
                try await alice.event(.established)
                try await alice.event(.mediaReceived)
                server.process.signal(SIGTERM)
                // The BYE of the server, before the clip is over and baresip hangs up of itself.
                let end = try await alice.event(.closed, within: Self.limit)
                #expect(end.detail.contains("Connection reset by peer"))
                #expect(try await server.process.exit(within: Self.limit) == .code(0))
            }
        }

        /// Several calls on all lanes, to phones that would talk on: each hears BYE and says that it was the other side's.
        @Test func sigtermEndsAllCalls() async throws {
            try await withServer { server, peers in
                var phones: [PeerProcess] = []
                for number in ["echo", "tone", "echo"] {
                    let arguments = ["call", "sip:\(number)@\(server.hostPort)", "--json"]
                    phones.append(try peers.start(ItoProgram.command(arguments), name: "ito call \(phones.count)"))
                }
                for phone in phones { try await phone.line(containing: #""event":"answered""#) }
                server.process.signal(SIGTERM)
                #expect(try await server.process.exit(within: Self.limit) == .code(0))
                for phone in phones {
                    #expect(try await phone.exit() == .code(0))
                    let last = try #require(phone.lines.last { !$0.isError }?.text)
                    #expect(last.contains(#""by":"remote""#) && last.contains(#""event":"ended""#))
                }
            }
        }

        @Test func sigtermEndsAnIdleServer() async throws {
            try await withServer(.init(authenticates: false)) { server, _ in
                server.process.signal(SIGTERM)
                let exit = try await server.process.exit(within: Self.limit)
                #expect(exit == .code(0))
            }
        }

        /// What is committed, half a second after the answer at the latest (`store.commit-interval`), is there
        /// after a crash.
        @Test func aBindingOutlivesAKilledServer() async throws {
            var options = LoopbackServer.Options(authenticates: false)
            try await withPeers { peers in
                let first = try await LoopbackServer.start(options, in: peers)
                let bob = try await first.contact("uas", in: peers)
                try await first.allIsCommitted(in: peers)
                first.process.signal(SIGKILL)
                #expect(try await first.process.exit() == .signal(SIGKILL))
                options.port = first.port
                let second = try await LoopbackServer.start(options, in: peers)
                try await second.caller("uac", in: peers).succeeded()
                try await bob.succeeded()
            }
        }

        /// An orderly end leaves nothing uncommitted, however young.
        @Test func aBindingOutlivesAStoppedServer() async throws {
            var options = LoopbackServer.Options(authenticates: false)
            try await withPeers { peers in
                let first = try await LoopbackServer.start(options, in: peers)
                let bob = try await first.contact("uas", in: peers)
                first.process.signal(SIGTERM)
                #expect(try await first.process.exit() == .code(0))
                options.port = first.port
                let second = try await LoopbackServer.start(options, in: peers)
                try await second.caller("uac", in: peers).succeeded()
                try await bob.succeeded()
            }
        }
    }
}
