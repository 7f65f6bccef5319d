public import RTP

/// How a call is heard: what was measured, and what people would say of it.
public struct AudioQuality: Hashable, Sendable {
    /// Transmission rating R of the E-model (ITU-T G.107), 0 to 93.2, with the delay, loss and codec that there are.
    public let rating: Double
    /// Mean opinion score of the conversation, and of listening alone, for which delay does not count; 1 to 4.41.
    public let conversationScore: Double
    public let listeningScore: Double
    /// From the peer's mouth to our ear: packet, half of the round trip, and playout. Sound devices come on top.
    public let delay: Duration
    /// Time to the peer and back; nil before a report tells.
    public let roundTrip: Duration?
    /// Interarrival jitter (RFC 3550 A.8).
    public let jitter: Duration
    /// Parts of the packets: lost on the way and not made good, and come too late, 0 to 1.
    public let loss: Double
    public let discarded: Double
    /// Bursts of losses and the gaps between them (RFC 3611 §4.7.2): mean lengths, and parts of their packets that were missing.
    public let burstLength: Duration
    public let burstDensity: Double
    public let gapLength: Duration
    public let gapDensity: Double
    /// What the peer says of how it hears us (RFC 3611 §4.7); nil where it does not.
    public let remote: VoIPMetrics?

    /// The quality that a stream's figures tell.
    public init(_ statistics: AudioStatistics) {
        let pattern = statistics.pattern
        rating = statistics.quality.rating
        conversationScore = statistics.quality.meanOpinionScore
        listeningScore = statistics.listening.meanOpinionScore
        delay = statistics.mouthToEar
        roundTrip = statistics.roundTrip
        jitter = statistics.jitter
        let packets = Double(max(1, pattern.packets))
        let lost = statistics.playout.lost
        loss = min(1, Double(lost - min(lost, statistics.playout.recovered)) / packets)
        discarded = min(1, Double(statistics.playout.late) / packets)
        burstLength = statistics.packetTime * pattern.burstLength
        burstDensity = pattern.burstDensity
        gapLength = statistics.packetTime * pattern.gapLength
        gapDensity = pattern.gapDensity
        remote = statistics.remoteMetrics
    }

    /// The block of an extended report about a source.
    func metrics(about ssrc: UInt32, isAdaptive: Bool, playout: Duration, most: Duration, said: Duration) -> VoIPMetrics
    {
        func part(_ value: Double) -> UInt8 { UInt8(min(max(value * 256, 0), 255)) }
        func milliseconds(_ value: Duration) -> UInt16 { UInt16(min(max(value / .milliseconds(1), 0), 65_535)) }
        var metrics = VoIPMetrics(ssrc: ssrc)
        metrics.lossRate = part(loss)
        metrics.discardRate = part(discarded)
        metrics.burstDensity = part(burstDensity)
        metrics.gapDensity = part(gapDensity)
        metrics.burstDuration = milliseconds(burstLength)
        metrics.gapDuration = milliseconds(gapLength)
        metrics.roundTripDelay = milliseconds(roundTrip ?? .zero)
        metrics.endSystemDelay = milliseconds(said + playout)
        metrics.rating = UInt8(min(max(rating.rounded(), 0), 100))
        metrics.listeningScore = UInt8(min(max((listeningScore * 10).rounded(), 10), 50))
        metrics.conversationScore = UInt8(min(max((conversationScore * 10).rounded(), 10), 50))
        metrics.configuration = isAdaptive ? VoIPMetrics.adaptiveConfiguration : VoIPMetrics.fixedConfiguration
        metrics.nominalDelay = milliseconds(playout)
        metrics.maximumDelay = milliseconds(most)
        metrics.absoluteMaximumDelay = milliseconds(most)
        return metrics
    }
}
