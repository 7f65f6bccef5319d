public import RTP

/// Samples per second of an audio signal.
@frozen
public struct SampleRate: Hashable, Sendable, Comparable {
    /// Samples per second (Hz), 1 to 768,000.
    public let hertz: Int

    /// Highest rate that is taken.
    public static let maximumHertz = 768_000

    /// The rate of telephone speech, 8,000 Hz.
    public static let narrowband = SampleRate(8000)

    /// The rate of wideband speech, 16,000 Hz.
    public static let wideband = SampleRate(16000)

    /// The rate of most sound devices, 48,000 Hz.
    public static let fullband = SampleRate(48000)

    /// A rate in Hz, held within 1 and `maximumHertz`.
    @inlinable
    public init(_ hertz: Int) {
        self.hertz = max(1, min(hertz, Self.maximumHertz))
    }

    /// The rate as the clock of an RTP payload.
    @inlinable
    public var clock: RTPClock { RTPClock(rate: UInt32(hertz)) }

    /// Whole samples in `duration`; none for a negative one.
    @inlinable
    public func samples(in duration: Duration) -> Int {
        Int(max(0, min(clock.units(in: duration), Int64(Int32.max))))
    }

    /// The time that `samples` last.
    @inlinable
    public func duration(of samples: Int) -> Duration {
        clock.duration(of: Int64(samples))
    }

    @inlinable
    public static func < (left: SampleRate, right: SampleRate) -> Bool { left.hertz < right.hertz }
}

extension SampleRate: CustomStringConvertible {
    public var description: String { "\(hertz) Hz" }
}
