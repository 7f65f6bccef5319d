import Foundation
import Reactor
import Server
import Synchronization
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
            let broken: Int
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

        /// Users keep their nonce, as phones do, unless each registration is to be challenged.
        @Test(arguments: [(["--keep-nonce"], users), (["--no-keep-nonce"], 20)])
        func noncesAreKept(option: [String], challenges: Int) async throws {
            struct Statistics: Decodable { let authentication: [String: Int] }
            let users = (0..<Self.users).map { ("load\($0)", "tin can") }
            try await withServer(.init(passwords: Dictionary(uniqueKeysWithValues: users))) { server, peers in
                // One at a time: a user who is challenged twice at once has kept nothing yet.
                let done = try await load(
                    ["register", "--count", "20", "--concurrency", "1"] + option, on: server, password: "tin can",
                    in: peers)
                #expect((done.report.operations, done.report.failed) == (20, 0))
                let outcome = try await ItoProgram.run(["stats", "--json", "--data", server.data], in: peers)
                let counted = try JSONDecoder().decode(Statistics.self, from: Data(outcome.output.joined().utf8))
                #expect(counted.authentication["challenged"] == challenges)
                #expect(counted.authentication["accepted"] == 20)
                #expect(counted.authentication["replayed"] == 0)
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

        /// By what the server is reached, and what is done.
        static let streams = ["tcp", "tls", "ws", "wss"].flatMap { transport in
            ["options", "register", "call"].map { (transport, $0) }
        }

        /// The phones that are called are reached by the connections that they have registered by, two runs in a row.
        @Test(arguments: streams)
        func operationsSucceed(over transport: String, operation: String) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, ["--no-auth", "--listen", "\(transport)://127.0.0.1:0"])
                for _ in 1...2 {
                    let outcome = try await ItoProgram.run(
                        [
                            "load", operation, "--target", "\(transport)://\(server.address("\(transport)://"))",
                            "--domain", "example.test", "--users", "7", "--sockets", "3", "--count", "50", "--ca-file",
                            "\(server.data)/certificate.pem", "--json",
                        ], in: peers)
                    let report = try JSONDecoder().decode(
                        Report.self, from: Data(try #require(outcome.output.last, "\(outcome.complaints)").utf8))
                    #expect((report.started, report.operations, report.failed) == (50, 50, 0))
                    #expect((report.broken, report.statuses.isEmpty, outcome.exit) == (0, true, .code(0)))
                }
                let connections = try server.statistics().connections
                #expect(connections["accepted"] == 6)
                #expect(connections["connected"] == 0)
            }
        }

        /// A server that takes the first requests of each connection and then closes it: each of them has failed, once.
        @Test func whatIsUnderWayOnAConnectionThatBreaksHasFailed() async throws {
            try await withPeers { peers in
                let threads = StreamThreads()
                let listener = try await StreamListener.bind(
                    .loopback(), on: threads, framer: { EndOfHead() }, handler: ClosingAfterTen())
                let outcome = try await ItoProgram.run(
                    [
                        "load", "options", "--target", "tcp://\(listener.localAddress)", "--sockets", "2", "--users",
                        "2",
                        "--concurrency", "20", "--json",
                    ], in: peers)
                await threads.shutdown()
                let line = try #require(outcome.output.last, "\(outcome.complaints)")
                let report = try JSONDecoder().decode(Report.self, from: Data(line.utf8))
                #expect((report.operations, report.broken, outcome.exit) == (0, 2, .code(1)))
                #expect(report.failed == report.started && report.started >= 20)
                #expect(report.statuses.isEmpty)
            }
        }

        /// Without a server, or with one that is not believed, nothing is measured and the reason is told.
        @Test(arguments: [("tcp", "refused"), ("tls", "not secured")])
        func connectionsThatCannotBeMade(transport: String, reason: String) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, ["--no-auth", "--listen", "tls://127.0.0.1:0"])
                // TCP to a port of UDP.
                let target = transport == "tcp" ? server.hostPort : server.address("tls://")
                let outcome = try await ItoProgram.run(
                    ["load", "options", "--target", "\(transport)://\(target)"], in: peers)
                #expect(outcome.exit == .code(3))
                #expect(outcome.complaints.contains("no connection to the server"))
                #expect(outcome.complaints.lowercased().contains(reason))
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

/// Cuts a stream behind each empty line, as requests without a body are.
private struct EndOfHead: StreamFramer {
    private var bytes: [UInt8] = []

    mutating func append(_ added: UnsafeRawBufferPointer) { bytes.append(contentsOf: added) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        let end = Array("\r\n\r\n".utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        defer { bytes.removeSubrange(..<(start + end.count)) }
        return Array(bytes[..<start])
    }

    var holdsPartialFrame: Bool { !bytes.isEmpty }
}

/// Closes each connection when ten requests have come, and answers none.
private final class ClosingAfterTen: StreamHandler {
    private let counts = Mutex<[StreamConnection.ID: Int]>([:])

    func opened(_ connection: StreamConnection) {}

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        let count = counts.withLock { counts in
            counts[connection.id, default: 0] += frames.count
            return counts[connection.id, default: 0]
        }
        if count >= 10 { connection.close() }
    }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.close() }
    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {}
}
