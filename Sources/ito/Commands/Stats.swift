import ArgumentParser
import Server

/// `ito stats`: the counters of a running server.
struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what a running server has counted.")

    @Flag(help: "Show it again each second until interrupted.") var watch = false
    @Flag(help: "Print a JSON object on a line.") var json = false
    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let folder = try options.load().configuration.dataFolder
        var client = try ControlClient.ofRunningServer(folder)
        repeat {
            guard let statistics = try client.send(ControlRequest(.stats)).statistics else { return }
            if watch, !json, Terminal.isInteractive { Terminal.write("\u{1B}[H\u{1B}[2J", to: 1) }
            Terminal.say(json ? JSONLine.text(statistics) : statistics.text)
            if watch { try await Task.sleep(for: .seconds(1)) }
        } while watch
    }
}

extension ServerStatistics {
    /// A table for people; what is zero is left out.
    fileprivate var text: String {
        var lines = [
            "up \(uptimeMilliseconds / 1_000) s, users \(users), bindings \(bindings), "
                + "changes to commit \(pendingChanges), commit lag \(commitLagMilliseconds) ms"
        ]
        let groups = [
            ("signalling", signalling), ("connections", connections), ("registrar", registrar), ("proxy", proxy),
            ("push", push), ("media", media), ("refused", refused),
            ("authentication", authentication),
        ]
        for (name, counters) in groups { lines += Self.lines(name, counters) }
        for lane in lanes {
            let busy = (lane.busyPercent * 10).rounded() / 10
            lines += Self.lines("lane \(lane.lane), \(busy) % busy", lane.counters)
        }
        return lines.joined(separator: "\n")
    }

    private static func lines(_ name: String, _ counters: [String: UInt64]) -> [String] {
        let shown = counters.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        return shown.isEmpty ? [] : [name] + shown.map { "  \($0.key) \($0.value)" }
    }
}
