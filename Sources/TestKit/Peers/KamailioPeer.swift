/// Kamailio as registrar and stateful, record-routing proxy of one domain, with or without Digest.
public final class KamailioPeer: Sendable {
    static let package = "kamailio"

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

        public init() {}
    }

    public let process: PeerProcess
    public let options: Options
    /// The port for UDP and TCP.
    public let port: UInt16

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
        let reservation = try PortReservation(on: options.address)
        let port = reservation.port
        let folder = try peers.folder.folder("kamailio-\(port)")
        let file = try peers.folder.write(configuration(options, port: port), to: "kamailio-\(port)/kamailio.cfg")
        reservation.release()
        let process = try peers.start(
            PeerCommand("kamailio", arguments(configuration: file, folder: folder), package: package),
            name: "kamailio-\(port)", folder: folder)
        try await process.bound(.udp, port: port)
        try await process.bound(.tcp, port: port)
        return KamailioPeer(process: process, options: options, port: port)
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
