/// Measures the level of a signal from one reading to the next.
public struct LevelMeter: Sendable {
    /// What was measured.
    public struct Reading: Hashable, Sendable {
        /// Level of the root mean square.
        public let level: AudioLevel

        /// Level of the highest peak.
        public let peak: AudioLevel

        /// Samples that were measured.
        public let samples: Int
    }

    private var squares: UInt64 = 0
    private var highest: UInt16 = 0
    private var samples = 0

    /// A meter at rest.
    public init() {}

    /// Takes a frame.
    public mutating func update(_ frame: Span<Int16>) {
        // After days without a reading the sums begin anew rather than overflow.
        if squares > UInt64.max / 2 { self = LevelMeter() }
        // Plain loops over a pointer, which the compiler turns into vector code.
        frame.withUnsafeBufferPointer { frame in
            var sum: Int64 = 0
            var low: Int16 = 0
            var high: Int16 = 0
            for sample in frame {
                // 2^30 at most.
                sum &+= Int64(Int32(sample) &* Int32(sample))
                low = min(low, sample)
                high = max(high, sample)
            }
            squares &+= UInt64(bitPattern: sum)
            highest = max(highest, low.magnitude, high.magnitude)
        }
        samples &+= frame.count
    }

    /// What has been measured since the last take; a meter that heard nothing reads silence.
    public var reading: Reading {
        let mean = samples == 0 ? 0 : Double(squares) / Double(samples)
        return Reading(
            level: .rootMeanSquare(mean.squareRoot() / 32768), peak: .peak(Double(highest) / 32768),
            samples: samples)
    }

    /// Gives the reading and begins anew.
    public mutating func take() -> Reading {
        defer { self = LevelMeter() }
        return reading
    }
}
