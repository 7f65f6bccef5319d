import Registrar
import SIPEndpoint

/// What a lane does by the clock: it sweeps bindings that have ended, and keeps the ways through NATs open.
///
/// Bound to its lane.
struct LaneDuties {
    /// Tokens of the timers.
    enum Token: UInt64 {
        case sweep = 1
        case ping = 2
    }

    /// How often a part of the bindings is swept.
    static let sweepInterval: Duration = .milliseconds(500)
    /// Slots of the index that one sweep looks at: a million addresses are gone through in about half a minute.
    static let sweepBudget = 50_000
    /// How often keep-alives are sent, so that they are spread over the ping interval.
    static let pingTick: Duration = .milliseconds(500)

    private let table: BindingTable
    private let sweeps: Bool
    private let lane: Int
    private let laneCount: Int
    private var pings: PingSchedule?

    /// - Parameters:
    ///   - lane: the number of the lane; the first sweeps.
    init(table: BindingTable, lane: Int, of laneCount: Int, configuration: ServerConfiguration) {
        self.table = table
        sweeps = lane == 0
        self.lane = lane
        self.laneCount = min(laneCount, BindingTable.shardCount)
        apply(configuration)
    }

    /// Takes over what has changed.
    mutating func apply(_ configuration: ServerConfiguration) {
        pings = nil
        guard configuration.registrar.natPingInterval > .zero, lane < laneCount else { return }
        pings = PingSchedule(
            table: table, part: lane, of: laneCount, configuration: configuration.registrarConfiguration)
    }

    /// Starts the timers.
    func begin(in layer: TransactionLayer) {
        if sweeps { _ = layer.schedule(Token.sweep.rawValue, after: Self.sweepInterval) }
        _ = layer.schedule(Token.ping.rawValue, after: Self.pingTick)
    }

    mutating func timerFired(_ token: UInt64, in layer: TransactionLayer) {
        switch Token(rawValue: token) {
        case .sweep:
            table.sweep(now: table.now, budget: Self.sweepBudget)
            _ = layer.schedule(token, after: Self.sweepInterval)
        case .ping:
            pings?.tick(in: layer)
            _ = layer.schedule(token, after: Self.pingTick)
        case nil: break
        }
    }

    /// A connection is no more, and with it the bindings that it leads to; all lanes hear of it, and the first ends them.
    func connectionClosed(_ connection: UInt64) {
        if sweeps { table.connectionClosed(connection) }
    }

    /// Keep-alives sent so far.
    var pingsSent: UInt64 { pings?.sent ?? 0 }
}
