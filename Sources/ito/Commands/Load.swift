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
            Users are named load0, load1 and so on; their password is in ITO_PASSWORD. For calls they register first. Ends with \
            status 1 when an operation failed.
            """)

    enum Operation: String, ExpressibleByArgument, CaseIterable { case options, register, call }

    @Argument(help: "options, register or call.") var operation: Operation
    @Option(help: ArgumentHelp("The server, as udp://127.0.0.1:5060.", valueName: "url")) var target: String
    @Option(help: "Operations begun in a second; without it the next begins when one ends.") var rate: Double?
    @Option(help: "Operations under way at any time, without --rate.") var concurrency = 64
    @Option(help: "For how many seconds operations begin.") var duration = 10.0
    @Option(help: "How many operations at most; 0 is no bound.") var count = 0
    @Option(help: "Sockets to send from.") var sockets = 4
    @Option(help: "Users in turn.") var users = 1_000
    @Option(help: "The domain of the users; the target's address unless given.") var domain = ""
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
        var plan = LoadPlan(kind, target: try address())
        plan.domain = domain
        plan.pace = rate.map { .fixed(rate: $0) } ?? .closed(concurrency: concurrency)
        plan.duration = .milliseconds(Int64(duration * 1_000))
        plan.limit = count
        plan.socketCount = sockets
        plan.userCount = users
        plan.password = ProcessInfo.processInfo.environment[Password.variable] ?? ""
        do throws(SocketError) {
            return try await LoadGenerator.run(plan, digest: .crypto) { report in
                Terminal.progress(
                    "\(report.operations) done, \(report.failed) failed, \(report.retransmissions) sent again")
            }
        } catch {
            throw ServerError(error)
        }
    }

    private func address() throws(ServerError) -> TransportAddress {
        let text = target.hasPrefix("udp://") ? String(target.dropFirst(6)) : target
        guard !text.contains("://"), let address = TransportAddress(text, defaultPort: 5_060) else {
            throw ServerError(.usage, "`\(target)` is no target", remedy: "write for example udp://127.0.0.1:5060")
        }
        return address
    }
}
