import Glibc
import TestKit
import Testing

extension Interop {
    /// SIGHUP: the configuration is read again while the server runs.
    @Suite struct ReloadTests {
        /// A server with a configuration file of its own.
        private struct Configured {
            let process: PeerProcess
            let hostPort: String
            let data: String
            let peers: Peers

            /// Writes the file anew, sends SIGHUP, and waits for what the log says of it.
            @discardableResult
            func reload(_ text: String, until line: String, after earlier: PeerLine? = nil) async throws -> PeerLine {
                try peers.folder.write(text, to: "ito.yaml")
                process.signal(SIGHUP)
                return try await process.line(containing: line, after: earlier)
            }

            func register(_ user: String, _ password: String) async throws -> ItoProgram.Outcome {
                try await ItoProgram.run(
                    ["register", "sip:\(user)", "--proxy", "sip:\(hostPort)", "--once"], password: password, in: peers)
            }

            func addUser(_ user: String, _ password: String) async throws -> ItoProgram.Outcome {
                try await ItoProgram.run(["user", "add", user, "--data", data], password: password, in: peers)
            }
        }

        private func withConfigured(_ body: (Configured, String) async throws -> Void) async throws {
            try await withPeers { peers in
                let reservation = try PortReservation()
                let port = reservation.port
                let listeners = "listeners: [\"udp://127.0.0.1:\(port)\"]\n"
                let file = try peers.folder.write("domains: [localhost]\n" + listeners, to: "ito.yaml")
                let data = peers.folder.file("data")
                reservation.release()
                let process = try peers.start(
                    ItoProgram.command(["serve", "--config", file, "--data", data]), name: "ito serve")
                try await process.line(containing: "ready udp://127.0.0.1:\(port)")
                try await body(
                    Configured(process: process, hostPort: "127.0.0.1:\(port)", data: data, peers: peers), listeners)
            }
        }

        @Test func aDomainIsAddedAndWhatNeedsARestartIsNamed() async throws {
            try await withConfigured { server, listeners in
                #expect(try await server.addUser("alice@added.test", "string").exit == .code(1))
                #expect(try await server.register("alice@added.test", "string").exit == .code(1))
                let changed = try await server.reload(
                    "domains: [localhost, added.test]\nlanes: {count: 3}\nlisteners: [\"udp://127.0.0.1:1\"]\n",
                    until: "changed: domains: localhost → localhost, added.test")
                #expect(changed.isError)
                for key in ["listeners", "lanes.count"] {
                    try await server.process.line(containing: "needs a restart: \(key): ", after: changed)
                }
                #expect(try await server.addUser("alice@added.test", "string").exit == .code(0))
                #expect(try await server.register("alice@added.test", "string").exit == .code(0))
            }
        }

        /// The call of before ends as calls do: alice's BYE finds its way to bob through a server that has changed.
        @Test func callsGoOn() async throws {
            try await withConfigured { server, listeners in
                for (user, password) in [("alice@localhost", "string"), ("bob@localhost", "tin can")] {
                    #expect(try await server.addUser(user, password).exit == .code(0))
                }
                let proxy = ["--proxy", "sip:\(server.hostPort)", "--json"]
                let bob = try server.peers.start(
                    ItoProgram.command(
                        ["answer", "--as", "sip:bob@localhost", "--count", "1"] + proxy, password: "tin can"),
                    name: "ito answer")
                try await bob.line(containing: #""event":"ready""#)
                let alice = try server.peers.start(
                    ItoProgram.command(["call", "bob", "--as", "sip:alice@localhost"] + proxy, password: "string"),
                    name: "ito call")
                for phone in [bob, alice] { try await phone.line(containing: #""event":"answered""#) }
                try await server.reload(
                    "domains: [localhost, added.test]\n" + listeners + "registrar: {minimum-expires: 90s}\n",
                    until: "changed: registrar.minimum-expires: 1min → 90s")
                alice.signal(SIGINT)
                #expect(try await alice.exit() == .code(0))
                #expect(try await bob.exit() == .code(0))
                #expect(bob.lines.last?.text.contains(#""by":"remote""#) == true)
            }
        }

        @Test func aBrokenFileChangesNothing() async throws {
            try await withConfigured { server, listeners in
                #expect(try await server.addUser("alice@localhost", "string").exit == .code(0))
                let refused = try await server.reload(
                    "domains: [other.test]\n" + listeners + "prxoy: {branches: 4}\n",
                    until: "the configuration is not taken over")
                let place = try await server.process.line(
                    containing: "ito.yaml:3", after: server.process.lines[max(0, refused.index - 1)])
                #expect(place.text.contains("prxoy"))
                #expect(try await server.register("alice@localhost", "string").exit == .code(0))
                #expect(try await server.addUser("bob@other.test", "string").exit == .code(1))
                // A file put right is taken over.
                try await server.reload(
                    "domains: [localhost, other.test]\n" + listeners, until: "changed: domains", after: place)
                #expect(try await server.addUser("bob@other.test", "string").exit == .code(0))
            }
        }
    }
}
