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
        for index in frame.indices {
            let magnitude = frame[index].magnitude
            squares &+= UInt64(magnitude) * UInt64(magnitude)
            highest = max(highest, magnitude)
        }
        samples += frame.count
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
