/// Interarrival jitter of one source, in timestamp units (RFC 3550 §6.4.1, A.8, in the integer form given there).
public struct JitterEstimator: Hashable, Sendable {
    /// Sixteen times the estimate.
    private var scaled: Int64 = 0
    private var transit: UInt32?

    /// An estimate of zero, before any packet.
    public init() {}

    /// The estimate in timestamp units, as a report carries it.
    public var jitter: UInt32 { UInt32(clamping: scaled >> 4) }

    /// Takes a packet in the order of arrival.
    ///
    /// - Parameters:
    ///   - timestamp: the packet's RTP timestamp.
    ///   - arrival: when it came, in the same units on a clock of any origin.
    public mutating func update(timestamp: UInt32, arrival: UInt32) {
        let now = arrival &- timestamp
        defer { transit = now }
        guard let transit else { return }
        let difference = Int64(Int32(bitPattern: now &- transit)).magnitude
        scaled += Int64(difference) - ((scaled + 8) >> 4)
    }

    /// Forgets the last packet but keeps the estimate, where timestamps begin anew.
    public mutating func skip() {
        transit = nil
    }
}
