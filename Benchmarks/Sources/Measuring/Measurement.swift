import AllocationCounter

/// Runs a piece of work many times and prints what one of it costs.
public struct Measurement {
    /// Turns of one run; a run lasts some milliseconds.
    public let turnsPerRun: Int
    /// Runs; the least and the middle one are reported.
    public let runs: Int

    /// So many turns of so many runs.
    public init(turnsPerRun: Int = 20_000, runs: Int = 51) {
        self.turnsPerRun = turnsPerRun
        self.runs = runs
    }

    /// Turns of all runs, with those that warm up and that which is counted.
    public var turns: Int { turnsPerRun * (runs + 1) + 1 }

    /// Measures and prints one line.
    public func measure(_ name: String, _ work: () -> Void) {
        for _ in 0..<turnsPerRun { work() }
        var times: [Double] = []
        times.reserveCapacity(runs)
        for _ in 0..<runs {
            let start = ContinuousClock.now
            for _ in 0..<turnsPerRun { work() }
            let (seconds, attoseconds) = (ContinuousClock.now - start).components
            times.append((Double(seconds) * 1e9 + Double(attoseconds) * 1e-9) / Double(turnsPerRun))
        }
        times.sort()
        print(
            pad(name, 52), column(times[0]), column(times[runs / 2]), pad("\(allocations(work))", 12, right: true))
    }

    /// Prints what the columns are.
    public static func printHeading() {
        print(
            pad("", 52), pad("min ns", 10, right: true), pad("median ns", 10, right: true),
            pad("allocations", 12, right: true))
    }

    /// Blocks that one turn takes from the allocator, once it is warm.
    private func allocations(_ work: () -> Void) -> UInt64 {
        let before = allocation_count()
        work()
        return allocation_count() - before
    }
}

private func pad(_ text: String, _ width: Int, right: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return right ? blanks + text : text + blanks
}

private func column(_ nanoseconds: Double) -> String {
    let tenths = Int((nanoseconds * 10).rounded())
    return pad("\(tenths / 10).\(tenths % 10)", 10, right: true)
}
