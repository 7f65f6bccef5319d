public import Reactor
public import SIP

/// Puts load on a SIP server and measures what becomes of it.
public enum LoadGenerator {
    /// Runs a plan on a lane of its own.
    ///
    /// - Parameters:
    ///   - digest: the hash functions for challenges.
    ///   - progress: called about once a second, on the lane.
    /// - Throws: `SocketError` when a socket cannot be had.
    public static func run(
        _ plan: LoadPlan, digest: DigestHash = DigestHash(), progress: (@Sendable (LoadReport) -> Void)? = nil
    ) async throws(SocketError) -> LoadReport {
        let lane = try Lane(name: "load")
        defer { lane.stop() }
        let local: TransportAddress =
            plan.target.isLoopback ? .loopback(plan.target.family) : .wildcard(plan.target.family)
        var bound: [BoundDatagramSocket] = []
        for _ in 0..<max(1, plan.socketCount) { bound.append(try BoundDatagramSocket.bind(local)) }
        let sockets = bound
        let (reports, continuation) = AsyncStream<LoadReport>.makeStream()
        try await lane.run { (lane) throws(SocketError) in
            let session = LoadSession(plan, lane: lane, digest: digest, progress: progress) { report in
                continuation.yield(report)
                continuation.finish()
            }
            try session.begin(sockets)
        }
        var result = LoadReport()
        for await report in reports { result = report }
        return result
    }
}
