import Glibc
import TestKit
import Testing

extension Interop {
    /// Calls that the server ends by itself, since their media is over.
    @Suite struct MediaEndTests {
        private func options(_ further: String) -> LoopbackServer.Options {
            LoopbackServer.Options(
                authenticates: false,
                configuration: "domains:\n  - name: localhost\n    media: anchor\n\(further)")
        }

        private let impatience = "media:\n  silence: 10s"

        /// Waits until the server has counted all that.
        private func counts(_ counted: [String], by server: LoopbackServer, in peers: Peers) async throws {
            let deadline = ContinuousClock.now + .seconds(40)
            while true {
                let stats = try await ItoProgram.run(["stats", "--json", "--data", server.data], in: peers).output
                    .joined()
                if counted.allSatisfy(stats.contains) { return }
                guard ContinuousClock.now < deadline else {
                    throw PeerError(.timedOut, "the server did not count \(counted): \(stats)")
                }
            }
        }

        /// A SIPp that waits for what comes longer than others.
        private func patient(_ scenario: String, remote: String? = nil) -> SIPpOptions {
            var options = SIPpOptions(.named(scenario), remote: remote)
            options.domain = LoopbackServer.domain
            options.service = "bob"
            options.receiveLimit = .seconds(40)
            options.callLength = .seconds(remote == nil ? 0 : 60)
            options.tracesMessages = true
            return options
        }

        /// One that is called as bob.
        private func callee(_ scenario: String, of server: LoopbackServer, in peers: Peers) async throws -> SIPpPeer {
            let callee = try await SIPpPeer.start(patient(scenario), in: peers)
            var registration = SIPpOptions.registration(
                of: "bob", contact: "sip:bob@\(callee.hostPort)", at: server.hostPort)
            registration.domain = LoopbackServer.domain
            try await SIPpPeer.start(registration, in: peers).succeeded()
            return callee
        }

        /// Neither sends any media, and one is gone: the other hears why the call is over, in the name of the one who is gone.
        @Test func theSurvivorOfASilentCallIsHungUp() async throws {
            try await withServer(options(impatience)) { server, peers in
                let bob = try await callee("uas", of: server, in: peers)
                let alice = try await SIPpPeer.start(patient("uac", remote: server.hostPort), in: peers)
                try await counts([#""acks":1"#], by: server, in: peers)
                alice.process.signal(SIGKILL)
                try await bob.succeeded()
                let bye = try #require(bob.received.last { $0.startLine.hasPrefix("BYE ") })
                let ack = try #require(bob.received.last { $0.startLine.hasPrefix("ACK ") })
                #expect(bye.values("Reason") == ["SIP;cause=408;text=\"Media time-out\""])
                for name in ["From", "To", "Call-ID"] { #expect(bye.values(name) == ack.values(name)) }
                #expect(bye.values("CSeq") == ["2 BYE"])
                try await counts(
                    [#""silent":1"#, #""ended":1"#, #""calls":0"#, #""relayed":1"#], by: server, in: peers)
            }
        }

        /// Two phones that have spoken: one is killed, the other falls silent.
        @Test func aPhoneThatFallsSilentIsHungUp() async throws {
            try await withServer(options(impatience)) { server, peers in
                let clips = try await SpokenClips(in: peers)
                let alice = try await server.baresip("alice", password: "string", speech: clips.garden, in: peers)
                let bob = try await server.baresip("bob", password: "tin can", speech: clips.river, in: peers)
                try await alice.dial("sip:bob@localhost")
                try await alice.event(.mediaReceived)
                try await bob.event(.mediaReceived)
                let calls = try await ItoProgram.run(["calls", "--data", server.data], in: peers).output
                for side in ["caller", "callee"] {
                    let end = "stream 0 \(side)  127.0.0.1:"
                    #expect(calls.contains { $0.contains(end) && $0.contains("  received ") })
                }
                alice.process.signal(SIGSTOP)
                bob.process.signal(SIGKILL)
                try await counts([#""ended":1"#], by: server, in: peers)
                // The BYE waits where it has arrived, or comes again.
                alice.process.signal(SIGCONT)
                try await alice.event(.closed)
                try await counts([#""silent":1"#, #""calls":0"#], by: server, in: peers)
                let told = try await server.process.line(containing: "a relayed call is over").text
                #expect(told.contains(" by=silence") && told.contains(" 0.caller.received="))
                let left = try await ItoProgram.run(["calls", "--json", "--data", server.data], in: peers).output
                #expect(left.isEmpty)
            }
        }

        /// One of the ends has promised a handshake and does not begin it: after 20 s there will be no keys.
        @Test func aCallWithoutKeysIsEnded() async throws {
            try await withServer(options("    media-encryption: dtls")) { server, peers in
                let bob = try await callee("uas_no_handshake", of: server, in: peers)
                let alice = try await SIPpPeer.start(patient("uac_is_hung_up", remote: server.hostPort), in: peers)
                try await bob.succeeded()
                try await alice.succeeded()
                for end in [alice, bob] {
                    let bye = try #require(end.received.last { $0.startLine.hasPrefix("BYE ") })
                    #expect(bye.values("Reason") == ["SIP;cause=488;text=\"Media encryption failed\""])
                }
                try await counts(
                    [#""silent":0"#, #""ended":1"#, #""calls":0"#, #""insecure":1"#], by: server, in: peers)
            }
        }
    }
}
