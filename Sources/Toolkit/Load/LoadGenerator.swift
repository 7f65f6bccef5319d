import Reactor
public import SIP

/// Puts load on a SIP server and measures what becomes of it.
public enum LoadGenerator {
    /// Runs a plan on a lane of its own.
    ///
    /// - Parameters:
    ///   - digest: the hash functions for challenges.
    ///   - progress: called about once a second, on the lane.
    /// - Throws: `LoadError` when a socket cannot be had, or not all connections can be made.
    public static func run(
        _ plan: LoadPlan, digest: DigestHash = DigestHash(), progress: (@Sendable (LoadReport) -> Void)? = nil
    ) async throws(LoadError) -> LoadReport {
        let lane: Lane
        do throws(SocketError) { lane = try Lane(name: "load") } catch { throw .socket(error) }
        defer { lane.stop() }
        let (reports, continuation) = AsyncStream<LoadReport>.makeStream()
        let make = { @Sendable (lane: Lane) in
            LoadSession(plan, lane: lane, digest: digest, progress: progress) { report in
                continuation.yield(report)
                continuation.finish()
            }
        }
        var result = LoadReport()
        if plan.transport == .udp {
            do throws(SocketError) { try await begin(plan, on: lane, make) } catch { throw .socket(error) }
            for await report in reports { result = report }
        } else {
            let streams = LoadStreams(plan)
            do throws(LoadError) {
                let connections = try await streams.open()
                await lane.run { lane in
                    let session = make(lane)
                    let carrier = LoadConnections(connections, plan, on: lane, session)
                    session.begin(carrier)
                    streams.begin(LaneBound(carrier, on: lane))
                }
                for await report in reports { result = report }
            } catch {
                await streams.stop()
                throw error
            }
            await streams.stop()
        }
        return result
    }

    /// Begins a run over UDP.
    private static func begin(
        _ plan: LoadPlan, on lane: Lane, _ make: @escaping @Sendable (Lane) -> LoadSession
    ) async throws(SocketError) {
        let local: TransportAddress =
            plan.target.isLoopback ? .loopback(plan.target.family) : .wildcard(plan.target.family)
        var bound: [BoundDatagramSocket] = []
        for _ in 0..<max(1, plan.socketCount) { bound.append(try BoundDatagramSocket.bind(local)) }
        let sockets = bound
        try await lane.run { (lane) throws(SocketError) in
            let session = make(lane)
            session.begin(try LoadSockets(sockets, on: lane, session))
        }
    }
}
