import Foundation
import Glibc

extension PeerProcess {
    /// How long waits last unless told otherwise: generous, since it is reached only when a test fails.
    public static let patience: Duration = .seconds(60)

    /// Waits for a line that satisfies a condition.
    ///
    /// - Parameters:
    ///   - what: what is expected, for the message.
    ///   - earlier: only lines behind this one count; `nil` looks at all, those already written too.
    /// - Throws: ``PeerError``: `timedOut`, or `ended` when the program is gone and the line will never come.
    @discardableResult
    public func line(
        _ what: String, after earlier: PeerLine? = nil, within limit: Duration = patience,
        where isExpected: (String) -> Bool
    ) async throws -> PeerLine {
        var next = earlier.map { $0.index + 1 } ?? 0
        let found = try await state.first(within: limit) { state -> PeerLine? in
            while next < state.lines.count {
                defer { next += 1 }
                if isExpected(state.lines[next].text) { return state.lines[next] }
            }
            if let exit = state.exit, state.openStreams == 0 {
                throw PeerError(.ended, "\(self.name) ended (\(exit)) before \(what)", transcript: self.transcript())
            }
            return nil
        }
        if let found { return found }
        throw PeerError(.timedOut, "\(name): no \(what) within \(limit)", transcript: transcript())
    }

    /// Waits for a line with this text in it.
    @discardableResult
    public func line(
        containing text: String, after earlier: PeerLine? = nil, within limit: Duration = patience
    ) async throws -> PeerLine {
        try await line("line with '\(text)'", after: earlier, within: limit) { $0.contains(text) }
    }

    /// Waits for a line in which a regular expression matches.
    @discardableResult
    public func line(
        matching pattern: Regex<some Any>, after earlier: PeerLine? = nil, within limit: Duration = patience
    ) async throws -> PeerLine {
        try await line("line that matches", after: earlier, within: limit) { $0.contains(pattern) }
    }

    /// Waits until the program has ended by itself and all that it wrote was read.
    ///
    /// - Throws: ``PeerError`` with the code `timedOut`.
    public func exit(within limit: Duration = patience) async throws -> PeerExit {
        let exit = try await state.first(within: limit) { state in state.openStreams == 0 ? state.exit : nil }
        if let exit { return exit }
        throw PeerError(.timedOut, "\(name) did not end within \(limit)", transcript: transcript())
    }

    /// The transports over which a program can be waited for.
    public enum Transport: String, Sendable { case udp, tcp }

    /// How often the kernel's table of sockets is looked at while a program starts.
    static let lookInterval: Duration = .milliseconds(5)

    /// Waits until a port is bound (UDP) or listened on (TCP) on the machine: programs that say nothing are ready then, since the
    /// kernel keeps what comes for them.
    ///
    /// - Throws: ``PeerError``: `ended` when the program died instead, or `timedOut`.
    public func bound(_ transport: Transport, port: UInt16, within limit: Duration = patience) async throws {
        let deadline = ContinuousClock.now + limit
        while !SocketTable.holds(transport, port: port) {
            // What it wrote before its end may still be in the pipes, and says why.
            let state = state.current
            if let exit = state.exit, state.openStreams == 0 {
                throw PeerError(
                    .ended, "\(name) ended (\(exit)) before it bound \(transport) port \(port)",
                    transcript: transcript())
            }
            guard ContinuousClock.now < deadline else {
                throw PeerError(
                    .timedOut, "\(name) did not bind \(transport) port \(port) within \(limit); it is \(kernelState)",
                    transcript: transcript())
            }
            try await Task.sleep(for: Self.lookInterval)
        }
    }

    /// What the kernel says that the program does: its state and what it waits for (proc(5), `State` and `wchan`).
    private var kernelState: String {
        func text(_ file: String) -> String {
            String(
                decoding: FileManager.default.contents(atPath: "/proc/\(processIdentifier)/\(file)") ?? Data(),
                as: UTF8.self)
        }
        let state = text("status").split(separator: "\n").first { $0.hasPrefix("State:") }?.dropFirst("State:".count)
        return "\(state?.trimmingCharacters(in: .whitespaces) ?? "gone"), waits in \(text("wchan"))"
    }
}
