import Foundation
import Synchronization

/// The real programs of one test, with a folder for their files. What is started here ends with the test, in reverse order.
public final class Peers: Sendable {
    /// For configurations and recordings; removed at the end.
    public let folder: TemporaryFolder
    private let started = Mutex<[PeerProcess]>([])

    init() throws(PeerError) {
        folder = try TemporaryFolder("peers")
    }

    /// Starts a program that ends with the test.
    ///
    /// - Parameter folder: the working folder, by default the test's.
    /// - Throws: ``PeerError``: `programMissing` with the install hint, or `startFailed`.
    public func start(
        _ command: PeerCommand, name: String? = nil, folder: String? = nil
    ) throws(PeerError) -> PeerProcess {
        let process = try PeerProcess(command, name: name, folder: folder ?? self.folder.path)
        started.withLock { $0.append(process) }
        return process
    }

    /// Runs a program to its end and returns the last line of its standard output.
    ///
    /// - Throws: ``PeerError``: `programMissing` with the install hint, `timedOut`, or `refused` when it fails.
    @discardableResult
    public func run(
        _ command: PeerCommand, name: String? = nil, within limit: Duration = PeerProcess.patience
    ) async throws -> String {
        let process = try start(command, name: name)
        let exit = try await process.exit(within: limit)
        guard exit == .code(0) else {
            throw PeerError(.refused, "\(process.name) failed (\(exit))", transcript: process.transcript())
        }
        return process.lines.last { !$0.isError }?.text ?? ""
    }

    /// The last lines of every program, for a report of failure.
    public func transcript(last count: Int = 40) -> [String] {
        started.withLock { $0 }.flatMap { $0.transcript(last: count) }
    }

    func end() async {
        let processes = started.withLock { started in
            defer { started.removeAll() }
            return started
        }
        for process in processes.reversed() { await process.end() }
    }
}

/// Runs a test with real programs and ends them all behind it, also when it throws or is cancelled.
///
/// When it throws, what the programs wrote last goes to standard error.
public func withPeers<Result>(_ body: (Peers) async throws -> Result) async throws -> Result {
    let peers = try Peers()
    do {
        let result = try await body(peers)
        await peers.end()
        return result
    } catch {
        let report = ["What the programs of the failed test wrote last:"] + peers.transcript()
        FileHandle.standardError.write(Data((report.joined(separator: "\n") + "\n").utf8))
        await peers.end()
        throw error
    }
}
