import Foundation
import Glibc
import Server
import TestKit
import Testing
import UserAgent

extension Interop {
    /// Phones in browsers, as a library that no one here wrote speaks WebSocket (RFC 7118).
    @Suite struct WebSocketTransportTests {
        static let users = ["alice": "secret", "bob": "secret"]

        private func withServer(
            _ arguments: [String] = [], environment: [String: String] = [:],
            _ body: (ItoServer, Peers, Certificates) async throws -> Void
        ) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers,
                    ["--listen", "ws://127.0.0.1:0", "--listen", "wss://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"]
                        + arguments,
                    users: Self.users, environment: try certificates.environment(environment))
                try await body(server, peers, certificates)
            }
        }

        /// Each way of transport, with messages whole and in fragments: Digest, a call ended by the caller, and one by the callee.
        @Test(arguments: [("ws", []), ("wss", []), ("ws", ["--fragments"])])
        func twoPhonesInBrowsersCall(scheme: String, arguments: [String]) async throws {
            try await withServer { server, peers, certificates in
                let url = "\(scheme)://\(server.address("\(scheme)://"))"
                let more = arguments + (scheme == "wss" ? ["--ca", certificates.authorityFile] : [])
                let bob = try await WebSocketPhone.registered("bob", at: url, more, in: peers)
                let alice = try await WebSocketPhone.registered(
                    "alice", at: url, more + ["--call", "sip:bob@example.test"], in: peers)
                try await alice.says("answered")
                try await bob.says("message ACK")
                try alice.hangUp()
                try await alice.says("ended 200")
                try await bob.says("ended")
                let counters = try server.statistics().connections
                #expect(counters["connected"] == 0)
                #expect(counters["accepted"] == 2)
            }
        }

        /// With phones over UDP, TCP and TLS, both ways: a message of WebSocket has no Content-Length, which those need.
        @Test(arguments: ["udp", "tcp", "tls"])
        func aPhoneInABrowserAndOthersCall(transport: String) async throws {
            try await withServer(["--listen", "tls://127.0.0.1:0"]) { server, peers, certificates in
                let url = "ws://\(server.address("ws://"))"
                let bob = try await Phone.start(
                    "bob", at: server.address("\(transport)://"), over: transport, trust: try certificates.trust)
                async let answered = bob.answered()
                let alice = try await WebSocketPhone.registered(
                    "alice", at: url, ["--call", "sip:bob@example.test"], in: peers)
                let call = try await answered
                try await alice.says("answered")
                let invite = try #require(bob.last("INVITE "))
                #expect(invite.values("Via").last?.hasPrefix("SIP/2.0/WS ") == true)
                #expect(
                    invite.values("Record-Route").last?.hasSuffix("\(server.address("ws://"));transport=ws;lr>") == true
                )
                #expect(invite.values("Content-Length").count == (transport == "udp" ? 0 : 1))
                try alice.hangUp()
                try await alice.says("ended 200")
                #expect(await call.ended().side == .remote)
                // The other way: alice is reached by her connection, and no other way leads to `.invalid`.
                let back = try await bob.agent.call("sip:alice@example.test")
                try await alice.says("message ACK")
                await back.hangUp()
                try await alice.says("ended")
                #expect(try server.statistics().connections["connected"] == 0)
                await bob.agent.shutDown()
            }
        }

        /// RFC 5630 over WSS (RFC 7118 §5.3, §5.4): a phone in a browser that is bound by SIPS, and one over TLS, both ways.
        @Test func aSecuredPhoneInABrowserAndAnotherCall() async throws {
            try await withServer(["--listen", "tls://127.0.0.1:0"]) { server, peers, certificates in
                let url = "wss://\(server.address("wss://"))"
                let bob = try await Phone.start(
                    "bob", at: server.address("tls://"), over: "sips", trust: try certificates.trust)
                async let answered = bob.answered()
                let alice = try await WebSocketPhone.registered(
                    "alice", at: url,
                    ["--ca", certificates.authorityFile, "--sips", "--call", "sips:bob@example.test"],
                    in: peers)
                let call = try await answered
                try await alice.says("answered")
                let invite = try #require(bob.last("INVITE "))
                #expect(invite.startLine.hasPrefix("INVITE sips:"))
                #expect(invite.values("Via").last?.hasPrefix("SIP/2.0/WSS ") == true)
                #expect(invite.values("Record-Route").allSatisfy { $0.hasPrefix("<sips:") })
                #expect(invite.values("Contact").first?.hasPrefix("<sips:alice@") == true)
                try alice.hangUp()
                try await alice.says("ended 200")
                #expect(await call.ended().side == .remote)
                let back = try await bob.agent.call("sips:alice@example.test")
                try await alice.says("message ACK")
                await back.hangUp()
                try await alice.says("ended")
                await bob.agent.shutDown()
            }
        }

        /// What is bound by SIPS is reached by a SIPS URI, what is bound by SIP is not, and WebSocket without TLS carries no SIPS.
        @Test func onlySecuredPhonesTakePart() async throws {
            try await withServer { server, peers, certificates in
                let plain = try WebSocketPhone.start(
                    "bob", at: "ws://\(server.address("ws://"))", ["--sips"], in: peers)
                try await plain.says("not registered 400")
                let url = "wss://\(server.address("wss://"))"
                let trust = ["--ca", certificates.authorityFile]
                _ = try await WebSocketPhone.registered("bob", at: url, trust, in: peers)
                let alice = try await WebSocketPhone.registered(
                    "alice", at: url, trust + ["--sips", "--call", "sips:bob@example.test"], in: peers)
                try await alice.says("rejected 480")
            }
        }

        /// RFC 6455 §10.2, and a list that is changed at SIGHUP.
        @Test func onlyPagesOfWelcomeOrigins() async throws {
            try await withPeers { peers in
                let file = try peers.folder.write("websocket: {origins: [\"https://phone.test\"]}\n", to: "ito.yaml")
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "ws://127.0.0.1:0", "--config", file], users: Self.users)
                let url = "ws://\(server.address("ws://"))"
                _ = try await WebSocketPhone.registered(
                    "alice", at: url, ["--origin", "https://phone.test"], in: peers)
                _ = try await WebSocketPhone.registered("bob", at: url, in: peers)
                let stranger = try WebSocketPhone.start(
                    "alice", at: url, ["--origin", "https://other.test"], in: peers)
                try await stranger.says("refused 403")
                try peers.folder.write("websocket: {origins: [\"https://other.test\"]}\n", to: "ito.yaml")
                server.process.signal(SIGHUP)
                try await server.process.line(containing: "changed: websocket.origins")
                _ = try await WebSocketPhone.registered(
                    "alice", at: url, ["--origin", "https://other.test"], in: peers)
            }
        }

        /// A server that stops says so (code 1001), and does so in time.
        @Test func aServerThatStopsSaysSo() async throws {
            try await withServer { server, peers, certificates in
                let alice = try await WebSocketPhone.registered(
                    "alice", at: "wss://\(server.address("wss://"))", ["--ca", certificates.authorityFile], in: peers)
                server.process.signal(SIGTERM)
                #expect(try await server.process.exit(within: .seconds(5)) == .code(0))
                try await alice.says("closed 1001")
            }
        }
    }
}
