public import SIPEndpoint
import Synchronization

/// Sends keep-alives along the datagram flows of bindings behind a NAT, so that the NAT does not forget them.
///
/// A lane has one, which serves its part of the shards and is driven by a timer of the lane: each tick goes on through the
/// table as far as the time that has passed is a part of the interval. The order is that of a keyed hash, which spreads the
/// keep-alives evenly over the interval without a timer for each binding. A keep-alive is two empty lines, which receivers
/// ignore in front of a message (RFC 3261 §7.5).
public struct PingSchedule {
    /// A keep-alive.
    public static let ping: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]

    private let table: BindingTable
    private let part: Int
    private let parts: Int
    private let interval: Duration
    private let limit: Int
    /// Where the walk is: shards of this part times two to the power of 32, and a position in the order of hashes.
    private var position: UInt64 = 0
    private var last: ContinuousClock.Instant?
    private var flows: [Flow] = []
    /// What was left of the way of the last tick, when there was more to send than a tick may.
    private var backlog: UInt64 = 0
    /// Keep-alives sent so far.
    public private(set) var sent: UInt64 = 0

    /// Slots that are looked at under one lock.
    private static let step: UInt64 = 512

    /// Makes the schedule of one lane.
    ///
    /// - Parameters:
    ///   - part: the number of the lane among `parts`.
    ///   - parts: the number of lanes that send keep-alives, at most `BindingTable.shardCount`.
    public init(table: BindingTable, part: Int = 0, of parts: Int = 1, configuration: RegistrarConfiguration) {
        precondition((1...BindingTable.shardCount).contains(parts) && (0..<parts).contains(part))
        self.table = table
        self.part = part
        self.parts = parts
        interval = configuration.pingInterval
        limit = max(1, configuration.pingsPerTick)
    }

    /// Sends what is due, on the lane's own sockets.
    ///
    /// - Returns: how many keep-alives were sent.
    @discardableResult
    public mutating func tick(in layer: TransactionLayer) -> Int {
        tick(now: layer.driver.now) { layer.sendDirectly(Self.ping, $0) }
    }

    /// Calls `send` for each flow that is due: `pingsPerTick` times at most, and for what the last address has more.
    ///
    /// - Parameter now: the time; the first tick only takes note of it.
    /// - Returns: how many that were.
    @discardableResult
    public mutating func tick(now: ContinuousClock.Instant, _ send: (Flow) -> Void) -> Int {
        defer { last = now }
        guard let last, now > last, interval > .zero else { return 0 }
        let whole = UInt64(shardsOfPart) << 32
        // After a pause longer than the interval one round is due and no more.
        let share = min(1, (now - last) / interval)
        var way = min(whole, backlog + UInt64(Double(whole) * share))
        flows.removeAll(keepingCapacity: true)
        let wall = table.now
        while way > 0, flows.count < limit {
            let index = part + Int(position >> 32) * parts
            let moved = table.collectFlows(
                index, from: position & 0xFFFF_FFFF, way: way, steps: Self.step, limit: limit, wall, into: &flows)
            position = (position + moved) % whole
            way -= min(way, moved)
        }
        backlog = way
        for flow in flows { send(flow) }
        sent &+= UInt64(flows.count)
        return flows.count
    }

    /// The shards `part`, `part + parts` and so on.
    private var shardsOfPart: Int { (BindingTable.shardCount - part + parts - 1) / parts }
}

extension BindingTable {
    /// Collects the flows of a part of a shard that want keep-alives.
    ///
    /// - Parameters:
    ///   - position: where to begin in the order of hashes.
    ///   - way: how far to go at most.
    ///   - steps: slots to look at, at most.
    ///   - limit: flows in the array from which on to stop.
    /// - Returns: how far it went.
    fileprivate func collectFlows(
        _ index: Int, from position: UInt64, way: UInt64, steps: UInt64, limit: Int, _ now: WallTime,
        into flows: inout [Flow]
    ) -> UInt64 {
        let end = min(1 << 32, position + way)
        return shards[index].withLock { shard in
            // A slot belongs to the tick in whose way it begins, so that each is taken once a round.
            var slot = shard.firstSlot(from: position)
            let last = min(shard.firstSlot(from: end), slot + Int(steps))
            while slot < last, flows.count < limit {
                if shard.slots[slot].needsPings {
                    for binding in shard.slots[slot].entry.bindings
                    where binding.needsPings && binding.isCurrent(now) {
                        if let flow = FlowCode.read(binding.flow) { flows.append(flow) }
                    }
                }
                slot += 1
            }
            let reached = slot == shard.firstSlot(from: end) ? end : shard.position(of: slot)
            return reached - position
        }
    }
}
