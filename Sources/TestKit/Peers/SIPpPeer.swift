import Foundation

/// SIPp, which plays the scenario of a caller or of one who is called, once or a thousand times.
///
/// ```swift
/// let callee = try await SIPpPeer.start(SIPpOptions(.builtIn("uas")), in: peers)
/// let caller = try await SIPpPeer.start(SIPpOptions(.builtIn("uac"), remote: callee.hostPort), in: peers)
/// try await caller.succeeded()
/// ```
public final class SIPpPeer: Sendable {
    static let package = "sip-tester"
    static let statisticsFile = "statistics.csv"
    static let errorFile = "errors.log"
    static let messageFile = "messages.log"

    public let process: PeerProcess
    /// The address it binds, without brackets.
    public let address: String
    /// The port it binds, for UDP or TCP.
    public let port: UInt16
    private let folder: String

    /// `host:port`, with brackets around an IPv6 address.
    public var hostPort: String { (address.contains(":") ? "[\(address)]" : address) + ":\(port)" }

    private init(process: PeerProcess, address: String, port: UInt16, folder: String) {
        self.process = process
        self.address = address
        self.port = port
        self.folder = folder
    }

    /// Starts SIPp on a free port; one that only answers is ready when this returns.
    ///
    /// - Parameter name: tells several apart in reports; it is also the name of its folder.
    /// - Throws: ``PeerError``, with the install hint when SIPp is missing.
    public static func start(_ options: SIPpOptions, name: String? = nil, in peers: Peers) async throws -> SIPpPeer {
        let (reservation, control) = (try PortReservation(on: options.address), try PortReservation())
        let port = reservation.port
        let name = name ?? "sipp-\(port)"
        let folder = try peers.folder.folder(name)
        var injection: String?
        if !options.rows.isEmpty {
            let rows = ["SEQUENTIAL"] + options.rows.map { $0.joined(separator: ";") + ";" }
            injection = try peers.folder.write(rows.joined(separator: "\n") + "\n", to: "\(name)/rows.csv")
        }
        let command = PeerCommand(
            "sipp", options.commandLine(port: port, controlPort: control.port, injection: injection),
            environment: ["TERM": "dumb"], package: package)
        reservation.release()
        control.release()
        let process = try peers.start(command, name: name, folder: folder)
        let peer = SIPpPeer(process: process, address: options.address, port: port, folder: folder)
        if options.remote == nil {
            let isTCP = options.transport == .tcp || options.transport == .tcpPerCall
            try await process.bound(isTCP ? .tcp : .udp, port: port)
        }
        return peer
    }

    /// Waits until it has ended by itself.
    ///
    /// - Throws: ``PeerError`` with the code `timedOut`.
    public func finished(within limit: Duration = .seconds(90)) async throws -> SIPpResult {
        let exit = try await process.exit(within: limit)
        return SIPpResult(exit: exit, statistics: file(Self.statisticsFile), errors: file(Self.errorFile))
    }

    /// Waits until it has ended by itself, and insists that every call went well.
    ///
    /// - Throws: ``PeerError``: `timedOut`, or `refused` with what SIPp says of its failed calls.
    @discardableResult
    public func succeeded(within limit: Duration = .seconds(90)) async throws -> SIPpResult {
        let result = try await finished(within: limit)
        guard result.isSuccess else {
            throw PeerError(.refused, "\(process.name): \(result)", transcript: process.transcript())
        }
        return result
    }

    /// Every message sent and received so far, as SIPp wrote it down; empty unless ``SIPpOptions/tracesMessages``.
    public var messages: String { file(Self.messageFile) }

    private func file(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: folder + "/" + name) ?? Data(), as: UTF8.self)
    }
}
