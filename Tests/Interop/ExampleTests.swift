import Foundation
import Media
import Reactor
import SIP
import TestKit
import Testing
import UserAgent

extension Interop {
    /// The programs of `Examples` do what their first lines promise. Where they must be there, their absence is a failure.
    @Suite(
        .enabled(
            if: ExampleProgram.areBuilt || ExampleProgram.mustBeBuilt,
            "they are built with ITODENWA_STRICT=1, as script/test does"))
    struct ExampleTests {
        private static let users = ["alice": "secret", "bob": "secret", "carol": "secret"]

        @Test func aMessageIsLeft() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, users: Self.users)
                let folder = try peers.folder.folder("messages")
                let machine = try await ExampleProgram.start(
                    "AnsweringMachine", ["sip:bob@example.test", "sip:\(server.hostPort)", folder], in: peers)
                let caller = try peers.start(
                    ExampleProgram.command("CallSomebody", ["sip:alice@example.test", "sip:\(server.hostPort)", "bob"]))
                try await caller.line(containing: "answered")
                // The `#` that it presses after 3 s ends the message.
                try await machine.line(containing: "recorded \(folder)/message-1.wav")
                #expect(try await caller.exit() == .code(0))
                #expect(caller.lines.contains { $0.text.hasPrefix("ended by the ") })
                let message = try AudioClip(wavFile: folder + "/message-1.wav")
                #expect(message.samples.count > 2 * 8_000)
                #expect(message.samples.contains { abs(Int($0)) > 1_000 })
            }
        }

        /// Two calls, each with a Call-ID of its own, and the sound of the callee at the caller.
        @Test func aBackToBackAgentConnects() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, users: Self.users)
                let middle = try await ExampleProgram.start(
                    "BackToBack", ["sip:carol@example.test", "sip:\(server.hostPort)", "bob"], in: peers)
                let alice = try await Phone.start("alice", at: server.hostPort)
                let bob = try await Phone.start("bob", at: server.hostPort)
                try await callBothWays(alice, bob, user: "carol") { callee in
                    let (outer, inner) = (try #require(alice.last("INVITE ")), try #require(callee.last("INVITE ")))
                    #expect(outer.values("Call-ID") != inner.values("Call-ID"))
                    let from = try #require(inner.values("From").first)
                    #expect(from.contains("<sip:carol@example.test>") && from.contains("alice@example.test"))
                }
                // Who is busy there is busy here.
                let refusing = Task { for await invitation in bob.agent.invitations { return invitation.reject(486) } }
                await #expect(throws: CallError.self) { try await alice.agent.call("sip:carol@example.test") }
                await refusing.value
                #expect(alice.last("SIP/2.0 486 ") != nil)
                try await middle.line(containing: "has ended: 486")
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        @Test func aNotifierTellsItsWatchers() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, users: Self.users)
                let notifier = try await ExampleProgram.start(
                    "Notifier", ["sip:bob@example.test", "sip:\(server.hostPort)"], in: peers)
                try notifier.write(line: "2")
                try await notifier.line(containing: "2 wait, 0 are told")
                let alice = try await Phone.start("alice", at: server.hostPort)
                let subscription = try await alice.agent.subscribe(
                    to: "bob", .init("message-summary", types: ["application/simple-message-summary"]))
                func told(_ number: Int) async throws {
                    for await event in subscription.events {
                        guard case .notified(let message) = event else { continue }
                        if String(decoding: message.body, as: UTF8.self).contains("Voice-Message: \(number)/0") {
                            return
                        }
                    }
                    throw PeerError(.ended, "the subscription ended", transcript: notifier.transcript())
                }
                try await told(2)
                try notifier.write(line: "7")
                try await told(7)
                subscription.end()
                try await notifier.line(containing: "sip:alice@example.test watches no more")
                await alice.agent.shutDown()
            }
        }

        @Test func aServerOfOnesOwnTellsTheTime() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, users: Self.users)
                let time = try await ExampleProgram.start(
                    "TimeServer", ["sip:bob@example.test", "sip:\(server.hostPort)"], in: peers)
                let alice = try await Phone.start("alice", at: server.hostPort, serves: [.message])
                try await alice.agent.send(.message("What time is it?", to: "bob"))
                for await request in alice.agent.requests {
                    request.respond(200)
                    #expect(String(decoding: request.message.body, as: UTF8.self).hasPrefix("It is 2"))
                    break
                }
                try await time.line(containing: "told sip:alice@example.test")
                // It beeps in calls too, until its caller hangs up.
                let call = try await alice.agent.call("bob")
                await call.hangUp()
                await alice.agent.shutDown()
            }
        }

        @Test func aRedirectServerRedirects() async throws {
            try await withPeers { peers in
                let redirect = try await ExampleProgram.start(
                    "StatelessRedirect", ["127.0.0.1:0", "elsewhere.test"], in: peers, ready: "ready udp://")
                let address = redirect.lines.first?.text.split(separator: "//").last.map(String.init) ?? ""
                let options = PeerCommand("sipsak", ["-s", "sip:anna@\(address)", "-vvv"], package: "sipsak")
                #expect(try await ExampleProgram.output(of: options, in: peers).contains("Allow: INVITE, OPTIONS"))
                var phone = UserAgent.Options(address: .loopback())
                phone.registers = false
                let caller = try await UserAgent(account: Account("sip:alice@127.0.0.1"), options: phone)
                // Nobody is found under the name that it is sent to.
                await #expect(throws: CallError.self) { try await caller.call("sip:anna@\(address)") }
                await caller.shutDown()
            }
        }

        @Test func aTraceIsRead() async throws {
            try await withPeers { peers in
                let text =
                    "OPTIONS sip:b@example.test SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
                    + "From: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
                    + "Content-Length: 0\r\n\r\n"
                let file = try peers.folder.write(text + text, to: "messages.txt")
                let program = ExampleProgram.path("ReadTrace")
                let output = try await ExampleProgram.output(
                    of: PeerCommand("sh", ["-c", "\"$0\" < \"$1\"", program, file], package: "dash"), in: peers)
                #expect(output.count { $0.hasPrefix("OPTIONS request of ") } == 2)
                #expect(output.contains("  via SIP/2.0/TCP a;branch=z9hG4bK1"))
            }
        }
    }
}

/// The programs of `Examples`, which lie beside `ito`.
private enum ExampleProgram {
    static func path(_ name: String) -> String {
        URL(filePath: ItoServer.executable).deletingLastPathComponent().appending(path: name).path()
    }

    /// Whether continuous integration runs, or script/test, which builds them.
    static var mustBeBuilt: Bool {
        let environment = ProcessInfo.processInfo.environment
        return environment["CI"] == "true" || environment["ITODENWA_STRICT"] != nil
    }

    static var areBuilt: Bool { FileManager.default.isExecutableFile(atPath: path("TimeServer")) }

    /// A command line with the password of the tests' users; its lines come as they are printed.
    static func command(_ name: String, _ arguments: [String]) -> PeerCommand {
        PeerCommand(
            "stdbuf", ["--output=L", path(name)] + arguments, environment: ["ITO_PASSWORD": "secret"],
            package: "coreutils")
    }

    /// Starts an example and waits until it says that it is ready.
    static func start(
        _ name: String, _ arguments: [String], in peers: Peers, ready: String = "ready sip:"
    ) async throws -> PeerProcess {
        let process = try peers.start(command(name, arguments), name: name)
        try await process.line(containing: ready)
        return process
    }

    /// Runs a program to its end and gives all that it wrote.
    static func output(of command: PeerCommand, in peers: Peers) async throws -> [String] {
        let process = try peers.start(command)
        _ = try await process.exit()
        return process.lines.map(\.text)
    }
}
