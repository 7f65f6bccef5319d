import ArgumentParser
import Server

/// `ito calls`: the calls whose media a running server relays.
struct Calls: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the calls whose media a running server relays, with what went through each stream.")

    @Flag(help: "Print a JSON object for each.") var json = false
    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let folder = try options.load().configuration.dataFolder
        var client = try ControlClient.ofRunningServer(folder)
        for call in try client.send(ControlRequest(.listCalls)).calls ?? [] {
            Terminal.say(json ? JSONLine.text(call) : call.text)
        }
    }
}

extension CallStatus {
    /// A line for the call, and one for each end of a stream; what is zero is left out.
    fileprivate var text: String {
        var lines = ["\(callID)  \(seconds) s"]
        for stream in streams {
            for (side, leg) in [("caller", stream.caller), ("callee", stream.callee)] {
                let counters = leg.counters.filter { $0.value > 0 }.sorted { $0.key < $1.key }
                let text = counters.map { "  \($0.key) \($0.value)" }.joined()
                lines.append("  stream \(stream.index) \(side)  \(leg.address ?? "not heard")\(text)")
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension ControlClient {
    /// Opens the control socket of the server that works with a folder.
    ///
    /// - Throws: `ServerError` when there is none.
    static func ofRunningServer(_ folder: String) throws(ServerError) -> ControlClient {
        guard let client = ControlClient(folder: folder) else {
            throw ServerError(
                .environment, "no server works with the data folder \(folder)",
                remedy: "start one with ito serve, or name its folder with --data DIR")
        }
        return client
    }
}
