import ArgumentParser
import Foundation
import Glibc
import Logging
import SIPEndpoint
import Server
import Synchronization

/// `ito serve`: runs the server until it is told to stop.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server.",
        discussion: """
            Prints one line with `ready` and the addresses when it accepts requests. SIGTERM and Ctrl-C stop it within 5 \
            seconds; SIGHUP makes it read its configuration again.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("A domain whose users register here; may be given several times.", valueName: "name"))
    var domain: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where to listen, as udp://127.0.0.1:5060 or udp://[::1]:5060; may be given several times.",
            valueName: "url"))
    var listen: [String] = []

    @Option(help: "Threads that carry signalling; 0 is one for each processor.")
    var lanes: Int?

    @Flag(help: "Accept requests without authentication; only on loopback addresses.")
    var noAuth = false

    @Flag(help: "Keep users and bindings in memory alone.")
    var memory = false

    private var flags: [ConfigurationFlag] {
        var flags: [ConfigurationFlag] = []
        if !domain.isEmpty { flags.append(ConfigurationFlag("--domain", "domains", domain)) }
        if !listen.isEmpty { flags.append(ConfigurationFlag("--listen", "listeners", listen)) }
        if let lanes { flags.append(ConfigurationFlag("--lanes", "lanes.count", [String(lanes)])) }
        if noAuth { flags.append(ConfigurationFlag("--no-auth", "authentication.required", ["no"])) }
        if memory { flags.append(ConfigurationFlag("--memory", "store.kind", ["memory"])) }
        return flags
    }

    func run() async throws {
        let signals = Signals([SIGTERM, SIGINT, SIGHUP])
        let loaded = try options.load(flags)
        let configuration = loaded.configuration
        let logger = ServerLog.begin(configuration.logging, notes: loaded.notes)
        let source = { @Sendable [options, flags] () throws(ConfigurationProblems) -> ServerConfiguration in
            try options.load(flags).configuration
        }
        let server = try await SIPServer.start(configuration, logger: logger, source: source) { adopted in
            ServerLog.leastLevel.withLock { $0 = Logger.Level(adopted.logging.level) }
        }
        greet(server)
        let stream = signals.stream
        await withTaskGroup { group in
            group.addTask { await server.stopRequested() }
            group.addTask {
                for await number in stream {
                    guard number == SIGHUP else { return }
                    // What was wrong is in the log; the old configuration holds.
                    _ = try? await server.reload()
                }
            }
            await group.next()
            group.cancelAll()
        }
        logger.info("stopping")
        await server.stop()
    }

    private func greet(_ server: SIPServer) {
        Terminal.say("ready " + server.listeners.map(\.url).joined(separator: " "))
        guard Terminal.isInteractive, let listener = server.listeners.first else { return }
        let domain = server.configuration.domains.first?.name ?? "localhost"
        Terminal.say(
            """

            Add a user:      ito user add alice@\(domain)
            A phone's setup: user alice, domain \(domain), proxy \(listener.address)
            Counters:        ito stats --watch
            Stop:            Ctrl-C
            """)
    }
}
