import Foundation

/// The softphone baresip with one account: it registers, calls and answers, speaks a WAV file and writes down what it hears.
///
/// It is driven and heard through its control connection; nothing is read from its screen.
public final class BaresipPeer: Sendable {
    static let package = "baresip-core"

    public let process: PeerProcess
    public let options: BaresipOptions
    /// The port for UDP and TCP.
    public let port: UInt16
    private let control: BaresipControl
    private let folder: String

    /// The URI under which it is called directly, without a server.
    public var uri: String {
        let uri = "sip:\(options.user)@\(KamailioPeer.bracketed(options.address)):\(port)"
        return options.transport == .udp ? uri : uri + ";transport=\(options.transport.rawValue)"
    }

    private init(
        process: PeerProcess, options: BaresipOptions, port: UInt16, control: BaresipControl, folder: String
    ) {
        self.process = process
        self.options = options
        self.port = port
        self.control = control
        self.folder = folder
    }

    /// Starts baresip on a free port, and its account; it may not be registered yet when this returns.
    ///
    /// - Throws: ``PeerError``, with the install hint when baresip is missing.
    public static func start(_ options: BaresipOptions, in peers: Peers) async throws -> BaresipPeer {
        // The port behind its own is taken by baresip for TLS, without being asked.
        let ports = try PortReservation(count: 3, on: options.address)
        let (port, controlPort) = (ports.port, ports.port + 2)
        let name = "baresip-\(options.user)-\(port)"
        let folder = try peers.folder.folder(name)
        let configuration = options.configuration(port: port, controlPort: controlPort, folder: folder)
        try peers.folder.write(configuration, to: "\(name)/config")
        // The account is made by command when the connection listens, so that no event of its registration is missed.
        try peers.folder.write("", to: "\(name)/accounts")
        try peers.folder.write("", to: "\(name)/contacts")
        let executable = try PeerCommand("baresip", package: package).executable()
        ports.release()
        // Its standard output is a pipe; without `stdbuf` a report of failure would lack the last lines.
        let command = PeerCommand("stdbuf", ["-oL", executable, "-f", folder], package: "coreutils")
        let process = try peers.start(command, name: name, folder: folder)
        try await process.bound(.tcp, port: controlPort)
        let control = try BaresipControl(address: options.address, port: controlPort)
        let peer = BaresipPeer(process: process, options: options, port: port, control: control, folder: folder)
        try await peer.command("uanew", options.account(port: port))
        return peer
    }

    /// Carries out a command of baresip's menu: `dial`, `hangup`, `accept`, `hold`, `resume`, `reginfo` …
    ///
    /// - Returns: the text that the command printed.
    /// - Throws: ``PeerError``: `refused` with baresip's words, `ended` or `timedOut`.
    @discardableResult
    public func command(_ name: String, _ parameters: String? = nil) async throws -> String {
        try await control.command(name, parameters)
    }

    /// Waits until it is registered.
    ///
    /// - Throws: ``PeerError``: `refused` with the registrar's status, or `timedOut`.
    @discardableResult
    public func registered() async throws -> BaresipEvent {
        let event = try await event(.registered, .registrationFailed)
        guard event.kind == .registered else {
            throw PeerError(.refused, "\(process.name) was not registered: \(event.detail)")
        }
        return event
    }

    /// Calls a URI; how it goes on is told by events.
    public func dial(_ uri: String) async throws { try await command("dial", uri) }

    /// Takes the incoming call.
    public func answer() async throws { try await command("accept") }

    /// Ends the current call, refuses the incoming or cancels the outgoing one.
    public func hangUp() async throws { try await command("hangup") }

    /// All events so far, in order.
    public var events: [BaresipEvent] { control.messages.current.compactMap(\.event) }

    /// Waits for the first event of any of these kinds.
    ///
    /// - Parameter earlier: only events behind this one count; `nil` looks at all, those that have come already too.
    /// - Throws: ``PeerError`` with the code `timedOut`.
    @discardableResult
    public func event(
        _ kinds: BaresipEvent.Kind..., after earlier: BaresipEvent? = nil, within limit: Duration = PeerProcess.patience
    ) async throws -> BaresipEvent {
        let found = try await control.messages.first(within: limit) { messages in
            messages.lazy.compactMap(\.event).first { event in
                kinds.contains(event.kind) && event.index > (earlier?.index ?? -1)
            }
        }
        if let found { return found }
        let names = kinds.map(\.rawValue).joined(separator: " or ")
        let seen = events.map { "\($0.kind.rawValue) \($0.detail)" }
        throw PeerError(.timedOut, "\(process.name): no \(names) within \(limit)", transcript: seen)
    }

    /// The recordings of what was heard in the calls that have ended, one WAV file each, in the order of calls.
    ///
    /// They are complete when ``BaresipEvent/Kind/closed`` was told. Calls that begin in the same second share a file name, so a
    /// test makes one call at a time.
    public var heard: [String] { recordings("-dec.wav") }

    /// The recordings of what was spoken, before encoding.
    public var spoken: [String] { recordings("-enc.wav") }

    private func recordings(_ suffix: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(suffix) }.sorted().map { folder + "/" + $0 }
    }
}
