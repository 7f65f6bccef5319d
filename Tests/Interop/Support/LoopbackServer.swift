import TestKit

/// A running `ito serve` on a port and with a data folder of its own.
struct LoopbackServer {
    /// How it is started.
    struct Options {
        /// The users of `localhost`, added before the start, with their passwords.
        var passwords: [String: String] = [:]
        /// Whether users must prove who they are.
        var authenticates = true
        /// Lines of a configuration file; empty is none.
        var configuration = ""
        /// The IPv4 address of this machine that it listens on.
        var address = "127.0.0.1"
        /// Where it listens; `nil` is a free port.
        var port: UInt16?
        /// The name of the data folder inside the test's.
        var data = "data"
    }

    /// The domain it serves.
    static let domain = "localhost"

    let process: PeerProcess
    let address: String
    let port: UInt16
    /// The path of the data folder.
    let data: String

    /// Where phones send their requests.
    var hostPort: String { "\(address):\(port)" }

    /// Adds the users, starts the server and waits until it is ready.
    static func start(_ options: Options = Options(), in peers: Peers) async throws -> LoopbackServer {
        let data = peers.folder.file(options.data)
        for (user, password) in options.passwords.sorted(by: { $0.key < $1.key }) {
            let added = ItoProgram.command(["user", "add", "\(user)@\(domain)", "--data", data], password: password)
            try await peers.run(added, name: "ito user add")
        }
        let reservation = try PortReservation(on: options.address)
        let port = options.port ?? reservation.port
        let listen = "udp://\(options.address):\(port)"
        var arguments = ["serve", "--data", data, "--listen", listen]
        // Domains that the file names stand for themselves.
        if !options.configuration.contains("domains:") { arguments += ["--domain", domain] }
        if !options.authenticates { arguments.append("--no-auth") }
        if !options.configuration.isEmpty {
            arguments += ["--config", try peers.folder.write(options.configuration + "\n", to: "\(options.data).yaml")]
        }
        reservation.release()
        let process = try peers.start(ItoProgram.command(arguments), name: "ito serve")
        try await process.line("the line 'ready'") { $0.hasPrefix("ready ") && $0.contains(listen) }
        return LoopbackServer(process: process, address: options.address, port: port, data: data)
    }

    /// Waits until no change of bindings is on its way to the database.
    func allIsCommitted(in peers: Peers) async throws {
        while true {
            let output = try await ItoProgram.run(["stats", "--json", "--data", data], in: peers).output
            if output.contains(where: { $0.contains(#""pendingChanges":0,"#) }) { return }
        }
    }

    /// A phone `ito answer` for a user, ready to be called.
    func answering(
        _ user: String, password: String, _ arguments: [String], in peers: Peers
    ) async throws -> PeerProcess {
        let line = ["answer", "--as", "sip:\(user)@\(Self.domain)", "--proxy", "sip:\(hostPort)", "--json"]
        let phone = try peers.start(
            ItoProgram.command(line + arguments, password: password), name: "ito answer (\(user))")
        try await phone.line(containing: #""event":"ready""#)
        return phone
    }

    /// A phone `ito call` that calls a user.
    func calling(
        _ target: String, as user: String, password: String, _ arguments: [String], in peers: Peers
    ) throws -> PeerProcess {
        let line = ["call", target, "--as", "sip:\(user)@\(Self.domain)", "--proxy", "sip:\(hostPort)", "--json"]
        return try peers.start(ItoProgram.command(line + arguments, password: password), name: "ito call (\(user))")
    }

    /// A baresip that registers with Digest.
    ///
    /// - Parameter encryption: how it encrypts media, by the names of baresip; nil when it does not know how.
    func baresip(
        _ user: String, password: String, speech: String?, encryption: (module: String, name: String)? = nil,
        in peers: Peers
    ) async throws -> BaresipPeer {
        var options = BaresipOptions(user: user)
        options.domain = Self.domain
        options.password = password
        options.proxy = hostPort
        options.speech = speech
        if let encryption {
            options.modules = [encryption.module]
            options.parameters = ["mediaenc=\(encryption.name)"]
        }
        let phone = try await BaresipPeer.start(options, in: peers)
        try await phone.registered()
        return phone
    }

    /// A SIPp that is called, registered as one more contact of a user at a server without authentication.
    func contact(
        _ scenario: String, of user: String = "bob", for pause: Duration = .milliseconds(100), in peers: Peers
    ) async throws -> SIPpPeer {
        var options = SIPpOptions(.named(scenario))
        options.domain = Self.domain
        options.callLength = pause
        options.tracesMessages = true
        let callee = try await SIPpPeer.start(options, in: peers)
        var registration = SIPpOptions.registration(
            of: user, contact: "sip:\(user)@\(callee.hostPort)", at: hostPort)
        registration.domain = Self.domain
        try await SIPpPeer.start(registration, in: peers).succeeded()
        return callee
    }

    /// A SIPp that calls a user once.
    func caller(
        _ scenario: String, of user: String = "bob", for pause: Duration = .milliseconds(100), in peers: Peers
    ) async throws -> SIPpPeer {
        var options = SIPpOptions(.named(scenario), remote: hostPort)
        options.domain = Self.domain
        options.service = user
        options.callLength = pause
        options.tracesMessages = true
        return try await SIPpPeer.start(options, in: peers)
    }
}

/// Runs a test with a server.
func withServer(
    _ options: LoopbackServer.Options = LoopbackServer.Options(), _ body: (LoopbackServer, Peers) async throws -> Void
) async throws {
    try await withPeers { peers in try await body(LoopbackServer.start(options, in: peers), peers) }
}
