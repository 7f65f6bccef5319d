/// What a receiver knows of one source: sequence numbers, jitter and the last sender report; it makes the report block
/// about the source (RFC 3550 §6.4).
public struct RTPReceiver: Sendable {
    /// The source.
    public let ssrc: UInt32

    /// The clock of its payload.
    public let clock: RTPClock

    /// Sequence numbers and loss.
    public private(set) var sequence: SequenceTracker

    private var estimator = JitterEstimator()
    private let epoch: ContinuousClock.Instant
    private var lastReport: (middle: UInt32, arrival: ContinuousClock.Instant)?
    private var receivedAtLastBlock: UInt32 = 0

    /// Starts for the source of a first packet; give that packet to `receive(_:at:)` too.
    public init(
        first header: RTPHeader, at arrival: ContinuousClock.Instant, clock: RTPClock,
        limits: SequenceTracker.Limits = .init()
    ) {
        ssrc = header.ssrc
        self.clock = clock
        epoch = arrival
        sequence = SequenceTracker(firstSequence: header.sequenceNumber, limits: limits)
    }

    /// Takes a data packet of the source; whether it is valid stands in the outcome.
    public mutating func receive(
        _ header: RTPHeader, at arrival: ContinuousClock.Instant
    ) -> SequenceTracker.Outcome {
        let outcome = sequence.update(header.sequenceNumber)
        switch outcome {
        case .suspect: return outcome
        case .restarted: estimator.skip()
        case .probation, .validated, .ahead, .behind: break
        }
        let units = UInt32(truncatingIfNeeded: clock.units(in: epoch.duration(to: arrival)))
        estimator.update(timestamp: header.timestamp, arrival: units)
        return outcome
    }

    /// Takes a sender report of the source.
    public mutating func receive(_ info: SenderInfo, at arrival: ContinuousClock.Instant) {
        lastReport = (info.time.middle, arrival)
    }

    /// Interarrival jitter in timestamp units.
    public var jitter: UInt32 { estimator.jitter }

    /// Whether packets came since the last report block was made; a source that was silent gets none (§6.4).
    public var hasNews: Bool { sequence.isValidated && sequence.received != receivedAtLastBlock }

    /// Makes the report block about the source and begins a new interval for the loss fraction.
    public mutating func reportBlock(at now: ContinuousClock.Instant) -> ReportBlock {
        receivedAtLastBlock = sequence.received
        return ReportBlock(
            ssrc: ssrc, fractionLost: sequence.takeFractionLost(), cumulativeLost: sequence.cumulativeLost,
            highestSequence: sequence.extendedHighest, jitter: jitter, lastSenderReport: lastReport?.middle ?? 0,
            delaySinceLastSenderReport: lastReport.map { RoundTrip.units($0.arrival.duration(to: now)) } ?? 0)
    }
}
