import ArgumentParser
import Foundation
import Glibc
import Logging
import Server

/// `ito relay`: runs the STUN and TURN server alone.
struct RelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay", abstract: "Run the STUN and TURN server, which relays media for those behind NATs.",
        discussion: """
            Prints one line with `ready` and the addresses when clients may come. Who may relay is told by the keys turn.users and \
            turn.secrets, or ITO_TURN_USERS=alice:password. SIGTERM and Ctrl-C stop it; SIGHUP makes it read users and secrets \
            again.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        help: ArgumentHelp(
            "Where clients come to, as udp://192.0.2.1:3478 or tls://[::1]:5349; may be given several times.",
            valueName: "url"))
    var listen: [String] = []

    @Option(
        help: ArgumentHelp(
            "The address that data is relayed from, perhaps as 10.0.0.5?advertise=203.0.113.7; one of each family.",
            valueName: "address"))
    var address: [String] = []

    @Option(help: ArgumentHelp("The realm of names and passwords.", valueName: "name"))
    var realm: String?

    @Option(
        help: ArgumentHelp(
            "A private or reserved network that data may be exchanged with; may be given several times.",
            valueName: "network"))
    var allow: [String] = []

    @Option(help: "Threads that relay; 0 is one for each processor.")
    var lanes: Int?

    private var flags: [ConfigurationFlag] {
        var flags: [ConfigurationFlag] = []
        if !listen.isEmpty { flags.append(ConfigurationFlag("--listen", "turn.listeners", listen)) }
        if !address.isEmpty { flags.append(ConfigurationFlag("--address", "turn.addresses", address)) }
        if let realm { flags.append(ConfigurationFlag("--realm", "turn.realm", [realm])) }
        if !allow.isEmpty { flags.append(ConfigurationFlag("--allow", "turn.allow-peers", allow)) }
        if let lanes { flags.append(ConfigurationFlag("--lanes", "turn.lanes", [String(lanes)])) }
        return flags
    }

    func run() async throws {
        let signals = Signals([SIGTERM, SIGINT, SIGHUP])
        let loaded = try options.load(flags)
        let configuration = loaded.configuration
        let logger = ServerLog.begin(configuration.logging, notes: loaded.notes)
        let relay = try await TURNService.start(configuration, logger: logger)
        Terminal.say("ready " + relay.listeners.joined(separator: " "))
        for await number in signals.stream {
            guard number == SIGHUP else { break }
            do throws(ConfigurationProblems) {
                await relay.adopt(try options.load(flags).configuration)
                logger.notice("users and secrets were read again")
            } catch {
                for problem in error.problems { logger.error("\(problem)") }
            }
        }
        logger.info("stopping")
        for counter in await relay.statistics where counter.value > 0 {
            logger.info("\(counter.name)", metadata: ["count": "\(counter.value)"])
        }
        await relay.stop()
    }
}
