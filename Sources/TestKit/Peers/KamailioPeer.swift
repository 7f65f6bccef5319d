/// Kamailio as registrar and stateful, record-routing proxy of one domain, with or without Digest; or whatever a configuration file
/// makes of it.
public final class KamailioPeer: Sendable {
    static let package = "kamailio"
    /// What TLS takes, with Kamailio itself.
    static let securePackage = "kamailio kamailio-tls-modules"

    /// What kind of server it is.
    public struct Options: Sendable {
        /// The domain it serves, besides its own address.
        public var domain = "example.test"
        /// Passwords of its users. When there are any, REGISTER, and requests from its users, are challenged.
        public var passwords: [String: String] = [:]
        /// The address it listens on, without brackets, for UDP and TCP.
        public var address = "127.0.0.1"
        /// How long it rings at most before it answers 408 (`fr_inv_timer`).
        public var answerLimit = Duration.seconds(30)
        /// The path of a configuration file in place of the one that the options above make. It names no sockets: they are told on
        /// the command line.
        public var configuration: String?
        /// What `#!ifdef` and the rest of that file know, by name: numbers, or texts with their quotes.
        public var defines: [String: String] = [:]
        /// Whether it listens for TLS too, as that file must provide for.
        public var isSecure = false

        public init() {}
    }

    public let process: PeerProcess
    public let options: Options
    /// The port for UDP and TCP.
    public let port: UInt16
    /// The port for TLS, where it listens for that.
    public var securePort: UInt16 { port + 1 }

    /// `host:port`, with brackets around an IPv6 address.
    public var hostPort: String { Self.bracketed(options.address) + ":\(port)" }

    static func bracketed(_ address: String) -> String { address.contains(":") ? "[\(address)]" : address }

    private init(process: PeerProcess, options: Options, port: UInt16) {
        self.process = process
        self.options = options
        self.port = port
    }

    /// Starts Kamailio on a free port; it accepts requests when this returns.
    ///
    /// - Throws: ``PeerError``, with the install hint when Kamailio is missing.
    public static func start(_ options: Options = Options(), in peers: Peers) async throws -> KamailioPeer {
        let reservation = try PortReservation(count: options.isSecure ? 2 : 1, on: options.address)
        let port = reservation.port
        let folder = try peers.folder.folder("kamailio-\(port)")
        let file =
            try options.configuration
            ?? peers.folder.write(configuration(options, port: port), to: "kamailio-\(port)/kamailio.cfg")
        var line = arguments(configuration: file, folder: folder)
        if options.configuration != nil { line += sockets(options, port: port) }
        for (name, value) in options.defines.sorted(by: { $0.key < $1.key }) { line += ["-A", "\(name)=\(value)"] }
        reservation.release()
        let process = try peers.start(
            PeerCommand("kamailio", line, package: options.isSecure ? securePackage : package),
            name: "kamailio-\(port)", folder: folder)
        try await process.bound(.udp, port: port)
        try await process.bound(.tcp, port: port)
        if options.isSecure { try await process.bound(.tcp, port: port + 1) }
        return KamailioPeer(process: process, options: options, port: port)
    }

    /// What it listens on, for a file that says nothing of it.
    private static func sockets(_ options: Options, port: UInt16) -> [String] {
        let address = bracketed(options.address)
        var line = ["-l", "udp:\(address):\(port)", "-l", "tcp:\(address):\(port)"]
        if options.isSecure { line += ["-l", "tls:\(address):\(port + 1)"] }
        return line
    }

    /// In the foreground (`-DD`), reporting to standard error (`-E`), all its files in one folder. The allocator `tlsf` is the quick
    /// one; without `-x` and `-X` Debian's build takes the one for debugging.
    static func arguments(configuration: String, folder: String) -> [String] {
        [
            "-f", configuration, "-DD", "-E", "-Y", folder, "-w", folder, "-P", folder + "/kamailio.pid",
            "-x", "tlsf", "-X", "tlsf", "-m", "64", "-M", "8",
        ]
    }
}
