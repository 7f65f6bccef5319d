import Foundation
import Media
import RTP
import Testing

/// Codecs that change while a call goes on: nothing of what is said is missing, and nothing is made up.
@Suite struct CodecChangeTests {
    static let changes: [(AudioCodec, AudioCodec)] = {
        let codecs: [AudioCodec] = [
            .pcmu, .g722, .opus(.fullband), .opus(.wideband), .opus(.wideband, channels: 2), .l16(.wideband),
        ]
        return codecs.flatMap { from in codecs.filter { $0 != from }.map { (from, $0) } }
    }()

    /// Packets of both codecs are known by both ends, as they are around a re-INVITE.
    private func table(_ first: AudioCodec, _ second: AudioCodec) -> (AudioNegotiation, AudioNegotiation) {
        var before = AudioNegotiation(codec: first)
        before.payloadType = 110
        before.accepted = [110: first, 111: second]
        var after = before
        after.codec = second
        after.payloadType = 111
        return (before, after)
    }

    /// The level of each 5 ms, in dB over that of most.
    private func levels(_ samples: ArraySlice<Int16>, _ rate: Int) -> [Double] {
        let window = rate / 200
        let levels = stride(from: samples.startIndex, to: samples.endIndex - window, by: window).map { start in
            let sum = samples[start..<start + window].reduce(0.0) { $0 + Double($1) * Double($1) }
            return 10 * log10(max(1, sum / Double(window)))
        }
        let usual = levels.sorted()[levels.count / 2]
        return levels.map { $0 - usual }
    }

    @Test("Where the codec changes to one of another rate or clock the sound goes on without a gap", arguments: changes)
    func nothingIsMissing(_ first: AudioCodec, _ second: AudioCodec) throws {
        let (before, after) = table(first, second)
        for delay in [1, 13] {
            let call = Call(before)
            call.network = { _ in .milliseconds(delay) }
            let heard = CollectingSink(.wideband)
            call.b.deliver(to: heard)
            call.a.play(ToneSource(.sine(1_000, level: .dBm0(-10)), sampleRate: first.sampleRate))
            call.run(for: .seconds(2))
            call.a.renegotiate(after, remote: "b", remoteControl: "b+1")
            call.b.renegotiate(after, remote: "a", remoteControl: "a+1")
            call.run(for: .seconds(2))
            let statistics = call.b.statistics()
            #expect(statistics.playout.concealed == 0, "\(first) \(second) \(delay)")
            #expect(statistics.playout.lost == 0 && statistics.playout.late == 0)
            #expect(statistics.playout.received >= 195)
            let all = levels(heard.samples[8_000...], 16_000)
            let quiet = all.filter { $0 < -6 }
            #expect(quiet.count <= 2, "\(first) \(second) \(delay): \(quiet)")
        }
    }

    @Test("RFC 3550 §A.1: the first packet of another source is kept until the source is believed")
    func theFirstPacketOfASourceIsPlayed() throws {
        let (before, after) = table(.pcmu, .opus(.fullband))
        let call = Call(before)
        call.a.play(ToneSource(.sine(1_000, level: .dBm0(-10)), sampleRate: .narrowband))
        call.run(for: .seconds(1))
        let source = call.a.ssrc
        call.a.renegotiate(after, remote: "b", remoteControl: "b+1")
        #expect(call.a.ssrc != source)
        call.run(for: .seconds(1))
        let statistics = call.b.statistics()
        // The last one may still be on its way.
        #expect(call.media(from: "a").count - Int(statistics.receivedPackets) <= 1)
        #expect(statistics.playout.received == statistics.receivedPackets)
        #expect(statistics.ignoredDatagrams == 0)
    }
}
