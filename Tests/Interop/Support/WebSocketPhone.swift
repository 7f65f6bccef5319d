import Foundation
import TestKit

/// A phone over WebSocket on the library `websockets` of PyPI: `Tools/websocket_phone.py`.
struct WebSocketPhone {
    let process: PeerProcess
    let user: String

    /// Starts the phone; it may not be registered yet when this returns.
    ///
    /// - Parameters:
    ///   - server: the URL, `ws://…` or `wss://…`.
    ///   - arguments: further ones of the program.
    static func start(
        _ user: String, at server: String, _ arguments: [String] = [], in peers: Peers
    ) throws -> WebSocketPhone {
        let script = Repository.file("Tests/Interop/Tools/websocket_phone.py")
        let process = try peers.start(
            PeerCommand(try Self.python(), [script, server, user, "secret"] + arguments, package: "python3"),
            name: "websocket phone (\(user))")
        return WebSocketPhone(process: process, user: user)
    }

    /// Starts the phone and waits until it is registered.
    static func registered(
        _ user: String, at server: String, _ arguments: [String] = [], in peers: Peers
    ) async throws -> WebSocketPhone {
        let phone = try start(user, at: server, arguments, in: peers)
        try await phone.says("registered")
        return phone
    }

    /// The Python that has the libraries of the phones.
    static func python() throws(PeerError) -> String {
        let python =
            ProcessInfo.processInfo.environment["ITODENWA_PYTHON"] ?? Repository.file(".build-tools/venv/bin/python3")
        guard FileManager.default.isExecutableFile(atPath: python) else {
            throw PeerError(.programMissing, "there is no \(python); run script/setup --tests")
        }
        return python
    }

    /// Waits for a line.
    @discardableResult
    func says(_ line: String, after earlier: PeerLine? = nil) async throws -> PeerLine {
        try await process.line("the line '\(line)'", after: earlier) { $0 == line }
    }

    /// Hangs up.
    func hangUp() throws(PeerError) { try process.write(line: "") }
}
