/// How losses lie among the packets of a stream: alone in gaps, or together in bursts (RFC 3611 §4.7.2).
///
/// A burst begins and ends with a packet that is missing, and holds no run of ``threshold`` packets that are there. What is missing
/// alone, so many packets before and behind it there, belongs to a gap. What has not come when it is due counts as missing, lost or
/// late. Told packet by packet; takes no memory for it.
public struct LossPattern: Hashable, Sendable {
    /// Packets that are there in a row between two bursts, Gmin.
    public static let threshold = 16

    /// Packets that were due.
    public private(set) var packets: UInt64 = 0
    /// Packets among them that were missing.
    public private(set) var missing: UInt64 = 0
    /// Times that packets were missing, however many in a row.
    public private(set) var runs: UInt64 = 0

    /// What is over.
    private var past = Bursts()
    /// The group of losses that is not yet known to be over: how many, and packets from the first to the last.
    private var open: (losses: UInt64, packets: UInt64) = (0, 0)
    /// Packets that were there since the last that was missing.
    private var since: UInt64 = 0

    private struct Bursts: Hashable {
        var count: UInt64 = 0
        var packets: UInt64 = 0
        var losses: UInt64 = 0

        mutating func take(_ group: (losses: UInt64, packets: UInt64)) {
            guard group.losses > 1 else { return }
            count += 1
            packets += group.packets
            losses += group.losses
        }
    }

    /// A stream of which nothing was due yet.
    public init() {}

    /// A packet was there when it was due.
    public mutating func received() {
        packets &+= 1
        since &+= 1
    }

    /// Packets in a row were missing when they were due.
    public mutating func lost(_ count: Int = 1) {
        guard count > 0 else { return }
        let count = UInt64(count)
        if since > 0 || missing == 0 { runs &+= 1 }
        packets &+= count
        missing &+= count
        if open.losses == 0 || since >= UInt64(Self.threshold) {
            past.take(open)
            open = (count, count)
        } else {
            open = (open.losses &+ count, open.packets &+ since &+ count)
        }
        since = 0
    }

    private var all: Bursts {
        var all = past
        all.take(open)
        return all
    }

    /// Bursts so far.
    public var bursts: UInt64 { all.count }

    /// Part of the packets in bursts that was missing, 0 to 1.
    public var burstDensity: Double { Self.part(all.losses, of: all.packets) }

    /// Part of the packets in gaps that was missing, 0 to 1.
    public var gapDensity: Double { Self.part(missing &- all.losses, of: packets &- all.packets) }

    /// Mean length of the bursts, in packets; 0 where there was none.
    public var burstLength: Double { all.count == 0 ? 0 : Double(all.packets) / Double(all.count) }

    /// Mean length of the gaps, in packets: there is one before each burst and one behind the last.
    public var gapLength: Double {
        let inGaps = Double(packets &- all.packets)
        return inGaps / Double(all.count + 1)
    }

    /// Part of the packets that was missing, 0 to 1.
    public var loss: Double { Self.part(missing, of: packets) }

    /// Mean number of packets that were missing in a row, over what it would be were losses independent (ITU-T G.107 §3.5); 1 where
    /// nothing was missing, and never less.
    public var burstRatio: Double {
        guard runs > 0, missing < packets else { return 1 }
        return max(1, Double(missing) / Double(runs) * (1 - loss))
    }

    private static func part(_ count: UInt64, of all: UInt64) -> Double { all == 0 ? 0 : Double(count) / Double(all) }

    public static func == (left: LossPattern, right: LossPattern) -> Bool {
        left.packets == right.packets && left.missing == right.missing && left.runs == right.runs
            && left.past == right.past && left.open == right.open && left.since == right.since
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(packets)
        hasher.combine(missing)
        hasher.combine(past)
    }
}
