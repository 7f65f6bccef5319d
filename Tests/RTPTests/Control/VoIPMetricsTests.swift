import RTP
import Testing

/// RFC 3611 §4.7.
@Suite struct VoIPMetricsTests {
    /// Octets by hand after the figure: 5 % lost, 5 % discarded, a burst of 120 ms, gaps of 520 ms.
    static let report = octets(
        """
        80 c9 0001 0badcafe
        80 cf 000a 0badcafe
        07 00 0008 12345678
        0c 0c 54 0a 0078 0208 0096 0041 7f 7f 7f 10
        5a 7f 2b 29 b0 00 0028 017c 017c
        """)

    private var metrics: VoIPMetrics {
        var metrics = VoIPMetrics(ssrc: 0x1234_5678)
        metrics.lossRate = 12
        metrics.discardRate = 12
        metrics.burstDensity = 84
        metrics.gapDensity = 10
        metrics.burstDuration = 120
        metrics.gapDuration = 520
        metrics.roundTripDelay = 150
        metrics.endSystemDelay = 65
        metrics.rating = 90
        metrics.listeningScore = 43
        metrics.conversationScore = 41
        metrics.configuration = VoIPMetrics.adaptiveConfiguration
        metrics.nominalDelay = 40
        metrics.maximumDelay = 380
        metrics.absoluteMaximumDelay = 380
        return metrics
    }

    private func read(_ bytes: [UInt8], about ssrc: UInt32 = 0x1234_5678) throws -> VoIPMetrics? {
        var compound = try RTCPCompound(checking: bytes)
        while let packet = compound.next(in: bytes) {
            if case .extendedReport(let report) = packet {
                #expect(report.ssrc == 0x0BAD_CAFE)
                return report.metrics(about: ssrc, in: bytes.span.bytes)
            }
        }
        return nil
    }

    @Test func isReadAndWritten() throws {
        #expect(try read(Self.report) == metrics)
        #expect(try read(Self.report, about: 1) == nil)
        var memory = [UInt8](repeating: 0xEE, count: 60)
        var writer = RTCPWriter()
        let none = InlineArray<0, ReportBlock>(
            repeating: ReportBlock(
                ssrc: 0, fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 0,
                delaySinceLastSenderReport: 0))
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        try writer.receiverReport(ssrc: 0x0BAD_CAFE, blocks: none.span, into: &bytes)
        try writer.extendedReport(ssrc: 0x0BAD_CAFE, metrics: metrics, into: &bytes)
        #expect(writer.length == Self.report.count)
        #expect(Array(memory[..<52]) == Self.report)
    }

    /// Blocks of other types stand before it; values out of their range are not known; blocks that end behind the packet are none.
    @Test func isFoundAmongOthers() throws {
        var bytes = Self.report
        bytes.insert(contentsOf: [4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], at: 16)
        bytes[11] += 3
        #expect(try read(bytes) == metrics)
        bytes[19] = 40
        #expect(try read(bytes) == nil)
        var odd = Self.report
        odd[40] = 101
        odd[42] = 9
        let found = try #require(try read(odd))
        #expect(found.rating == VoIPMetrics.unavailable && found.listeningScore == VoIPMetrics.unavailable)
    }
}
