import Foundation
import Server
import TestKit
import Testing

extension Interop {
    /// Dialogs that are broken on purpose, against a running server: it lives, serves, and keeps nothing of them.
    ///
    /// `ITODENWA_FUZZ_SERVER_SECONDS` says for how long, `ITODENWA_FUZZ_SEED` repeats what a failed run has printed.
    @Suite struct StatefulFuzzTests {
        private static func number(_ name: String) -> UInt64? {
            ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
        }

        /// How long the player plays when nobody says so: long enough for each kind of move.
        private static let usualSeconds: UInt64 = 5

        /// Timers so short that all transactions are over soon after the player has stopped.
        private static let timers = """
            timers:
              t1: 20ms
              t2: 80ms
              t4: 100ms
              b: 1s
              c: 2s
              d: 1s
              f: 1s
              h: 1s
              j: 1s
              l: 1s
              m: 1s
            proxy:
              ring-time: 1s
            """

        @Test func theServerOutlivesAHostilePlayer() async throws {
            let seconds = Self.number("ITODENWA_FUZZ_SERVER_SECONDS") ?? Self.usualSeconds
            let seed = Self.number("ITODENWA_FUZZ_SEED") ?? UInt64.random(in: 0..<1_000_000)
            try await withPeers { peers in
                let file = try peers.folder.write(Self.timers + "\n", to: "timers.yaml")
                let server = try await ItoServer.start(
                    in: peers, ["--no-auth", "--memory", "--listen", "tcp://127.0.0.1:0", "--config", file])
                var player = try HostilePlayer(seed: seed, server: server)
                let probe = WellBehavedClient(wire: try Wire(.udp, to: server.hostPort))
                let end = ContinuousClock.now + .seconds(Int64(seconds))
                do {
                    while ContinuousClock.now < end {
                        for _ in 0..<100 { await player.step() }
                        try await probe.ask()
                    }
                    try await Self.callGoesThrough(server)
                    // Timer C of the last INVITE, and what follows it.
                    _ = try await server.statistics("that all transactions have ended") {
                        $0.signalling["transactions"] == 0
                    }
                } catch {
                    let messages = player.last.joined(separator: "\n-----\n")
                    Issue.record("seed \(seed), after \(player.sent) messages: \(error)\nthe last ones:\n\(messages)")
                }
                #expect(server.process.isRunning, "seed \(seed)")
                let faults = server.process.lines.map(\.text).filter { line in
                    ["Fatal error", " error ", " critical "].contains { line.contains($0) }
                }
                #expect(faults.isEmpty, "seed \(seed): \(faults)")
                print("StatefulFuzzTests: seed \(seed), \(player.sent) messages in \(seconds) s")
            }
        }

        /// A call between two that behave.
        private static func callGoesThrough(_ server: ItoServer) async throws {
            let callee = try Wire(.udp, to: server.hostPort)
            let caller = try Wire(.udp, to: server.hostPort)
            let of = "sip:probe@example.test"
            let bound = try await callee.ask(callee.request("REGISTER", "sip:example.test", from: of, to: of))
            #expect(bound.status == 200)
            caller.send(caller.request("INVITE", of, callID: "probe"))
            let invite = try await callee.message(of: "probe")
            let copied = invite.lines.filter { line in
                ["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"].contains { line.hasPrefix($0) }
            }
            callee.send(
                (["SIP/2.0 200 OK"] + copied.map(String.init) + [
                    "To: <\(of)>;tag=1", "Contact: <sip:probe@\(callee.hostPort)>", "Content-Length: 0", "", "",
                ]).joined(separator: "\n"))
            while true {
                let answer = try await caller.message(of: "probe")
                guard answer.status >= 200 else { continue }
                #expect(answer.status == 200)
                return
            }
        }
    }
}
