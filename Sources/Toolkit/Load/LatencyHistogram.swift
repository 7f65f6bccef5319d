/// Counts latencies in buckets whose width is under 1 % of their value, from 1 µs to over an hour.
public struct LatencyHistogram: Sendable {
    /// Buckets per doubling.
    private static let steps = 128
    private var buckets: [UInt64]
    /// How many were recorded.
    public private(set) var count: UInt64 = 0
    /// The largest, in microseconds.
    public private(set) var maximum: UInt64 = 0

    public init() { buckets = Array(repeating: 0, count: Self.steps * 34) }

    /// Records a latency in microseconds.
    public mutating func record(microseconds value: UInt64) {
        count += 1
        maximum = max(maximum, value)
        buckets[min(Self.bucket(value), buckets.count - 1)] += 1
    }

    /// The latency that `fraction` of all do not exceed, in microseconds; 0 when nothing was recorded.
    public func percentile(_ fraction: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let rank = UInt64((Double(count) * fraction).rounded(.up))
        var seen: UInt64 = 0
        for (index, number) in buckets.enumerated() {
            seen += number
            if seen >= max(1, rank) { return min(Self.value(index), maximum) }
        }
        return maximum
    }

    /// Values below 128 have a bucket each; above, each doubling is cut into 128.
    private static func bucket(_ value: UInt64) -> Int {
        guard value >= UInt64(steps) else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount - 7
        return (exponent + 1) * steps + Int((value >> UInt64(exponent)) & 127)
    }

    private static func value(_ bucket: Int) -> UInt64 {
        guard bucket >= steps else { return UInt64(bucket) }
        let exponent = UInt64(bucket / steps - 1)
        let width: UInt64 = 1 << exponent
        return (UInt64(128 + bucket % steps) << exponent) + width - 1
    }
}
