import ArgumentParser
import Foundation
import Glibc
import Reactor
import SIP
import Server
import Toolkit

/// `ito load`: puts load on a server and measures what becomes of it.
struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put load on a SIP server and measure it.",
        discussion: """
            Users are named load0, load1 and so on; their password is in ITO_PASSWORD. For calls they register first. Connections \
            are open before the first operation begins. Ends with status 1 when an operation failed.
            """)

    enum Operation: String, ExpressibleByArgument, CaseIterable { case options, register, call }

    @Argument(help: "options, register or call.") var operation: Operation
    @Option(
        help: ArgumentHelp(
            "The server, as udp://127.0.0.1:5060; with tcp, tls, ws or wss for connections.", valueName: "url"))
    var target: String
    @Option(help: "Operations begun in a second; without it the next begins when one ends.") var rate: Double?
    @Option(help: "Operations under way at any time, without --rate.") var concurrency = 64
    @Option(help: "For how many seconds operations begin.") var duration = 10.0
    @Option(help: "How many operations at most; 0 is no bound.") var count = 0
    @Option(help: "Sockets to send from, or connections.") var sockets = 4
    @Option(help: "Users in turn.") var users = 1_000
    @Flag(
        inversion: .prefixedNo,
        help: "Whether users keep a nonce for the next registration; otherwise each is challenged.")
    var keepNonce = true
    @Option(help: "The domain of the users; the target's address unless given.") var domain = ""
    @Option(
        help: ArgumentHelp(
            "The PEM file of the authorities whose certificates are trusted; by default those of the system.",
            valueName: "file"))
    var caFile: String?
    @Flag(help: "End with a line of JSON.") var json = false

    func validate() throws {
        guard duration > 0, duration <= 86_400 else { throw ValidationError("--duration is from 0 to 86400 seconds") }
        guard rate.map({ $0 > 0 && $0 <= 1_000_000 }) ?? true else {
            throw ValidationError("--rate is from 0 to 1000000 a second")
        }
        guard (1...LoadPlan.outstandingLimit).contains(concurrency) else {
            throw ValidationError("--concurrency is from 1 to \(LoadPlan.outstandingLimit)")
        }
        guard (1...10_000).contains(sockets), (1...10_000_000).contains(users), count >= 0 else {
            throw ValidationError("--sockets is from 1 to 10000, --users from 1 to 10000000, --count not negative")
        }
    }

    func run() async throws {
        let report = try await measure()
        if Terminal.showsProgress { Terminal.progress("") }
        Terminal.say(json ? report.json : report.text)
        if report.failed > 0 || report.operations == 0 { throw ExitCode(1) }
    }

    private func measure() async throws(ServerError) -> LoadReport {
        let kind: LoadPlan.Operation = operation == .options ? .options : operation == .register ? .register : .call
        let (transport, target) = try server()
        var plan = LoadPlan(kind, target: target)
        plan.transport = transport
        if transport.isSecure { plan.security = try security() }
        plan.domain = domain
        plan.pace = rate.map { .fixed(rate: $0) } ?? .closed(concurrency: concurrency)
        plan.duration = .milliseconds(Int64(duration * 1_000))
        plan.limit = count
        plan.socketCount = sockets
        plan.userCount = users
        plan.keepsNonces = keepNonce
        plan.password = ProcessInfo.processInfo.environment[Password.variable] ?? ""
        do throws(LoadError) {
            return try await LoadGenerator.run(plan, digest: .crypto) { report in
                Terminal.progress(
                    "\(report.operations) done, \(report.failed) failed, \(report.retransmissions) sent again")
            }
        } catch {
            switch error {
            case .socket(let error): throw ServerError(error)
            case .connection:
                throw ServerError(
                    .environment, "\(error)",
                    remedy: "see that the server listens there; a certificate of its own needs --ca-file FILE")
            }
        }
    }

    /// The transport and the address of the target.
    private func server() throws(ServerError) -> (TransportName, TransportAddress) {
        let parts = target.split(separator: "://", maxSplits: 1)
        let scheme = parts.count == 2 ? String(parts[0]) : "udp"
        let transport = [TransportName.udp, .tcp, .tls, .ws, .wss].first { "\($0.text)".lowercased() == scheme }
        guard let transport, let text = parts.last,
            let address = TransportAddress(String(text), defaultPort: transport.defaultPort)
        else {
            throw ServerError(
                .usage, "`\(target)` is no target", remedy: "write for example udp://127.0.0.1:5060 or tls://[::1]:5061"
            )
        }
        return (transport, address)
    }

    /// Whose certificates are believed.
    private func security() throws(ServerError) -> TLSContext {
        var configuration = TLSConfiguration()
        do throws(TLSConfigurationError) {
            if let caFile { configuration.trust = .authorities(try TLSAuthorities(file: caFile)) }
            return try TLSContext(configuration)
        } catch {
            throw ServerError(.usage, "\(error)", remedy: "--ca-file wants a readable file of certificates in PEM form")
        }
    }
}
