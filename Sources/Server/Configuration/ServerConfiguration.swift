import Foundation

/// Everything a server can be told: domains, listeners, timers, limits and policies.
///
/// A value made with `init()` holds the defaults, with which a server works without any configuration: it listens on
/// `udp://127.0.0.1:5060` and `tcp://127.0.0.1:5060` and serves the domain `localhost`, also called `127.0.0.1`. Every
/// property stands in the table of `ConfigurationSchema` with its name in `ito.yaml`, its range, its reason and its
/// source; `docs/configuration.md` is made from that table. The sections are in files of their own.
public struct ServerConfiguration: Hashable, Sendable {
    /// The domains that this server is responsible for.
    public var domains: [Domain] = [Domain(name: "localhost", aliases: ["127.0.0.1"])]

    /// Where the server accepts SIP.
    public var listeners: [Listener] = [
        Listener(transport: .udp, address: "127.0.0.1"), Listener(transport: .tcp, address: "127.0.0.1"),
    ]

    /// The folder that holds the database and the control socket; a relative path begins at the working directory.
    public var dataFolder = Self.ownDataFolder

    /// The default of ``dataFolder``: `.local/share/itodenwa` in the home of whoever runs the server.
    public static let ownDataFolder = homeFolder + "/.local/share/itodenwa"

    /// The home folder of whoever runs the server, without a slash at its end.
    static let homeFolder = ProcessInfo.processInfo.environment["HOME"] ?? NSHomeDirectory()

    /// The threads that carry signalling.
    public var lanes = Lanes()

    /// The timers of transactions.
    public var timers = Timers()

    /// Limits on messages.
    public var limits = Limits()

    /// What is done when there is more to do than can be done.
    public var overload = Overload()

    /// How names are looked up.
    public var dns = DNS()

    /// Limits on connections.
    public var tcp = TCP()

    /// How connections are secured.
    public var tls = TLS()

    /// How WebSocket is spoken.
    public var webSocket = WebSocket()

    /// How bindings are made and kept.
    public var registrar = Registrar()

    /// How bindings are written to the database.
    public var store = Store()

    /// How users prove who they are.
    public var authentication = Authentication()

    /// How requests are forwarded.
    public var proxy = Proxy()

    /// How user agents that sleep are woken.
    public var push = Push()

    /// The numbers that the server answers itself.
    public var services = Services()

    /// Voice sent and received by the server itself.
    public var media = Media()

    /// The STUN and TURN server.
    public var turn = TURN()

    /// What is written to the log.
    public var logging = Logging()

    /// The defaults.
    public init() {}
}
