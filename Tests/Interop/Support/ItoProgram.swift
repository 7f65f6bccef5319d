import Foundation
import TestKit

/// The program `ito` that the same build made.
enum ItoProgram {
    /// The variable that holds a password for all commands of `ito`.
    private static let passwordVariable = "ITO_PASSWORD"

    /// The program lies beside the test bundle, which on Linux is itself the program that runs.
    private static let path: String = {
        let running = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: running).deletingLastPathComponent().appending(path: "ito").path(percentEncoded: false)
    }()

    /// A command line of `ito`, with the password in the environment and never the one of whoever runs the tests.
    static func command(
        _ arguments: [String], password: String = "", environment: [String: String] = [:]
    ) -> PeerCommand {
        PeerCommand(
            path, arguments, environment: environment.merging([passwordVariable: password]) { $1 },
            package: "swift build")
    }

    /// How a command ended and what it said.
    struct Outcome {
        let exit: PeerExit
        let output: [String]
        let complaints: String
    }

    /// Runs a command to its end, whatever its exit status.
    static func run(
        _ arguments: [String], password: String = "", in peers: Peers, environment: [String: String] = [:],
        within limit: Duration = PeerProcess.patience
    ) async throws -> Outcome {
        let process = try peers.start(
            command(arguments, password: password, environment: environment), name: "ito \(arguments[0])")
        let exit = try await process.exit(within: limit)
        return Outcome(
            exit: exit, output: process.lines.filter { !$0.isError }.map(\.text),
            complaints: process.lines.filter(\.isError).map(\.text).joined(separator: "\n"))
    }
}
