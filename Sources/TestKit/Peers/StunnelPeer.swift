/// Stunnel: puts TLS around the connections of programs that have none, with OpenSSL, as client or as server.
public final class StunnelPeer: Sendable {
    static let package = "stunnel4"

    /// What it does.
    public enum Role: Sendable {
        /// Takes plain connections and makes TLS ones to a server, whose certificate must be signed by an authority of a PEM
        /// file and name an address.
        case client(authorities: String, address: String)
        /// Takes TLS connections, with a certificate and key in a PEM file, and makes plain ones.
        case server(identity: String)
    }

    public let process: PeerProcess
    /// The port that it listens on.
    public let port: UInt16

    /// `127.0.0.1:PORT`.
    public var hostPort: String { "127.0.0.1:\(port)" }

    private init(process: PeerProcess, port: UInt16) {
        self.process = process
        self.port = port
    }

    /// Starts Stunnel on a free port.
    ///
    /// - Parameter destination: `host:port` of the program behind it.
    /// - Throws: ``PeerError``, with the install hint when Stunnel is missing.
    public static func start(_ role: Role, to destination: String, in peers: Peers) async throws -> StunnelPeer {
        let reservation = try PortReservation()
        let port = reservation.port
        let settings =
            switch role {
            case .client(let authorities, let address):
                "client = yes\nCAfile = \(authorities)\nverifyChain = yes\ncheckIP = \(address)"
            case .server(let identity): "cert = \(identity)"
            }
        let file = try peers.folder.write(
            """
            foreground = yes
            pid =
            debug = notice
            [sip]
            accept = 127.0.0.1:\(port)
            connect = \(destination)
            \(settings)

            """, to: "stunnel-\(port).conf")
        reservation.release()
        let process = try peers.start(
            PeerCommand("stunnel", [file], package: package), name: "stunnel-\(port)")
        try await process.bound(.tcp, port: port)
        return StunnelPeer(process: process, port: port)
    }
}
