import Foundation
import TestKit
import Testing

extension Interop {
    /// `ito load` against `ito serve`: what it counts is what was done.
    @Suite struct LoadTests {
        struct Report: Decodable {
            let operation: String
            let started: Int
            let operations: Int
            let failed: Int
            let drops: Int
            let p50_us: Int
            let p99_us: Int
            let statuses: [String: Int]
        }

        static let users = 5

        private func load(
            _ arguments: [String], on server: LoopbackServer, password: String = "", in peers: Peers
        ) async throws -> (report: Report, exit: PeerExit) {
            let outcome = try await ItoProgram.run(
                [
                    "load", "--target", "udp://\(server.hostPort)", "--domain", LoopbackServer.domain, "--users",
                    String(Self.users), "--json",
                ] + arguments, password: password, in: peers)
            let line = try #require(outcome.output.last, "\(outcome.complaints)")
            return (try JSONDecoder().decode(Report.self, from: Data(line.utf8)), outcome.exit)
        }

        private func bindings(of server: LoopbackServer, in peers: Peers) async throws -> Int {
            struct Statistics: Decodable { let bindings: Int }
            let outcome = try await ItoProgram.run(["stats", "--json", "--data", server.data], in: peers)
            return try JSONDecoder().decode(Statistics.self, from: Data(outcome.output.joined().utf8)).bindings
        }

        @Test(arguments: ["options", "register", "call"])
        func operationsSucceed(operation: String) async throws {
            try await withServer(.init(authenticates: false)) { server, peers in
                let (report, exit) = try await load([operation, "--count", "50"], on: server, in: peers)
                #expect(exit == .code(0))
                #expect(report.operation == operation)
                #expect((report.started, report.operations, report.failed) == (50, 50, 0))
                #expect(report.statuses.isEmpty)
                #expect(report.p50_us > 0 && report.p50_us <= report.p99_us)
            }
        }

        /// Its own phones are gone when it is: the next load calls nobody who is not there. What `register` put there stays.
        @Test(arguments: [("call", 0), ("register", users)])
        func phonesThatWereCalledAreRemoved(operation: String, remaining: Int) async throws {
            try await withServer(.init(authenticates: false)) { server, peers in
                _ = try await load([operation, "--count", "20"], on: server, in: peers)
                #expect(try await bindings(of: server, in: peers) == remaining)
            }
        }

        @Test func challengesAreAnswered() async throws {
            let users = (0..<Self.users).map { ("load\($0)", "tin can") }
            try await withServer(.init(passwords: Dictionary(uniqueKeysWithValues: users))) { server, peers in
                let right = try await load(["register", "--count", "20"], on: server, password: "tin can", in: peers)
                #expect((right.report.operations, right.exit) == (20, .code(0)))
                let wrong = try await load(["register", "--count", "20"], on: server, password: "rope", in: peers)
                #expect((wrong.report.operations, wrong.report.failed, wrong.exit) == (0, 20, .code(1)))
                #expect(wrong.report.statuses.values.reduce(0, +) == 20)
            }
        }

        /// At a fixed rate operations begin by the clock, not by the answers.
        @Test func aRateIsKept() async throws {
            try await withServer(.init(authenticates: false)) { server, peers in
                let arguments = ["options", "--rate", "500", "--duration", "1", "--sockets", "2"]
                let (report, _) = try await load(arguments, on: server, in: peers)
                #expect((report.started, report.operations) == (500, 500))
            }
        }
    }
}
