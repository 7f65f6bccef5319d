import RTP

// What is told of the stream.
extension AudioStream {
    /// The stream's figures.
    public func statistics() -> AudioStatistics {
        var all = counts
        all.codec = negotiation.codec
        all.playout = pastPlayout + playout.counters
        if let counters = retiring?.buffer.counters { all.playout = all.playout + counters }
        all.playoutDelay = playout.currentDelay
        if case .secured(let media, _) = security { all.protection = media.profile }
        all.refusedDatagrams = latch.refused &+ controlLatch.refused
        if let receiver {
            all.lost = Int(receiver.sequence.cumulativeLost)
            all.jitter = receiver.clock.duration(of: Int64(receiver.jitter))
        }
        all.roundTrip = roundTrip
        all.remote = remoteReport.map {
            AudioStatistics.RemoteReport(
                lossFraction: Double($0.fractionLost) / 256, cumulativeLost: Int($0.cumulativeLost),
                jitter: sender.clock.duration(of: Int64($0.jitter)))
        }
        all.heard = heardMeter.reading
        all.said = saidMeter.reading
        all.pattern = playout.pattern
        all.packetTime = heardPacketTime
        all.sentPacketTime = sentPacketTime
        all.remoteMetrics = remoteMetrics
        all.mouthToEar = (roundTrip ?? .zero) / 2 + playout.currentDelay + heardPacketTime
        let impairment = configuration.impairment ?? CodecImpairment(negotiation.codec)
        func quality(_ delay: Duration) -> CallQuality {
            CallQuality(
                delay: delay, loss: all.playoutLoss, codec: impairment, burstRatio: playout.pattern.burstRatio)
        }
        all.quality = quality(all.mouthToEar)
        all.listening = quality(.zero)
        all.source = sender.ssrc
        if let receiver {
            all.metrics = AudioQuality(all).metrics(
                about: receiver.ssrc, isAdaptive: playout.configuration.isAdaptive, playout: playout.currentDelay,
                most: playout.configuration.maximumDelay, said: sentPacketTime)
        }
        return all
    }

    /// Gives the levels of what was heard and said since the last take, and begins anew.
    public func takeLevels() -> (heard: LevelMeter.Reading, said: LevelMeter.Reading) {
        (heardMeter.take(), saidMeter.take())
    }
}
