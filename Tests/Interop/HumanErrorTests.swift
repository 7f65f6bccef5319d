import Foundation
import TestKit
import Testing

extension Interop {
    /// What `ito` says and with which status it ends when something is wrong: 1 refused, 2 wrong usage, 3 the environment.
    @Suite struct HumanErrorTests {
        @Test func theServersPortIsInUse() async throws {
            try await withServer(.init(authenticates: false)) { server, peers in
                let second = try await ItoProgram.run(
                    ["serve", "--data", peers.folder.file("second"), "--listen", "udp://\(server.hostPort)"], in: peers)
                #expect(second.exit == .code(3))
                expect(second, tells: ["\(server.hostPort) is in use", "--listen"])
            }
        }

        @Test func theServersTCPPortIsInUse() async throws {
            try await withPeers { peers in
                let held = try PortReservation()
                let address = "127.0.0.1:\(held.port)"
                let server = try await ItoProgram.run(
                    ["serve", "--data", peers.folder.file("data"), "--listen", "tcp://\(address)"], in: peers)
                #expect(server.exit == .code(3))
                expect(server, tells: ["\(address) is in use", "ss -lntup", "--listen"])
            }
        }

        @Test func theAddressIsNotOfThisMachine() async throws {
            try await withPeers { peers in
                // TEST-NET-1 (RFC 5737 §3).
                let server = try await ItoProgram.run(
                    ["serve", "--data", peers.folder.file("data"), "--listen", "udp://192.0.2.1:5060"], in: peers)
                #expect(server.exit == .code(3))
                expect(server, tells: ["192.0.2.1:5060 is none of this machine's", "--listen"])
            }
        }

        @Test func theDataFolderIsInUse() async throws {
            try await withServer(.init(authenticates: false)) { server, peers in
                let second = try await ItoProgram.run(
                    ["serve", "--data", server.data, "--listen", "udp://127.0.0.1:0"], in: peers)
                #expect(second.exit == .code(3))
                expect(second, tells: ["works with the data folder \(server.data) already", "--data"])
            }
        }

        @Test func aPhonesPortIsInUse() async throws {
            try await withServer(.init(passwords: ["alice": "string"])) { server, peers in
                let phone = try await ItoProgram.run(
                    [
                        "register", "sip:alice@localhost", "--proxy", "sip:\(server.hostPort)", "--once",
                        "--local-port", String(server.port),
                    ], password: "string", in: peers)
                #expect(phone.exit == .code(3))
                expect(phone, tells: ["in use", "--local-port"])
            }
        }

        @Test func thePasswordIsWrong() async throws {
            try await withServer(.init(passwords: ["alice": "string"])) { server, peers in
                let registration = ["register", "sip:alice@localhost", "--proxy", "sip:\(server.hostPort)", "--once"]
                let wrong = try await ItoProgram.run(registration, password: "rope", in: peers)
                #expect(wrong.exit == .code(1))
                expect(wrong, tells: ["not registered", "401", "password", "ITO_PASSWORD"])
                let right = try await ItoProgram.run(registration, password: "string", in: peers)
                #expect(right.exit == .code(0))
            }
        }

        /// An unknown user is challenged and refused like one with a wrong password, so that nobody can try names.
        @Test func theAccountIsUnknown() async throws {
            try await withServer(.init(passwords: ["alice": "string"])) { server, peers in
                let stranger = try await ItoProgram.run(
                    ["register", "sip:mallory@localhost", "--proxy", "sip:\(server.hostPort)", "--once"],
                    password: "string", in: peers)
                #expect(stranger.exit == .code(1))
                expect(stranger, tells: ["not registered", "mallory"])
            }
        }

        @Test func theCalledUserIsUnknown() async throws {
            try await withServer(.init(passwords: ["alice": "string"])) { server, peers in
                let call = try server.calling("nobody", as: "alice", password: "string", [], in: peers)
                #expect(try await call.exit() == .code(1))
                let last = try #require(call.lines.last { !$0.isError }?.text)
                #expect(last.contains(#""event":"ended""#))
                #expect(last.contains(#""status":404"#))
                #expect(call.lines.contains { $0.isError && $0.text.contains("nobody is called nobody there") })
            }
        }

        @Test func theCallersPasswordIsWrong() async throws {
            try await withServer(.init(passwords: ["alice": "string", "bob": "string"])) { server, peers in
                let call = try await ItoProgram.run(
                    ["call", "bob", "--as", "sip:alice@localhost", "--proxy", "sip:\(server.hostPort)"],
                    password: "rope", in: peers)
                #expect(call.exit == .code(1))
                expect(call, tells: ["no call: 407", "password", "ITO_PASSWORD", "alice"])
            }
        }

        @Test func theCalledUserHasNoPhone() async throws {
            try await withServer(.init(passwords: ["alice": "string", "bob": "string"])) { server, peers in
                let call = try await ItoProgram.run(
                    ["call", "bob", "--as", "sip:alice@localhost", "--proxy", "sip:\(server.hostPort)"],
                    password: "string", in: peers)
                #expect(call.exit == .code(1))
                expect(call, tells: ["no call: 480", "bob has no phone"])
            }
        }

        /// Nothing listens there: the machine says so at once (ICMP), and nobody waits for half a minute.
        @Test(arguments: [
            ["register", "sip:alice@localhost", "--once"], ["answer", "--as", "sip:alice@localhost"],
            ["call", "bob", "--as", "sip:alice@localhost"],
        ])
        func nothingRunsAtTheProxy(arguments: [String]) async throws {
            try await withPeers { peers in
                let reservation = try PortReservation()
                let proxy = "127.0.0.1:\(reservation.port)"
                reservation.release()
                let phone = try await ItoProgram.run(
                    arguments + ["--proxy", "sip:\(proxy)"], password: "string", in: peers)
                #expect(phone.exit == .code(1))
                expect(phone, tells: ["running at", proxy, "--proxy"])
            }
        }

        @Test(arguments: [
            (["user", "add", "alice@localhost"], Int32(1), "is there already"),
            (["user", "add", "bob@lokalhost"], 1, "did you mean bob@localhost?"),
            (["user", "remove", "bob@localhost"], 1, "there is no user bob@localhost"),
            (["user", "password", "bob@localhost"], 1, "ito user list"),
        ])
        func theServerRefusesAUser(arguments: [String], status: Int32, advice: String) async throws {
            try await withServer(.init(passwords: ["alice": "string"])) { server, peers in
                let outcome = try await ItoProgram.run(
                    arguments + ["--data", server.data], password: "string", in: peers)
                #expect(outcome.exit == .code(status))
                expect(outcome, tells: [advice])
            }
        }

        @Test func noServerRuns() async throws {
            try await withPeers { peers in
                let outcome = try await ItoProgram.run(["stats", "--data", peers.folder.file("data")], in: peers)
                #expect(outcome.exit == .code(3))
                expect(outcome, tells: ["no server works with the data folder", "ito serve", "--data"])
            }
        }

        @Test func theDataFolderIsAFile() async throws {
            try await withPeers { peers in
                let file = try peers.folder.write("no folder\n", to: "data")
                let outcome = try await ItoProgram.run(
                    ["serve", "--data", file, "--listen", "udp://127.0.0.1:0"], in: peers)
                #expect(outcome.exit == .code(3))
                expect(outcome, tells: [file])
            }
        }

        /// The top-level domain is reserved for names that never exist (RFC 2606 §2).
        @Test func theProxysNameLeadsNowhere() async throws {
            try await withPeers { peers in
                let phone = try await ItoProgram.run(
                    ["register", "sip:alice@localhost", "--once", "--proxy", "sip:proxy.invalid"],
                    password: "string", in: peers, within: .seconds(45))
                #expect(phone.exit == .code(1))
                expect(phone, tells: ["proxy.invalid", "--proxy"])
            }
        }

        @Test func theProxyDoesNotAnswer() async throws {
            try await withPeers { peers in
                // Held until the test ends, and read by nobody.
                let silent = try PortReservation()
                let phone = try await ItoProgram.run(
                    ["register", "sip:alice@localhost", "--proxy", "sip:127.0.0.1:\(silent.port)", "--once"],
                    password: "string", in: peers, within: .seconds(45))
                #expect(phone.exit == .code(1))
                expect(phone, tells: ["not registered", "is a server running at", "\(silent.port)", "--proxy"])
            }
        }

        @Test(arguments: ["absent.wav", "broken.wav", "."])
        func theSoundCannotBeRead(name: String) async throws {
            try await withPeers { peers in
                try peers.folder.write("no sound at all\n", to: "broken.wav")
                let file = peers.folder.file(name)
                let call = try await ItoProgram.run(
                    ["call", "sip:bob@127.0.0.1:9", "--as", "sip:alice@127.0.0.1", "--play", file], in: peers)
                #expect(call.exit == .code(3))
                expect(call, tells: [name, "--play", "WAV"])
            }
        }

        @Test func theRecordingCannotBeWritten() async throws {
            try await withPeers { peers in
                let file = peers.folder.file("absent/heard.wav")
                let call = try await ItoProgram.run(
                    ["call", "sip:bob@127.0.0.1:9", "--as", "sip:alice@127.0.0.1", "--record", file], in: peers)
                #expect(call.exit == .code(3))
                expect(call, tells: ["heard.wav", "--record"])
            }
        }

        @Test(arguments: [
            (["serve", "--lissten", "udp://127.0.0.1:0"], "--listen"),
            (["call", "bob", "--codec", "gsm"], "pcmu"),
            (["call", "bob", "--duration", "soon"], "10s"),
            (["call", "sip:bob@127.0.0.1:9", "--play", "tone:high"], "tone:440"),
            (["answer", "--as", "sip:bob@localhost", "--reject", "200"], "300"),
            (["frobnicate"], "frobnicate"),
            (["call", "bob", "--recrod", "x.wav"], "--record"),
            (["register", "alice and bob"], "sip:alice@example.com"),
            (["register", "sip:alice@localhost", "--local-address", "here"], "127.0.0.1"),
            (["serve", "--data", "DATA", "--lanes", "1000"], "256"),
            (["serve", "--data", "DATA", "--domain", "no domain"], "example.com"),
            (["user", "add", "nowhere", "--data", "DATA"], "alice@example.com"),
            (["serve", "--data", "DATA", "--listen", "carrier-pigeon://1"], "udp://"),
            (["serve", "--data", "DATA", "--listen", "udp://0.0.0.0:0", "--no-auth"], "127.0.0.1"),
        ])
        func theUsageIsWrong(arguments: [String], advice: String) async throws {
            try await withPeers { peers in
                let data = peers.folder.file("data")
                let outcome = try await ItoProgram.run(
                    arguments.map { $0 == "DATA" ? data : $0 }, password: "string", in: peers)
                #expect(outcome.exit == .code(2), "\(arguments)")
                expect(outcome, tells: [advice])
            }
        }

        /// What is wrong is the target, and not the account of a caller who needs none.
        @Test(arguments: [
            (["call", "sip:bob@"], ["target `sip:bob@`"]), (["call", "bob@"], ["target `bob@`"]),
            (["call", "tel:+81312345678"], ["target `tel:+81312345678`", "SIP URI"]),
            (["call", "bob"], ["target `bob`", "no domain", "--as"]),
            (["call", "sip:bob@", "--as", "sip:alice@127.0.0.1"], ["target `sip:bob@`"]),
            (["call", "bob", "--proxy", "sip:@"], ["proxy `sip:@`"]),
        ])
        func theTargetIsMalformed(arguments: [String], advice: [String]) async throws {
            try await withPeers { peers in
                let outcome = try await ItoProgram.run(arguments, password: "string", in: peers)
                #expect(outcome.exit == .code(2))
                expect(outcome, tells: advice)
                #expect(!outcome.complaints.contains("anonymous"))
                #expect(!outcome.complaints.contains("account:"))
            }
        }

        @Test func theConfigurationHasAnUnknownKey() async throws {
            try await withPeers { peers in
                let file = try peers.folder.write("timers:\n  t1: 500ms\nprxoy:\n  branches: 4\n", to: "ito.yaml")
                for command in [
                    ["serve", "--config", file, "--data", peers.folder.file("data")], ["config", "check", file],
                ] {
                    let outcome = try await ItoProgram.run(command, in: peers)
                    #expect(outcome.exit == .code(2))
                    // The line, the word, and the one that was meant.
                    expect(outcome, tells: ["ito.yaml:3", "prxoy", "proxy"])
                }
            }
        }

        @Test func theConfigurationIsNotThere() async throws {
            try await withPeers { peers in
                let file = peers.folder.file("absent.yaml")
                let outcome = try await ItoProgram.run(["serve", "--config", file], in: peers)
                #expect(outcome.exit == .code(2))
                expect(outcome, tells: ["absent.yaml"])
            }
        }

        /// All the texts stand in what was said on standard error, and nothing of Swift's own way to print an error.
        private func expect(
            _ outcome: ItoProgram.Outcome, tells texts: [String], at place: SourceLocation = #_sourceLocation
        ) {
            for text in texts {
                #expect(outcome.complaints.contains(text), "said: \(outcome.complaints)", sourceLocation: place)
            }
            for trace in ["Fatal error", "Optional(", "Error(", "SIPError."] {
                #expect(!outcome.complaints.contains(trace), "said: \(outcome.complaints)", sourceLocation: place)
            }
        }
    }
}
