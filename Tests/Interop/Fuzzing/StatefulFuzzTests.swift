import Foundation
import Server
import TestKit
import Testing

extension Interop {
    /// Dialogs that are broken on purpose, by every transport, against a running server: it lives, serves, and keeps nothing of them.
    ///
    /// `ITODENWA_FUZZ_SERVER_SECONDS` says for how long, half of it with Digest and half without; `ITODENWA_FUZZ_SEED` repeats what a failed run has printed.
    @Suite struct StatefulFuzzTests {
        private static func number(_ name: String) -> UInt64? {
            ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
        }

        /// How long the player plays when nobody says so: long enough for each kind of move.
        private static let usualSeconds: UInt64 = 6

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

        /// With users that must prove who they are, and with all believed; by every transport.
        @Test(arguments: [false, true])
        func theServerOutlivesAHostilePlayer(digest: Bool) async throws {
            let seconds = max(1, (Self.number("ITODENWA_FUZZ_SERVER_SECONDS") ?? Self.usualSeconds) / 2)
            let seed = Self.number("ITODENWA_FUZZ_SEED") ?? UInt64.random(in: 0..<1_000_000)
            try await withPeers { peers in
                let heap = try await HeapReport(in: peers)
                let server = try await Self.start(digest: digest, heap, in: peers)
                let doors = try await HostileLine.Doors(
                    to: server, authorities: peers.folder.file("authority.pem"), in: peers)
                var player = try await HostilePlayer(seed: seed, doors: doors)
                do {
                    // What it takes for its tables when it is first used is no leak.
                    try await Self.play(&player, until: .now + Self.warmth, server, isProbed: !digest)
                    let before = try await Self.restingHeap(of: server, heap, &player)
                    try await player.begin()
                    try await Self.play(&player, until: .now + .seconds(Int64(seconds)), server, isProbed: !digest)
                    if digest {
                        // Some of what it proves is right, and some is not.
                        let proofs = try server.statistics().authentication
                        #expect((proofs["accepted"] ?? 0) > 0 && (proofs["refused"] ?? 0) > 0, "\(proofs)")
                    }
                    let after = try await Self.restingHeap(of: server, heap, &player)
                    let growth =
                        after.bytes - before.bytes - max(0, after.bindings - before.bindings) * Self.bindingSize
                    #expect(
                        growth < Self.heapLimit,
                        "seed \(seed), digest \(digest): \(growth >> 10) KiB are kept after \(player.sent) messages")
                    print(
                        "StatefulFuzzTests: seed \(seed), digest \(digest), \(player.sent) messages in \(seconds) s,",
                        "\(player.reopened) connections ended, \(growth >> 10) KiB kept")
                } catch {
                    let messages = player.last.joined(separator: "\n-----\n")
                    Issue.record(
                        "seed \(seed), digest \(digest), after \(player.sent) messages: \(error)\nthe last ones:\n\(messages)"
                    )
                }
                #expect(server.process.isRunning, "seed \(seed), digest \(digest)")
                let faults = server.process.lines.map(\.text).filter { line in
                    ["Fatal error", " error ", " critical "].contains { line.contains($0) }
                }
                #expect(faults.isEmpty, "seed \(seed), digest \(digest): \(faults)")
            }
        }

        /// How long the player plays before memory is read for the first time.
        private static let warmth = Duration.seconds(1)
        /// What a server may keep of a player who has gone, in bytes of live heap, besides bindings: tables that have grown.
        private static let heapLimit = 2 << 20
        /// What a binding may take of it.
        private static let bindingSize = 4_096

        private static func start(digest: Bool, _ heap: HeapReport, in peers: Peers) async throws -> ItoServer {
            let file = try peers.folder.write(timers + "\n", to: "timers.yaml")
            let users =
                digest
                ? Dictionary(uniqueKeysWithValues: HostilePlayer.users.map { ($0, HostileCredentials.password) }) : [:]
            let certificates = try Certificates(in: peers)
            let listeners = ["tcp", "tls", "ws", "wss"].flatMap { ["--listen", "\($0)://127.0.0.1:0"] }
            return try await ItoServer.start(
                in: peers, (digest ? [] : ["--no-auth", "--memory"]) + listeners + ["--config", file], users: users,
                environment: try certificates.environment(heap.environment))
        }

        /// Lets the player play, and one who behaves ask now and then.
        ///
        /// - Parameter isProbed: whether a call is made at the end, by users that need prove nothing.
        private static func play(
            _ player: inout HostilePlayer, until end: ContinuousClock.Instant, _ server: ItoServer, isProbed: Bool
        ) async throws {
            let probe = WellBehavedClient(wire: try Wire(.udp, to: server.hostPort))
            while ContinuousClock.now < end {
                for _ in 0..<100 { try await player.step() }
                try await probe.ask()
            }
            if isProbed { try await callGoesThrough(server) }
        }

        /// The live heap, and the bindings, of a server that the player has left: all connections are closed, and all transactions
        /// over, up to Timer C of the last INVITE and what follows it.
        private static func restingHeap(
            of server: ItoServer, _ heap: HeapReport, _ player: inout HostilePlayer
        ) async throws -> (bytes: Int, bindings: Int) {
            player.leave()
            let statistics = try await server.statistics("that all transactions and connections have ended") {
                $0.signalling["transactions"] == 0 && $0.connections["open"] == 0
            }
            return (try await heap.live(of: server), statistics.bindings)
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
