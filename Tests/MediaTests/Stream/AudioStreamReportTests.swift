import Media
import RTP
import Testing

@Suite struct AudioStreamReportTests {
    /// The first report within 1.0 to 3.1 s, then one about every 5 s, each an SR with the name; the peer's block in it.
    @Test func reportsAreSenderReportsWithName() throws {
        let call = Call()
        call.a.play(ToneSource(.sine(1000)))
        call.b.play(ToneSource(.sine(1000)))
        call.run(for: .seconds(60))
        let reports = call.sent.filter { $0.isControl && $0.from == "a+1" }
        #expect((8...25).contains(reports.count))
        #expect((.milliseconds(1000) ... .milliseconds(6000)).contains(reports[0].time))
        #expect(reports.allSatisfy { $0.to == "b+1" })
        for (before, after) in zip(reports, reports.dropFirst()) {
            #expect(after.time - before.time >= .milliseconds(2050))
            #expect(after.time - before.time <= .milliseconds(6200))
        }
        let last = try #require(reports.last).octets
        var compound = try RTCPCompound(checking: last.span.bytes)
        guard case .senderReport(let report)? = compound.next(in: last.span.bytes),
            case .sourceDescription(let description)? = compound.next(in: last.span.bytes)
        else {
            Issue.record("no SR and SDES")
            return
        }
        #expect(report.ssrc == call.a.ssrc)
        #expect(report.blocks.count == 1)
        let packets = UInt32(call.media(from: "a").filter { $0.time <= reports[reports.count - 1].time }.count)
        #expect(report.info.packetCount == packets)
        #expect(report.info.octetCount == packets * 160)
        let block = report.blocks.block(about: call.b.ssrc, in: last.span.bytes)
        #expect(block?.fractionLost == 0 && block?.cumulativeLost == 0)
        #expect(block?.lastSenderReport != 0)
        // The RTP time of the report is that of its wallclock: 8 per ms since the first sample, due at the origin.
        let first = call.headers(from: "a")[0].timestamp
        let elapsed = Double(report.info.time.bits &- NTPTimestamp(seconds: 1000, fraction: 0).bits) / 4_294_967_296
        #expect(abs(Double(report.info.timestamp &- first) - elapsed * 8000) <= 2)
        let name = description.canonicalName(of: call.a.ssrc, in: last.span.bytes)
        #expect(name.map { String(decoding: last[$0], as: UTF8.self) } == "someone@host.example")
    }

    @Test func whoSendsNothingReportsAsReceiver() throws {
        let call = Call(
            AudioNegotiation(codec: .pcmu, direction: .receiveOnly),
            AudioNegotiation(codec: .pcmu, direction: .sendOnly))
        call.run(for: .seconds(20))
        #expect(call.media(from: "a").isEmpty)
        let report = try #require(call.sent.last { $0.isControl && $0.from == "a+1" }).octets
        var compound = try RTCPCompound(checking: report.span.bytes)
        guard case .receiverReport(let receiver)? = compound.next(in: report.span.bytes) else {
            Issue.record("no RR")
            return
        }
        #expect(receiver.blocks.count == 1)
        #expect(receiver.ssrc == call.a.ssrc)
    }

    @Test func reportsShareThePortWhereNegotiated() {
        let call = Call(AudioNegotiation(codec: .pcmu, isMultiplexed: true))
        call.run(for: .seconds(20))
        let reports = call.sent.filter(\.isControl)
        #expect(!reports.isEmpty)
        #expect(reports.allSatisfy { $0.to == "a" || $0.to == "b" })
    }

    @Test func goodbyeIsHeard() {
        let call = Call()
        call.run(for: .seconds(1))
        #expect(call.goodbye(of: call.a, as: "a"))
        call.run(for: .milliseconds(50))
        #expect(call.eventsOfB.contains(.goodbye))
        #expect(!call.eventsOfA.contains(.goodbye))
    }

    /// RFC 3550 §6.3.7: who never sent anything must not say goodbye.
    @Test func whoNeverSentSaysNoGoodbye() {
        let call = Call()
        #expect(!call.goodbye(of: call.a, as: "a"))
    }
}
