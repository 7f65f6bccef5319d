/// What a SIPp that has ended says of its calls.
public struct SIPpResult: Sendable, CustomStringConvertible {
    /// How the program ended. 0 is success; 1: at least one call failed; 97: ended by a command of the scenario; 99: ended
    /// without a call; 255: a fatal error, such as its overall time limit.
    public let exit: PeerExit
    /// The cumulative counters by their name in SIPp's statistics, without the `(C)` behind it: `SuccessfulCall`, `FailedCall`,
    /// `Retransmissions`, `FailedUnexpectedMessage`, `OutOfCallMsgs` …
    public let counters: [String: Int]
    /// What it wrote of unexpected messages and other errors.
    public let errors: [String]

    /// Calls that went through the scenario to its end.
    public var successful: Int { counters["SuccessfulCall"] ?? 0 }
    /// Calls that did not.
    public var failed: Int { counters["FailedCall"] ?? 0 }
    /// Messages sent again because no answer came in time.
    public var retransmissions: Int { counters["Retransmissions"] ?? 0 }
    /// Whether the program ended well and no call failed.
    public var isSuccess: Bool { exit == .code(0) && failed == 0 }

    public var description: String {
        let head = "SIPp ended (\(exit)) after \(successful) successful and \(failed) failed calls"
        return errors.isEmpty ? head : head + ":\n" + errors.joined(separator: "\n")
    }

    init(exit: PeerExit, statistics: String, errors: String) {
        self.exit = exit
        self.errors = errors.split(separator: "\n").map(String.init).filter { $0 != "The following events occurred:" }
        counters = Self.counters(of: statistics)
    }

    /// Reads the last row of the statistics, whose first line names the columns.
    private static func counters(of statistics: String) -> [String: Int] {
        let rows = statistics.split(separator: "\n")
        guard let names = rows.first?.split(separator: ";", omittingEmptySubsequences: false),
            let values = rows.dropFirst().last?.split(separator: ";", omittingEmptySubsequences: false)
        else { return [:] }
        var counters: [String: Int] = [:]
        for (name, value) in zip(names, values) where !name.hasSuffix("(P)") {
            counters[String(name.hasSuffix("(C)") ? name.dropLast(3) : name)] = Int(value)
        }
        return counters
    }
}
