import Foundation
import Server
import TestKit

/// `ito serve` as a process of its own.
struct ItoServer {
    let process: PeerProcess
    /// Where it listens first, as `127.0.0.1:PORT`.
    let hostPort: String
    /// All that it listens on, as `tcp://127.0.0.1:PORT`.
    let listeners: [String]
    /// Its data folder.
    let data: String
    private let peers: Peers

    /// The executable of this build, beside the tests.
    static var executable: String {
        Bundle.main.executableURL.map { $0.deletingLastPathComponent().appending(path: "ito") }
            .flatMap { FileManager.default.isExecutableFile(atPath: $0.path()) ? $0.path() : nil }
            ?? Bundle(for: Anchor.self).bundleURL.deletingLastPathComponent().appending(path: "ito").path()
    }

    private final class Anchor {}

    /// Starts a server for the domain of the scenarios on a port of the kernel's choice; ready when this returns.
    ///
    /// - Parameter configuration: lines of a configuration file, which names the domain itself; empty is none.
    static func start(
        in peers: Peers, _ arguments: [String] = [], users: [String: String] = [:], name: String = "ito",
        data: String? = nil, environment: [String: String] = [:], configuration: String = ""
    ) async throws -> ItoServer {
        let data = data ?? peers.folder.file("data")
        for (user, password) in users {
            _ = try await peers.run(
                PeerCommand(
                    executable, ["user", "add", "\(user)@example.test", "--data", data],
                    environment: ["ITO_PASSWORD": password], package: "ito"))
        }
        let domain =
            configuration.isEmpty
            ? ["--domain", "example.test"]
            : ["--config", try peers.folder.write(configuration + "\n", to: "\(name).yaml")]
        let command = PeerCommand(
            executable, ["serve", "--data", data, "--listen", "udp://127.0.0.1:0"] + domain + arguments,
            environment: environment, package: "ito")
        let process = try peers.start(command, name: name)
        let ready = try await process.line(containing: "ready udp://")
        let listeners = ready.text.split(separator: " ").dropFirst().map(String.init)
        let address = listeners.first?.split(separator: "//").last.map(String.init) ?? ""
        return ItoServer(process: process, hostPort: address, listeners: listeners, data: data, peers: peers)
    }

    /// The address of the first listener whose URL begins so, as in `tcp://` or `udp://[`.
    func address(_ beginning: String) -> String {
        listeners.first { $0.hasPrefix(beginning) }.flatMap { $0.split(separator: "//").last.map(String.init) } ?? ""
    }

    /// What it has counted, from its control socket.
    func statistics() throws -> ServerStatistics {
        guard var client = ControlClient(folder: data),
            let statistics = try client.send(ControlRequest(.stats)).statistics
        else { throw PeerError(.ended, "the server's control socket is gone", transcript: process.transcript()) }
        return statistics
    }

    /// Waits until what it has counted satisfies a condition.
    func statistics(
        _ what: String, where isExpected: (ServerStatistics) -> Bool
    ) async throws -> ServerStatistics {
        let deadline = ContinuousClock.now + PeerProcess.patience
        while true {
            let statistics = try statistics()
            if isExpected(statistics) { return statistics }
            guard ContinuousClock.now < deadline else {
                throw PeerError(.timedOut, "the server did not count \(what): \(statistics)")
            }
            await Task.yield()
        }
    }

    /// Bytes of memory that the process has resident (proc(5), `VmRSS`).
    func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        guard let kibibytes else { throw PeerError(.ended, "the server has no memory any more") }
        return kibibytes << 10
    }

    /// Waits until no change of bindings is on its way to the database.
    func allIsCommitted() async throws {
        while true {
            let command = PeerCommand(Self.executable, ["stats", "--json", "--data", data], package: "ito")
            let output = try await peers.run(command)
            if output.contains("\"pendingChanges\":0,") { return }
        }
    }
}
