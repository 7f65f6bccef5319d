/// Remembers which nonce counts were used, so that a request that was overheard cannot be sent again (RFC 7616 §3.4, `nc`; §5.5).
///
/// The memory is fixed when the table is made. Each nonce keeps its highest count and which of the 64 below were used, so requests
/// may overtake one another. When a nonce must be forgotten to make room, it and all older ones that would have shared its place
/// count as stale from then on: a crowded table costs an honest client one more round trip and lets no replay through.
public struct NonceCounts: Sendable {
    /// What the table says about a use of a nonce.
    public enum Verdict: Hashable, Sendable {
        /// The count is new.
        case fresh
        /// The count was used before.
        case replayed
        /// The count is the highest that was used, and by this very request: its answer was lost, and it was sent again.
        case repeated
        /// The nonce is too old for what the table remembers, or its count too far behind: to be treated as stale.
        case forgotten
    }

    /// The number of nonces that are remembered by default: 65,536, in 2.5 MiB.
    public static let defaultCapacity = 65_536

    /// How far a count may be behind the highest one that was used.
    public static let window: UInt32 = 64

    private struct Entry {
        var identifier: UInt64 = 0
        var issued: UInt64 = 0
        var used: UInt64 = 0
        // The request that used the highest count; 0 for one that is not known again.
        var request: UInt64 = 0
        var highest: UInt32 = 0
    }

    private static let ways = 8
    private var entries: [Entry]
    private var floors: [UInt64]
    private let mask: Int

    /// A table for `capacity` nonces, rounded up to a power of two of at least eight.
    public init(capacity: Int = Self.defaultCapacity) {
        var buckets = 1
        while buckets * Self.ways < min(capacity, 1 << 30) { buckets *= 2 }
        mask = buckets - 1
        entries = Array(repeating: Entry(), count: buckets * Self.ways)
        floors = Array(repeating: 0, count: buckets)
    }

    /// Records the use of a nonce whose credentials were found right.
    ///
    /// - Parameter request: what stands for the request, so that it is known when it comes again; 0 when that is not wanted.
    public mutating func record(_ use: NonceIssuer.Use, by request: UInt64 = 0) -> Verdict {
        let bucket = Int(truncatingIfNeeded: use.identifier >> 32) & mask
        let start = bucket * Self.ways
        var floor = floors[bucket]
        let verdict = entries.withUnsafeMutableBufferPointer { entries in
            Self.record(
                use, request, in: UnsafeMutableBufferPointer(rebasing: entries[start..<start + Self.ways]), &floor)
        }
        floors[bucket] = floor
        return verdict
    }

    /// Records a use among the nonces of one bucket; `floor` is the time of issue below which nonces of it may be forgotten ones.
    private static func record(
        _ use: NonceIssuer.Use, _ request: UInt64, in entries: UnsafeMutableBufferPointer<Entry>, _ floor: inout UInt64
    ) -> Verdict {
        var victim = 0
        for index in entries.indices {
            if entries[index].highest != 0, entries[index].identifier == use.identifier,
                entries[index].issued == use.issued
            {
                return mark(use.count, request, in: &entries[index])
            }
            if entries[index].highest == 0 {
                if entries[victim].highest != 0 { victim = index }
            } else if entries[victim].highest != 0, entries[index].issued < entries[victim].issued {
                victim = index
            }
        }
        // An issue time of zero is below no floor, so the floor is kept one higher.
        guard use.issued >= floor, use.count > 0 else { return .forgotten }
        if entries[victim].highest != 0 {
            guard entries[victim].issued <= use.issued else {
                floor = max(floor, use.issued &+ 1)
                return .forgotten
            }
            floor = max(floor, entries[victim].issued &+ 1)
        }
        entries[victim] = Entry(
            identifier: use.identifier, issued: use.issued, used: 1, request: request, highest: use.count)
        return .fresh
    }

    /// Marks a count as used; bit `n` of `used` stands for the count `highest - n`.
    private static func mark(_ count: UInt32, _ request: UInt64, in entry: inout Entry) -> Verdict {
        if count > entry.highest {
            let step = UInt64(count - entry.highest)
            entry.used = step < 64 ? entry.used << step | 1 : 1
            entry.highest = count
            entry.request = request
            return .fresh
        }
        let behind = entry.highest - count
        guard behind < window else { return .forgotten }
        guard entry.used & (1 << UInt64(behind)) == 0 else {
            return behind == 0 && request != 0 && request == entry.request ? .repeated : .replayed
        }
        entry.used |= 1 << UInt64(behind)
        return .fresh
    }
}
