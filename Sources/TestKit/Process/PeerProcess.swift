import Foundation
import Glibc
import Synchronization

/// A line that a program wrote.
public struct PeerLine: Sendable, Hashable {
    /// The place among all lines of the program, from 0.
    public let index: Int
    /// The line without its end.
    public let text: String
    /// Whether it came from standard error.
    public let isError: Bool
}

/// How a program ended.
public enum PeerExit: Sendable, Hashable {
    case code(Int32)
    case signal(Int32)
}

/// A real program that a test talks to: started in its own process group and folder, heard line by line, ended for certain.
///
/// Nothing here blocks the calling task: two threads read what the program writes and a third one waits for its end.
/// Everything it ever wrote is kept, so a wait also finds what was written before it began. The program is ended by
/// ``end(grace:)``, else when the last reference goes, else, if the test process itself dies, by a watchdog.
public final class PeerProcess: Sendable {
    struct State: Sendable {
        var lines: [PeerLine] = []
        var openStreams = 2
        var exit: PeerExit?
        /// Whether the zombie was taken away; its id may then belong to someone else.
        var isReaped = false
    }

    /// How the test calls it, for messages.
    public let name: String
    /// The process id, which is also that of its group.
    public let processIdentifier: Int32
    let state: Watched<State>
    private let input: Mutex<Int32>

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - folder: the working folder; it must exist.
    /// - Throws: ``PeerError``: `programMissing` with the install hint, or `startFailed`.
    public init(_ command: PeerCommand, name: String? = nil, folder: String) throws(PeerError) {
        let executable = try command.executable()
        self.name = name ?? command.program
        let environment = ProcessInfo.processInfo.environment.merging(command.environment) { $1 }
        let (process, pipes) = try Self.start { pipes in
            Spawn(
                executable: executable, arguments: command.arguments, environment: environment, folder: folder,
                input: pipes.input.read, output: pipes.output.write, errors: pipes.errors.write)
        }
        PeerWatchdog.started(group: process)
        processIdentifier = process
        state = Watched(State())
        input = Mutex(pipes.input.write)
        Self.read(pipes.output.read, into: state, isError: false)
        Self.read(pipes.errors.read, into: state, isError: true)
        Self.awaitExit(of: processIdentifier, into: state)
    }

    deinit {
        kill(force: true)
        reap()
        close(input.withLock { $0 })
    }

    /// Whether it has not ended yet.
    public var isRunning: Bool { state.current.exit == nil }

    /// What it has written so far.
    public var lines: [PeerLine] { state.current.lines }

    /// The last lines that it wrote, for messages.
    public func transcript(last count: Int = 40) -> [String] { lines.suffix(count).map { "\(name): \($0.text)" } }

    /// Sends a signal to the program, unless it has ended.
    public func signal(_ number: Int32) {
        state.update { state in
            if state.exit == nil { _ = Glibc.kill(processIdentifier, number) }
        }
    }

    /// Writes a line to its standard input.
    ///
    /// - Throws: ``PeerError`` with the code `ended` when it no longer listens.
    public func write(line: String) throws(PeerError) {
        let isWritten = input.withLock { descriptor in
            let bytes = Array((line + "\n").utf8)
            return bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                == bytes.count
        }
        guard isWritten else { throw PeerError(.ended, "\(name) no longer reads", transcript: transcript()) }
    }

    /// Ends the program and all that it started, and waits until it is gone: SIGTERM first, SIGKILL after the grace.
    ///
    /// - Returns: how it ended.
    @discardableResult
    public func end(grace: Duration = .seconds(3)) async -> PeerExit {
        kill(force: false)
        // A cancelled test must end its programs too, so the wait is a task of its own.
        let waiting = Task { [state] in try? await state.first(within: grace) { $0.exit } }
        var exit = await waiting.value
        kill(force: true)
        while exit == nil {
            exit = try? await Task { [state] in try await state.first(within: .seconds(1)) { $0.exit } }.value
        }
        reap()
        return exit ?? .signal(SIGKILL)
    }

    /// Signals the program's whole group: those that it started too. Safe while the zombie keeps the id.
    private func kill(force: Bool) {
        state.update { state in
            guard !state.isReaped else { return }
            if force {
                _ = Glibc.kill(-processIdentifier, SIGKILL)
            } else if state.exit == nil {
                _ = Glibc.kill(processIdentifier, SIGTERM)
            }
        }
    }

    private func reap() {
        state.update { state in
            guard !state.isReaped else { return }
            var status: Int32 = 0
            waitpid(processIdentifier, &status, 0)
            state.isReaped = true
            PeerWatchdog.ended(group: processIdentifier)
        }
    }
}
