import ArgumentParser
import Foundation
import Glibc
import Reactor
import Server

/// `ito doctor`: looks whether this machine has what a server needs.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look whether this machine has what a server needs.",
        discussion: "Ends with status 3 when something is missing that the server cannot start without.")

    @Flag(help: "Print a JSON object for each check.") var json = false
    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let loaded = try options.load()
        var findings: [ServerCheck] = []
        findings += ServerCheck.all(loaded.configuration)
        for finding in findings {
            if json {
                Terminal.say(JSONLine.text(finding))
            } else {
                Terminal.say("\(finding.state.mark) \(finding.subject): \(finding.finding)")
                if finding.state != .good, !finding.remedy.isEmpty { Terminal.say("  \(finding.remedy)") }
            }
        }
        if findings.contains(where: { $0.state == .bad }) { throw ExitCode(3) }
    }
}

extension ServerCheck.State {
    fileprivate var mark: String {
        switch self {
        case .good: "ok  "
        case .fair: "note"
        case .bad: "BAD "
        }
    }
}
