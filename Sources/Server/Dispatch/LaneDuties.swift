import Registrar
import Routing
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
    private let push: PushCenter?
    private let sweeps: Bool
    private let lane: Int
    private let laneCount: Int
    private var pings: PingSchedule?
    private var ticks = 0
    /// The ticks of a minute.
    static let ticksOfMinute = 120

    /// - Parameters:
    ///   - lane: the number of the lane; the first sweeps.
    init(table: BindingTable, push: PushCenter? = nil, lane: Int, of laneCount: Int, configuration: ServerConfiguration)
    {
        self.table = table
        self.push = push
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

    /// Does what is due; true about once a minute, when what has grown old is to be forgotten.
    mutating func timerFired(_ token: UInt64, in layer: TransactionLayer) -> Bool {
        switch Token(rawValue: token) {
        case .sweep:
            let lead = push == nil ? 0 : RegistrarConfiguration.pushLead
            let found = table.sweep(now: table.now, lead: lead, budget: Self.sweepBudget)
            for contact in found.waking {
                if let target = PushTarget(contact: contact) { push?.wake(target, .refresh) }
            }
            _ = layer.schedule(token, after: Self.sweepInterval)
        case .ping:
            pings?.tick(in: layer)
            _ = layer.schedule(token, after: Self.pingTick)
            ticks &+= 1
            return ticks.isMultiple(of: Self.ticksOfMinute)
        case nil: break
        }
        return false
    }

    /// Keep-alives sent so far.
    var pingsSent: UInt64 { pings?.sent ?? 0 }
}
