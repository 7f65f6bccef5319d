import RTP

// What is reported to the peer (RFC 3550 §6).
extension AudioStream {
    func writeReport(
        at now: ContinuousClock.Instant, into memory: inout MutableRawSpan, after start: Int,
        _ result: inout AudioTick<Address>
    ) {
        schedule.members = receiver == nil ? 1 : 2
        schedule.hasSent = sender.packetCount != reportedPackets.before
        schedule.senders = (schedule.hasSent ? 1 : 0) + (receiver?.hasNews == true ? 1 : 0)
        guard schedule.expire(at: now, using: &generator), !isPending, let destination = remoteControl else { return }
        var writer = RTCPWriter(at: start)
        do {
            try writeCompound(at: now, &writer, into: &memory)
        } catch {
            return
        }
        reportedPackets = (sender.packetCount, reportedPackets.last)
        guard let octets = sealControl(writer.octets, in: &memory) else { return }
        schedule.note(size: octets.count)
        counts.sentReports &+= 1
        result.control = .init(octets: octets, destination: destination)
    }

    /// SR when media was sent since the second last report, else RR, with a block about the peer when it was heard since the
    /// last; then the name.
    func writeCompound(
        at now: ContinuousClock.Instant, _ writer: inout RTCPWriter, into memory: inout MutableRawSpan
    ) throws(RTCPError) {
        let none = InlineArray<0, ReportBlock>(repeating: Self.noBlock)
        if let old = leaving {
            // The source that collided leaves first, under its own report (§8.2).
            let noReason = InlineArray<0, UInt8>(repeating: 0)
            try writer.receiverReport(ssrc: old, blocks: none.span, into: &memory)
            try writer.goodbye(ssrc: old, reason: noReason.span.bytes, into: &memory)
            leaving = nil
        }
        let hasBlock = receiver?.hasNews == true
        let block = InlineArray<1, ReportBlock>(
            repeating: hasBlock ? receiver?.reportBlock(at: now) ?? Self.noBlock : Self.noBlock)
        let blocks = block.span.extracting(0..<(hasBlock ? 1 : 0))
        if sender.packetCount != reportedPackets.before {
            try writer.senderReport(
                ssrc: sender.ssrc, info: sender.senderInfo(at: now, wallclock: wallclock), blocks: blocks,
                into: &memory)
        } else {
            try writer.receiverReport(ssrc: sender.ssrc, blocks: blocks, into: &memory)
        }
        let name = canonicalName
        try writer.canonicalName(ssrc: sender.ssrc, name: name.span.bytes, into: &memory)
        guard configuration.reportsQuality, hasBlock, let metrics = statistics().metrics else { return }
        try writer.extendedReport(ssrc: sender.ssrc, metrics: metrics, into: &memory)
    }

    static var noBlock: ReportBlock {
        ReportBlock(
            ssrc: 0, fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 0,
            delaySinceLastSenderReport: 0)
    }

    /// Our wallclock, by which round trips are told.
    func wallclockTime(at now: ContinuousClock.Instant) -> NTPTimestamp { wallclock.time(at: now) }
}
