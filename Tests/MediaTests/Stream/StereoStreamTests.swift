import CProbe
import Media
import RTP
import Testing

/// Streams with Opus in two channels, in virtual time: each channel has a tone of its own.
@Suite struct StereoStreamTests {
    private static let stereo = AudioCodec.opus(.fullband, channels: 2)

    /// Opus in as many channels each way, as the first of two streams has agreed on it.
    private func agreed(sends: Int, hears: Int, _ rate: SampleRate = .fullband) -> AudioNegotiation {
        var negotiation = AudioNegotiation(codec: .opus(rate, channels: sends))
        negotiation.accepted = [96: .opus(rate, channels: hears)]
        return negotiation
    }

    /// Whether the packets of a stream are in two channels (RFC 6716 §3.1).
    private func isStereo(_ packets: [InFlight]) -> Set<Bool> { Set(packets.map { $0.octets[12] & 4 != 0 }) }

    @Test(arguments: [SampleRate.wideband, .fullband]) func theChannelsStayApart(_ rate: SampleRate) throws {
        let call = Call(agreed(sends: 2, hears: 2, rate))
        let heard = CollectingSink(rate, channels: 2)
        call.b.deliver(to: heard)
        call.a.play(TwoTones.player(rate))
        call.run(for: .seconds(3))
        #expect(isStereo(call.media(from: "a")) == [true])
        #expect(call.b.statistics().playout.concealed == 0)
        #expect(abs(heard.samples.count - 6 * rate.hertz) < rate.hertz / 10)
        let parts = TwoTones.parts(of: heard, from: 1)
        for part in parts { #expect(abs(part.own - 1) < 0.1 && part.other < 0.1) }
        let headers = call.headers(from: "a")
        for (before, after) in zip(headers, headers.dropFirst()) { #expect(after.timestamp == before.timestamp &+ 960) }
    }

    /// Loss, jitter that comes and goes, and so stretched time: both channels are cut at the same places, and stay apart.
    @Test(arguments: [SampleRate.wideband, .fullband]) func theyStayApartOverABadNetwork(_ rate: SampleRate) throws {
        let call = Call(agreed(sends: 2, hears: 2, rate)) { $0.playout = .init() }
        let heard = CollectingSink(rate, channels: 2)
        var generator = SeededGenerator(11)
        var isJittery = false
        call.network = { packet in
            guard !packet.isControl, packet.from == "a" else { return .milliseconds(20) }
            guard Double.random(in: 0..<1, using: &generator) >= 0.03 else { return nil }
            return .milliseconds(20 + (isJittery ? Int.random(in: 0...80, using: &generator) : 0))
        }
        call.b.deliver(to: heard)
        call.a.play(TwoTones.player(rate))
        for second in 0..<24 {
            isJittery = second % 12 >= 4 && second % 12 < 8
            call.run(for: .seconds(1))
        }
        let playout = call.b.statistics().playout
        #expect(playout.inserted > 0 && playout.removed > 0 && playout.lost > 20)
        let parts = TwoTones.parts(of: heard, from: 1)
        #expect(parts.count { $0.own > 0.8 } > parts.count * 3 / 4)
        #expect(parts.allSatisfy { $0.other < 0.2 })
    }

    /// A voice on the left that comes and goes, and another one on the right in its pauses.
    private func conversation(_ rate: SampleRate, seconds: Int) -> AudioClip {
        let voice = voice(seconds: Double(seconds), rate: rate.hertz)
        let samples = voice.enumerated().flatMap { index, sample -> [Int16] in
            index / rate.hertz % 2 == 0 ? [sample, 0] : [0, sample]
        }
        return AudioClip(samples: samples, sampleRate: rate, channels: 2)
    }

    /// The parts of each 100 ms in which it is the louder channel that shall be, of those in which there is any sound.
    private func placed(_ sink: CollectingSink, from start: Int, isLeft: (Int) -> Bool) -> [Bool] {
        let rate = sink.sampleRate.hertz
        let channels = (0..<2).map { sink.samples(of: $0) }
        return stride(from: start, through: channels[0].count - rate / 10, by: rate / 10).compactMap { place in
            let levels = channels.map { samples in
                samples[place..<place + rate / 10].reduce(0.0) { $0 + Double($1) * Double($1) }
            }
            guard max(levels[0], levels[1]) > 1000 * 1000 * Double(rate / 10) else { return nil }
            let ratio = isLeft((place - start) / rate) ? levels[0] / max(levels[1], 1) : levels[1] / max(levels[0], 1)
            return ratio > 4
        }
    }

    /// In-band FEC: what is lost is decoded from what follows, on the side where it was.
    @Test func whatIsLostIsRecovered() throws {
        var negotiation = agreed(sends: 2, hears: 2, .wideband)
        negotiation.opus.hasForwardCorrection = true
        negotiation.opus.expectedLoss = 0.15
        negotiation.opus.bitrate = 48_000
        let call = Call(negotiation)
        let heard = CollectingSink(.wideband, channels: 2)
        var generator = SeededGenerator(9)
        call.network = { packet in
            guard !packet.isControl, packet.from == "a" else { return .milliseconds(20) }
            return Double.random(in: 0..<1, using: &generator) < 0.1 ? nil : .milliseconds(20)
        }
        call.b.deliver(to: heard)
        call.a.play(ClipPlayer(conversation(.wideband, seconds: 20)))
        call.run(for: .seconds(20))
        let playout = call.b.statistics().playout
        let all = placed(heard, from: try #require(heard.samples.firstIndex { $0.magnitude > 1000 }) / 2) {
            $0 % 2 == 0
        }
        #expect(playout.lost > 60 && playout.recovered > playout.lost / 2)
        #expect(all.count > 150 && all.count { $0 } > all.count * 8 / 10)
    }

    /// What is lost in a row is made up by Opus, in both channels.
    @Test func aLongerGapIsConcealed() throws {
        let call = Call(agreed(sends: 2, hears: 2))
        let heard = CollectingSink(.fullband, channels: 2)
        var number = 0
        call.network = { packet in
            guard !packet.isControl, packet.from == "a" else { return .milliseconds(5) }
            number += 1
            return (100..<104).contains(number) ? nil : .milliseconds(5)
        }
        call.b.deliver(to: heard)
        call.a.play(TwoTones.player(.fullband))
        call.run(for: .seconds(4))
        let playout = call.b.statistics().playout
        #expect(playout.lost == 4 && playout.concealed >= 4)
        let parts = TwoTones.parts(of: heard, from: 1)
        #expect(parts.allSatisfy { $0.other < 0.1 })
        #expect(parts.count { $0.own < 0.9 } <= 4)
    }

    /// Each packet holds the one before (RFC 2198): single losses are not heard.
    @Test func redundancyHidesSingleLosses() throws {
        var negotiation = agreed(sends: 2, hears: 2)
        negotiation.redundantPayloadType = 99
        negotiation.acceptedRedundantPayloadType = 99
        let call = Call(negotiation)
        let heard = CollectingSink(.fullband, channels: 2)
        var number = 0
        call.network = { packet in
            guard !packet.isControl, packet.from == "a" else { return .milliseconds(5) }
            number += 1
            return number % 7 == 5 ? nil : .milliseconds(5)
        }
        call.b.deliver(to: heard)
        call.a.play(TwoTones.player(.fullband))
        call.run(for: .seconds(3))
        let statistics = call.b.statistics()
        #expect(statistics.playout.restored > 15)
        #expect(statistics.playout.lost == 0 && statistics.playout.concealed == 0)
        for part in TwoTones.parts(of: heard, from: 1) { #expect(abs(part.own - 1) < 0.1 && part.other < 0.1) }
    }

    /// Silence is not sent, and not taken for loss; what comes behind it is heard where it is.
    @Test func silenceIsLeftOut() throws {
        var negotiation = agreed(sends: 2, hears: 2, .wideband)
        negotiation.opus.isDiscontinuous = true
        let call = Call(negotiation)
        let heard = CollectingSink(.wideband, channels: 2)
        call.b.deliver(to: heard)
        let voices = conversation(.wideband, seconds: 2).samples
        let said = voices + [Int16](repeating: 0, count: 4 * voices.count) + voices
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: .wideband, channels: 2)))
        call.run(for: .seconds(12))
        let playout = call.b.statistics().playout
        let all = placed(heard, from: try #require(heard.samples.firstIndex { $0.magnitude > 1000 }) / 2) {
            $0 % 2 == 0
        }
        #expect(call.media(from: "a").count < 300)
        #expect(playout.concealed == 0 && playout.lost == 0 && playout.silent > 200)
        #expect(all.count >= 30 && all.count { $0 } > all.count * 8 / 10)
    }

    @Test func aSinkOfOneChannelHearsTheMean() throws {
        for (hears, rate) in [(1, SampleRate.fullband), (2, .fullband), (2, .narrowband)] {
            let call = Call(agreed(sends: 2, hears: 2), agreed(sends: 1, hears: hears))
            let heard = CollectingSink(rate)
            call.b.deliver(to: heard)
            call.a.play(TwoTones.player(.fullband))
            call.run(for: .seconds(3))
            #expect(isStereo(call.media(from: "a")) == [true])
            let both = TwoTones.strengths(in: heard.samples[rate.hertz..<2 * rate.hertz], rate)
            #expect(both.allSatisfy { abs($0 - 0.5) < 0.05 }, "\(hears) \(rate): \(both)")
        }
    }

    /// Where two channels were not agreed on, or the codec is another one, the mean is sent, and a sink of two has it in both.
    @Test(arguments: [AudioCodec.opus(.wideband), .opus(.fullband), .pcmu, .g722, .l16(.wideband)])
    func theMeanIsSentInOneChannel(_ codec: AudioCodec) throws {
        let call = Call(AudioNegotiation(codec: codec))
        let heard = CollectingSink(.wideband, channels: 2)
        call.b.deliver(to: heard)
        call.a.play(TwoTones.player(.fullband))
        call.run(for: .seconds(3))
        if codec.name == "opus" { #expect(isStereo(call.media(from: "a")) == [false]) }
        #expect(heard.samples(of: 0) == heard.samples(of: 1))
        let both = TwoTones.strengths(in: heard.samples(of: 0)[16_000..<32_000], .wideband)
        #expect(both.allSatisfy { abs($0 - 0.5) < 0.05 }, "\(both)")
    }

    /// A source of one channel is coded in one; another source begins with its own channels.
    @Test func theSourceDecides() throws {
        let call = Call(agreed(sends: 2, hears: 2))
        let heard = CollectingSink(.fullband, channels: 2)
        call.b.deliver(to: heard)
        call.a.play(ToneSource(.sine(440), sampleRate: .narrowband))
        call.run(for: .seconds(1))
        #expect(isStereo(call.media(from: "a")) == [false])
        let before = call.media(from: "a").count
        call.a.play(TwoTones.player(.narrowband))
        call.run(for: .seconds(2))
        #expect(isStereo(Array(call.media(from: "a").dropFirst(before))) == [true])
        #expect(call.b.statistics().playout.concealed == 0)
        for part in TwoTones.parts(of: heard, from: 2) { #expect(abs(part.own - 1) < 0.1 && part.other < 0.1) }
    }

    /// From one channel to two and back, with the same rate and others: nothing is missing between, and nothing is made up.
    @Test(arguments: [AudioCodec.pcmu, .g722, .opus(.fullband), .l16(.fullband)], [true, false])
    func theCodecChanges(_ other: AudioCodec, toStereo: Bool) throws {
        let (first, second) = toStereo ? (other, Self.stereo) : (Self.stereo, other)
        var before = AudioNegotiation(codec: first, payloadType: 110)
        before.accepted = [110: first, 111: second]
        var after = before
        after.codec = second
        after.payloadType = 111
        for delay in [1, 13] {
            let call = Call(before)
            call.network = { _ in .milliseconds(delay) }
            let heard = CollectingSink(.fullband, channels: 2)
            call.b.deliver(to: heard)
            call.a.play(TwoTones.player(.fullband))
            call.run(for: .seconds(2))
            call.a.renegotiate(after, remote: "b", remoteControl: "b+1")
            call.b.renegotiate(after, remote: "a", remoteControl: "a+1")
            call.run(for: .seconds(2))
            let playout = call.b.statistics().playout
            #expect(playout.concealed == 0 && playout.lost == 0 && playout.late == 0)
            #expect(playout.received >= 195)
            for channel in 0..<2 {
                let samples = heard.samples(of: channel)
                #expect(abs(samples.count - 4 * 48_000) < 2 * 960)
                func strengths(from second: Double) -> [Double] {
                    let start = Int(second * 48_000)
                    return TwoTones.strengths(in: samples[start..<start + 24_000], .fullband)
                }
                let (mixed, apart) =
                    toStereo ? (strengths(from: 1), strengths(from: 3)) : (strengths(from: 3), strengths(from: 1))
                #expect(mixed.allSatisfy { abs($0 - 0.5) < 0.1 }, "\(mixed)")
                #expect(abs(apart[channel] - 1) < 0.1 && apart[1 - channel] < 0.1, "\(apart)")
                // No 5 ms that are silent.
                let quiet = stride(from: 24_000, to: samples.count - 240, by: 240).filter { start in
                    samples[start..<start + 240].allSatisfy { abs(Int($0)) < 1000 }
                }
                #expect(quiet.count <= 2, "\(quiet)")
            }
        }
    }

    /// Keys that are sounded are in both channels, and heard in their mean.
    @Test func keysAreSounded() throws {
        var negotiation = agreed(sends: 2, hears: 2, .wideband)
        negotiation.eventPayloadType = nil
        let call = Call(negotiation) { $0.hearsTones = true }
        let heard = CollectingSink(.wideband, channels: 2)
        call.b.deliver(to: heard)
        call.a.play(TwoTones.player(.wideband))
        call.run(for: .seconds(1))
        for key in [TelephoneEvent.Code.star, .pound] { #expect(call.a.sound(key)) }
        call.run(for: .seconds(2))
        let begun = call.eventsOfB.compactMap { event in
            if case .digitBegan(let code) = event { code } else { TelephoneEvent.Code?.none }
        }
        #expect(begun == [.star, .pound])
        let parts = TwoTones.parts(of: heard, from: 2)
        for part in parts { #expect(abs(part.own - 1) < 0.1 && part.other < 0.1) }
    }

    /// Comfort noise that comes all the same is the same in both channels (RFC 3389).
    @Test func comfortNoiseIsInBothChannels() throws {
        let call = Call(agreed(sends: 2, hears: 2, .wideband))
        let heard = CollectingSink(.wideband, channels: 2)
        call.b.deliver(to: heard)
        call.a.play(TwoTones.player(.wideband))
        var isCut = false
        call.network = { $0.from == "a" && isCut ? nil : .milliseconds(1) }
        call.run(for: .seconds(1))
        isCut = true
        let last = try #require(call.headers(from: "a").last)
        let header = RTPHeader(
            payloadType: 13, marker: false, sequenceNumber: last.sequenceNumber &+ 1,
            timestamp: last.timestamp &+ 960, ssrc: last.ssrc)
        var memory = [UInt8](repeating: 30, count: 13)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        _ = try header.write(into: &bytes)
        #expect(call.b.receive(memory.span.bytes, from: "a", at: origin + call.time) == .event)
        call.run(for: .milliseconds(700))
        let noise = (0..<2).map { Array(heard.samples(of: $0).suffix(3200)) }
        #expect(noise[0] == noise[1])
        #expect(abs(NoiseAnalyzer.level(of: noise[0]) - 30) < 3)
    }

    /// Who records both sides of the call hears the mean.
    @Test func aCallIsRecorded() throws {
        let call = Call(agreed(sends: 2, hears: 2))
        let path = temporaryPath("stereo.wav")
        let recorder = try CallRecorder(path: path)
        call.a.play(TwoTones.player(.fullband))
        call.b.play(TwoTones.player(.fullband))
        call.b.record(with: recorder)
        for _ in 0..<6 {
            call.run(for: .milliseconds(500))
            try recorder.drain()
        }
        try recorder.finish()
        let clip = try AudioClip(wavFile: path, keepsStereo: true)
        try #require(clip.samples.count > 90_000)
        for channel in 0..<2 {
            let samples = stride(from: 32_000 + channel, to: 64_000, by: 2).map { clip.samples[$0] }
            let both = TwoTones.strengths(in: samples, clip.sampleRate)
            #expect(both.allSatisfy { abs($0 - 0.5) < 0.05 }, "\(both)")
        }
    }

    /// A packet takes no more memory in two channels than in one, whatever is converted and mixed.
    @Test(
        .enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"),
        arguments: [(SampleRate.fullband, 2), (.fullband, 1), (.wideband, 1)])
    func aPacketAllocatesNothing(_ rate: SampleRate, _ channelsOfSink: Int) throws {
        let mono = try allocations(1, rate, CountingSink(rate, channels: 1))
        let stereo = try allocations(2, rate, CountingSink(rate, channels: channelsOfSink))
        // A cache of the runtime may grow while other tests run: that is not one block for each of 200 packets.
        #expect(stereo < mono + 10)
    }

    /// Blocks of memory that 200 packets take.
    private func allocations(_ channels: Int, _ rate: SampleRate, _ sink: CountingSink) throws -> UInt64 {
        let call = Call(agreed(sends: channels, hears: channels)) { $0.reports.minimumInterval = .seconds(3_600) }
        let tones = TwoTones.samples(rate, seconds: 1)
        call.a.play(ClipPlayer(AudioClip(samples: tones, sampleRate: rate, channels: channels), loops: true))
        call.b.deliver(to: sink)
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: AudioStream<String>.tickCapacity, alignment: 16)
        defer { memory.deallocate() }
        var time = Duration.zero
        func turn() -> Bool {
            time += .milliseconds(20)
            var span = MutableRawSpan(_unsafeBytes: memory)
            guard let media = call.a.tick(at: origin + time, into: &span).media else { return false }
            let packet = UnsafeMutableRawBufferPointer(rebasing: memory[media.octets])
            let isTaken = call.b.receive(packet, from: "a", at: origin + time) == .media
            _ = call.b.tick(at: origin + time + .milliseconds(7), into: &span)
            return isTaken
        }
        for _ in 0..<50 { _ = turn() }
        let before = probe_allocations()
        var taken = 0
        for _ in 0..<200 where turn() { taken += 1 }
        let count = probe_allocations() - before
        #expect(taken == 200 && sink.count > 200 * rate.samples(in: .milliseconds(20)))
        return count
    }
}

/// A sink that keeps nothing.
private final class CountingSink: AudioSink {
    let sampleRate: SampleRate
    let channels: Int
    private(set) var count = 0

    init(_ rate: SampleRate, channels: Int) {
        sampleRate = rate
        self.channels = channels
    }

    func write(_ frame: Span<Int16>) { count += frame.count }
}
