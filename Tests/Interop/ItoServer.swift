import Foundation
import TestKit

/// `ito serve` as a process of its own.
struct ItoServer {
    let process: PeerProcess
    /// Where it listens, as `127.0.0.1:PORT`.
    let hostPort: String
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
    static func start(
        in peers: Peers, _ arguments: [String] = [], users: [String: String] = [:], name: String = "ito",
        data: String? = nil
    ) async throws -> ItoServer {
        let data = data ?? peers.folder.file("data")
        for (user, password) in users {
            _ = try await peers.run(
                PeerCommand(
                    executable, ["user", "add", "\(user)@example.test", "--data", data],
                    environment: ["ITO_PASSWORD": password], package: "ito"))
        }
        let command = PeerCommand(
            executable,
            ["serve", "--data", data, "--listen", "udp://127.0.0.1:0", "--domain", "example.test"] + arguments,
            package: "ito")
        let process = try peers.start(command, name: name)
        let ready = try await process.line(containing: "ready udp://")
        let address = ready.text.split(separator: "//").last.map(String.init) ?? ""
        return ItoServer(process: process, hostPort: address, data: data, peers: peers)
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
