/// What a run of the load generator has found.
public struct LoadReport: Sendable {
    /// The operation.
    public var operation = ""
    /// Operations that were begun.
    public var started: UInt64 = 0
    /// Operations that ended as they should.
    public var operations: UInt64 = 0
    /// Operations that were refused or timed out.
    public var failed: UInt64 = 0
    /// Requests that were sent again.
    public var retransmissions: UInt64 = 0
    /// Operations that the pace asked for and that could not begin, since too many were under way.
    public var skipped: UInt64 = 0
    /// Datagrams that our own sockets have dropped.
    public var drops: UInt64 = 0
    /// Connections that ended before the run did; the operations that were under way on them have failed.
    public var broken: UInt64 = 0
    /// Why the first of them ended.
    public var breakReason = ""
    /// Final responses other than 200, by status.
    public var statuses: [UInt16: UInt64] = [:]
    /// Seconds from the first operation to the last answer.
    public var seconds = 0.0
    /// From the first request to the last answer of an operation; for calls, from INVITE to its 200.
    public var latency = LatencyHistogram()

    public init() {}

    /// Operations per second.
    public var rate: Double { seconds > 0 ? Double(operations) / seconds : 0 }

    /// One line of JSON.
    public var json: String {
        let list = statuses.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        return """
            {"event":"load","operation":"\(operation)","started":\(started),"operations":\(operations),"failed":\(failed),\
            "retransmissions":\(retransmissions),"skipped":\(skipped),"drops":\(drops),"broken":\(broken),"seconds":\(rounded(seconds)),\
            "rate":\(rounded(rate)),"p50_us":\(latency.percentile(0.5)),"p90_us":\(latency.percentile(0.9)),\
            "p99_us":\(latency.percentile(0.99)),"p999_us":\(latency.percentile(0.999)),"max_us":\(latency.maximum),\
            "statuses":{\(list)}}
            """
    }

    /// A few lines for people.
    public var text: String {
        var lines =
            "\(operations) of \(started) \(operation) operations done in \(rounded(seconds)) s: \(rounded(rate)) per second"
        lines +=
            "\nfailed \(failed), sent again \(retransmissions), skipped \(skipped), dropped at our sockets \(drops)"
        lines += "\nlatency p50 \(latency.percentile(0.5)) µs, p99 \(latency.percentile(0.99)) µs, "
        lines += "p99.9 \(latency.percentile(0.999)) µs, greatest \(latency.maximum) µs"
        if broken > 0 { lines += "\nconnections that broke: \(broken), the first: \(breakReason)" }
        for (status, count) in statuses.sorted(by: { $0.key < $1.key }) { lines += "\nstatus \(status): \(count)" }
        return lines
    }

    private func rounded(_ value: Double) -> String {
        let tenths = (value * 10).rounded()
        return "\(Int(tenths) / 10).\(abs(Int(tenths)) % 10)"
    }
}
