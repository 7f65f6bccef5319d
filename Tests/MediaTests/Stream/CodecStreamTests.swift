import Media
import RTP
import Testing

/// Streams with each codec, in virtual time.
@Suite struct CodecStreamTests {
    static let codecs: [AudioCodec] = {
        var codecs: [AudioCodec] = [
            .g722, .g726(.lowerFirst), .g726(.upperFirst), .opus(.narrowband), .opus(.wideband), .opus(.fullband),
        ]
        for rate in [8000, 16_000, 44_100, 48_000] { codecs.append(.l16(SampleRate(rate))) }
        if G729.isAvailable { codecs.append(.g729(describesSilence: false)) }
        return codecs
    }()

    /// Ten seconds: what is heard is like what was said, whatever the codec's rate and clock, and nothing is made up.
    @Test(arguments: codecs)
    func aVoiceArrives(_ codec: AudioCodec) throws {
        let said = voice(seconds: 10, rate: codec.sampleRate.hertz)
        let call = Call(AudioNegotiation(codec: codec))
        let heard = CollectingSink(codec.sampleRate)
        call.b.deliver(to: heard)
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: codec.sampleRate)))
        call.run(for: .seconds(11))
        #expect(call.b.statistics().playout.concealed == 0)
        #expect(call.b.statistics().ignoredDatagrams == 0)
        #expect(likeness(of: heard.samples, to: said, codec.sampleRate) > (codec.name == "G729" ? 0.6 : 0.85))
        let headers = call.headers(from: "a")
        let units = UInt32(codec.timestampUnits(samples: call.a.samplesPerFrame))
        for (before, after) in zip(headers, headers.dropFirst()) {
            #expect(after.timestamp == before.timestamp &+ units)
        }
    }

    /// L16 is the samples themselves.
    @Test func l16ArrivesSampleForSample() throws {
        let said = voice(seconds: 3, rate: 16_000)
        let call = Call(AudioNegotiation(codec: .l16(.wideband)))
        let heard = CollectingSink(.wideband)
        call.b.deliver(to: heard)
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: .wideband)))
        call.run(for: .seconds(4))
        let start = try #require(find(said[..<400], in: heard.samples))
        #expect(Array(heard.samples[start..<start + said.count]) == said)
    }

    @Test(arguments: [
        (AudioCodec.opus(.wideband), 30, 20), (AudioCodec.opus(.wideband), 60, 60), (AudioCodec.opus(.wideband), 7, 5),
        (AudioCodec.pcmu, 30, 30), (AudioCodec.l16(.fullband), 20, 10), (AudioCodec.l16(SampleRate(44_100)), 20, 10),
        (AudioCodec.g722, 20, 20),
    ])
    func packetsHaveATimeThatTheCodecHas(_ codec: AudioCodec, _ wanted: Int, _ chosen: Int) {
        let call = Call(AudioNegotiation(codec: codec, packetTime: .milliseconds(wanted)))
        #expect(call.a.negotiation.packetTime == .milliseconds(chosen))
        call.a.play(ToneSource(.sine(1000), sampleRate: codec.sampleRate))
        call.run(for: .seconds(1))
        #expect(call.media(from: "a").count >= 1000 / chosen)
        #expect(call.a.statistics().unsentFrames == 0)
        #expect(call.media(from: "a").allSatisfy { $0.octets.count <= AudioStream<String>.tickCapacity })
    }

    /// Opus with in-band FEC: where the peer reports loss the encoder prepares for it, and gaps are filled by what follows.
    @Test func opusRecoversWhatIsLost() throws {
        var negotiation = AudioNegotiation(codec: .opus(.wideband))
        negotiation.opus.hasForwardCorrection = true
        negotiation.opus.bitrate = 32_000
        let call = Call(negotiation)
        var generator = SeededGenerator(9)
        call.network = { packet in
            guard !packet.isControl, packet.from == "a" else { return .milliseconds(20) }
            return Double.random(in: 0..<1, using: &generator) < 0.1 ? nil : .milliseconds(20)
        }
        call.a.play(
            ClipPlayer(AudioClip(samples: voice(seconds: 12, rate: 16_000), sampleRate: .wideband), loops: true))
        call.b.play(ToneSource(.sine(1000), sampleRate: .wideband))
        call.run(for: .seconds(40))
        let settings = try #require(call.a.opus)
        #expect(settings.expectedLoss > 0.02)
        let playout = call.b.statistics().playout
        #expect(playout.lost > 100)
        #expect(playout.recovered > playout.lost / 2)
    }

    @Test func opusIsChangedInTheCall() throws {
        let call = Call(AudioNegotiation(codec: .opus(.fullband)))
        call.a.play(ClipPlayer(AudioClip(samples: voice(seconds: 4, rate: 48_000), sampleRate: .fullband), loops: true))
        call.run(for: .seconds(4))
        let before = call.a.statistics()
        var settings = try #require(call.a.opus)
        settings.bitrate = 8000
        call.a.opus = settings
        call.run(for: .seconds(4))
        let after = call.a.statistics()
        #expect((after.sentOctets - before.sentOctets) * 2 < before.sentOctets)
        #expect(Call().a.opus == nil)
    }

    /// Each packet holds the one before: single losses are not heard, and the sound is what was said, sample for sample.
    @Test func redundancyHidesSingleLosses() throws {
        var negotiation = AudioNegotiation(codec: .pcma)
        negotiation.redundantPayloadType = 99
        negotiation.acceptedRedundantPayloadType = 99
        let call = Call(negotiation)
        var number = 0
        call.network = { packet in
            guard !packet.isControl, packet.from == "a" else { return .milliseconds(5) }
            number += 1
            return number % 7 == 5 ? nil : .milliseconds(5)
        }
        let said = voice(seconds: 6)
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: .narrowband)))
        call.run(for: .seconds(7))
        #expect(call.headers(from: "a").allSatisfy { $0.payloadType == 99 })
        let statistics = call.b.statistics()
        #expect(statistics.lost > 40)
        #expect(statistics.playout.restored > 40)
        #expect(statistics.playout.lost == 0 && statistics.playout.concealed == 0)
        let expected = said[..<48_000].map { G711.aLaw.decode(G711.aLaw.encode($0)) }
        let start = try #require(find(expected[..<400], in: call.heardByB.samples))
        #expect(Array(call.heardByB.samples[start..<start + 46_000]) == Array(expected[..<46_000]))
    }

    @Test func brokenRedundancyIsIgnored() {
        var negotiation = AudioNegotiation(codec: .pcma)
        negotiation.acceptedRedundantPayloadType = 99
        let call = Call(negotiation)
        let header = RTPHeader(payloadType: 99, marker: false, sequenceNumber: 1, timestamp: 160, ssrc: 5)
        var memory = [UInt8](repeating: 0xFF, count: 20)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        _ = try? header.write(into: &bytes)
        let receipt = call.a.receive(memory.span.bytes, from: "b", at: origin)
        #expect(receipt == .ignored(.malformed(.truncated)))
    }

    /// Speech, then noise: descriptions take the place of packets, and noise of that level is heard (RFC 3389).
    @Test(arguments: [AudioCodec.pcmu, .g722])
    func silenceIsComfortNoise(_ codec: AudioCodec) throws {
        var negotiation = AudioNegotiation(codec: codec)
        negotiation.noisePayloadType = 13
        let call = Call(negotiation) { $0.suppressesSilence = true }
        let heard = CollectingSink(codec.sampleRate)
        call.b.deliver(to: heard)
        let rate = codec.sampleRate.hertz
        let said = voice(seconds: 2, rate: rate) + CodecSignal.noise(4 * rate, peak: 60)
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: codec.sampleRate)))
        call.run(for: .seconds(6))
        let headers = call.headers(from: "a")
        let speech = headers.filter { $0.payloadType == codec.staticPayloadType }
        let noise = headers.filter { $0.payloadType == 13 }
        #expect((100...115).contains(speech.count))
        #expect((6...12).contains(noise.count))
        #expect(noise.allSatisfy { !$0.marker })
        let late = Array(heard.samples[(4 * rate)..<(5 * rate)])
        #expect(abs(NoiseAnalyzer.level(of: late) - NoiseAnalyzer.level(of: Array(said[(3 * rate)...]))) < 3)
        #expect(call.b.statistics().playout.concealed == 0)
    }

    private static let silent: [AudioCodec] =
        [.opus(.narrowband), .opus(.wideband), .opus(.fullband)]
        + (G729.isAvailable ? [.g729(describesSilence: true)] : [])

    /// Codecs that describe silence themselves (DTX of Opus, Annex B of G.729): few packets in a pause, of which none is missed, and
    /// what is said behind it comes in its place.
    @Test(arguments: silent) func aCodecLeavesSilenceOut(_ codec: AudioCodec) throws {
        var negotiation = AudioNegotiation(codec: codec)
        negotiation.opus.isDiscontinuous = true
        negotiation.opus.bitrate = 20_000
        let call = Call(negotiation)
        let heard = CollectingSink(codec.sampleRate)
        call.b.deliver(to: heard)
        let rate = codec.sampleRate.hertz
        // Two beeps with 6 s between them.
        let beep = CodecSignal.sine(700, at: codec.sampleRate, seconds: 1, level: -12)
        let said = beep + CodecSignal.noise(6 * rate, peak: 3) + beep + CodecSignal.noise(rate, peak: 3)
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: codec.sampleRate)))
        call.run(for: .seconds(9))
        let times = call.media(from: "a").map(\.time)
        let pause = times.count { (.seconds(2)..<(.seconds(7))).contains($0) }
        #expect((1...60).contains(pause), "\(pause) of 250 packets")
        #expect(times.count { $0 < .seconds(1) } >= 49)
        #expect(times.count { (.milliseconds(7_020)..<(.seconds(8))).contains($0) } >= 48)
        let statistics = call.b.statistics()
        #expect(statistics.lost == 0)
        #expect(statistics.playout.lost == 0 && statistics.playout.late == 0 && statistics.playout.concealed == 0)
        #expect(statistics.playout.silent > 100)
        #expect(statistics.playout.jumps == 0)
        // Where each beep begins: the first 10 ms that are as loud as half of it, and not much between.
        let window = rate / 100
        let loud = stride(from: 0, to: heard.samples.count - window, by: window).filter { start in
            heard.samples[start..<start + window].contains { $0.magnitude > 4_000 }
        }
        let first = try #require(loud.first)
        let second = try #require(loud.first { $0 > first + 3 * rate })
        #expect(!loud.contains { (first + rate * 6 / 5..<second).contains($0) })
        #expect(abs(Double(second - first) / Double(rate) - 7) < 0.025)
    }

    /// A peer that takes no comfort noise gets all of it.
    @Test func silenceIsSentWhereNoiseIsNotTaken() {
        let call = Call(AudioNegotiation(codec: .pcmu)) { $0.suppressesSilence = true }
        call.a.play(ClipPlayer(AudioClip(samples: CodecSignal.noise(16_000, peak: 60), sampleRate: .narrowband)))
        call.run(for: .seconds(2))
        #expect(call.media(from: "a").count >= 100)
    }

    /// A sender that repeats the packet before the last one: the timestamp says which packet a block was.
    @Test func redundancyOfADistance() throws {
        let said = coded(voice(seconds: 2))
        let codes = voice(seconds: 2).map { G711.muLaw.encode($0) }
        var negotiation = AudioNegotiation(codec: .pcmu)
        negotiation.acceptedRedundantPayloadType = 99
        let call = Call(negotiation, AudioNegotiation(codec: .pcmu, direction: .receiveOnly))
        let stream = call.a
        for number in 0..<100 {
            call.run(for: .milliseconds(20))
            // Two in a row are lost again and again.
            if number % 10 == 4 || number % 10 == 5 { continue }
            let header = RTPHeader(
                payloadType: 99, marker: false, sequenceNumber: UInt16(number), timestamp: UInt32(number * 160), ssrc: 5
            )
            var memory = [UInt8](repeating: 0, count: 12)
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            _ = try header.write(into: &bytes)
            let block = { (number: Int) in codes[number * 160..<(number + 1) * 160] }
            if number >= 2 {
                let word = UInt32(0x80) << 24 | 320 << 10 | 160
                memory += [UInt8(word >> 24), UInt8(word >> 16 & 0xFF), UInt8(word >> 8 & 0xFF), UInt8(word & 0xFF)]
                memory += [0] + block(number - 2)
            } else {
                memory += [0]
            }
            memory += block(number)
            stream.receive(memory.span.bytes, from: "b", at: origin + call.time)
        }
        call.run(for: .milliseconds(200))
        let playout = stream.statistics().playout
        #expect(playout.restored == 20)
        #expect(playout.lost == 0 && playout.late == 0 && playout.concealed <= 1)
        let start = try #require(find(said[..<400], in: call.heardByA.samples))
        #expect(Array(call.heardByA.samples[start..<start + 15_000]) == Array(said[..<15_000]))
    }

    /// A codec that has no packets as long as those before goes on with the longest that it has, and is heard.
    @Test(arguments: [
        (AudioCodec.opus(.wideband), 30, 20), (.opus(.wideband), 50, 40), (.g722, 30, 30), (.pcma, 30, 30),
    ])
    func theCodecHasAnotherPacketTime(_ codec: AudioCodec, _ before: Int, _ after: Int) throws {
        var negotiation = AudioNegotiation(codec: .pcmu, packetTime: .milliseconds(before))
        let call = Call(negotiation)
        let heard = CollectingSink(.wideband)
        call.b.deliver(to: heard)
        call.a.play(ToneSource(.sine(1000), sampleRate: .wideband))
        call.b.play(ToneSource(.sine(1000), sampleRate: .wideband))
        call.run(for: .seconds(2))
        #expect(call.a.negotiation.packetTime == .milliseconds(before))
        negotiation.codec = codec
        negotiation.payloadType = codec.staticPayloadType ?? 96
        negotiation.accepted = [negotiation.payloadType: codec]
        negotiation.packetTime = .milliseconds(20)
        call.a.renegotiate(negotiation, remote: "b", remoteControl: "b+1")
        call.b.renegotiate(negotiation, remote: "a", remoteControl: "a+1")
        let sent = call.media(from: "a").count
        call.run(for: .seconds(3))
        #expect(call.a.negotiation.packetTime == .milliseconds(after))
        #expect(abs(call.media(from: "a").count - sent - 3000 / after) <= 1)
        #expect(call.a.statistics().unsentFrames == 0)
        #expect(abs(heard.samples.count - 5 * 16_000) < 2000)
        #expect(NoiseAnalyzer.level(of: Array(heard.samples.suffix(1600))) < 30)
        #expect(call.b.statistics().playout.concealed <= 3)
    }

    /// A key that lasts through an answer with another clock, and one after it with that clock.
    @Test func keysFollowTheClock() throws {
        var negotiation = AudioNegotiation(codec: .pcmu, eventPayloadType: 101)
        let call = Call(negotiation)
        call.run(for: .seconds(1))
        negotiation = AudioNegotiation(codec: .opus(.wideband), eventPayloadType: 110)
        call.a.renegotiate(negotiation, remote: "b", remoteControl: "b+1")
        call.b.renegotiate(negotiation, remote: "a", remoteControl: "a+1")
        call.run(for: .seconds(1))
        // Longer than 10 s, and than a segment of 16 bits.
        #expect(call.a.send(.star, duration: .milliseconds(11_000)))
        call.run(for: .seconds(12))
        #expect(call.eventsOfB.filter { $0 == .digitBegan(.star) }.count == 1)
        #expect(call.eventsOfB.contains(.digitEnded(.star, duration: .milliseconds(11_000))))
    }

    /// From G.711 to G.722 the clock is the same, and so is the source; to Opus both are new, and the old source says goodbye.
    @Test func theCodecChangesInTheCall() throws {
        var negotiation = AudioNegotiation(codec: .pcmu)
        negotiation.accepted = [0: .pcmu, 9: .g722, 96: .opus(.wideband)]
        let call = Call(negotiation)
        let heard = CollectingSink(.wideband)
        call.b.deliver(to: heard)
        call.a.play(ToneSource(.sine(1000), sampleRate: .wideband))
        call.run(for: .seconds(2))
        let ssrc = call.a.ssrc
        negotiation.codec = .g722
        negotiation.payloadType = 9
        call.a.renegotiate(negotiation, remote: "b", remoteControl: "b+1")
        call.run(for: .seconds(2))
        #expect(call.a.ssrc == ssrc)
        #expect(call.headers(from: "a").last?.payloadType == 9)
        #expect(call.a.statistics().codec == .g722)
        negotiation.codec = .opus(.wideband)
        negotiation.payloadType = 96
        call.a.renegotiate(negotiation, remote: "b", remoteControl: "b+1")
        call.run(for: .seconds(8))
        #expect(call.a.ssrc != ssrc)
        #expect(call.headers(from: "a").last?.payloadType == 96)
        #expect(call.eventsOfB.contains(.sourceChanged(ssrc: call.a.ssrc)))
        // All of it was heard at the sink's rate, and there is a tone at the end.
        #expect(abs(heard.samples.count - 12 * 16_000) < 1000)
        #expect(NoiseAnalyzer.level(of: Array(heard.samples.suffix(1600))) < 30)
    }

    /// A peer that mixes sample rates has us begin anew no more than five times a second.
    @Test func ratesThatTakeTurnsAreBounded() {
        var negotiation = AudioNegotiation(codec: .pcmu)
        negotiation.accepted = [0: .pcmu, 9: .g722]
        let call = Call(negotiation)
        var ignored = 0
        for number in 0..<100 {
            let header = RTPHeader(
                payloadType: number % 2 == 0 ? 0 : 9, marker: false, sequenceNumber: UInt16(number),
                timestamp: UInt32(160 * number), ssrc: 5)
            var memory = [UInt8](repeating: 0xFF, count: 172)
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            _ = try? header.write(into: &bytes)
            let receipt = call.a.receive(memory.span.bytes, from: "b", at: origin + .milliseconds(20 * number))
            if case .ignored = receipt { ignored += 1 }
        }
        #expect((40...50).contains(ignored))
    }

    /// Keys beside a clock of 48 kHz: durations are in its units (RFC 4733 §2.3.5).
    @Test func keysHaveTheClockOfTheCodec() throws {
        var negotiation = AudioNegotiation(codec: .opus(.wideband), eventPayloadType: 110)
        negotiation.acceptedEvents = [110: .fullband]
        let call = Call(negotiation)
        call.run(for: .milliseconds(500))
        #expect(call.a.send(.star, duration: .milliseconds(120)))
        call.run(for: .seconds(1))
        let events = call.media(from: "a").filter { $0.octets[1] & 0x7F == 110 }
        let last = try #require(events.last)
        #expect(TelephoneEvent(packet: last.octets)?.duration == 5760)
        #expect(call.eventsOfB.contains(.digitBegan(.star)))
        #expect(call.eventsOfB.contains(.digitEnded(.star, duration: .milliseconds(120))))
    }

    /// A peer that knows events of 8 kHz alone beside Opus gets durations of 8 kHz.
    @Test func keysOfAnotherClockAreScaled() throws {
        var negotiation = AudioNegotiation(codec: .opus(.wideband), eventPayloadType: 101)
        negotiation.eventClockRate = .narrowband
        negotiation.acceptedEvents = [101: .narrowband]
        let call = Call(negotiation)
        call.run(for: .milliseconds(500))
        #expect(call.a.send(.pound, duration: .milliseconds(120)))
        call.run(for: .seconds(1))
        let last = try #require(call.media(from: "a").last { $0.octets[1] & 0x7F == 101 })
        #expect(TelephoneEvent(packet: last.octets)?.duration == 960)
        #expect(call.eventsOfB.contains(.digitEnded(.pound, duration: .milliseconds(120))))
    }

    /// How alike the course of the loudness is, 0 to 1, over 10 ms each: of the best place for the sound in what was heard.
    private func likeness(of heard: [Int16], to said: [Int16], _ rate: SampleRate) -> Double {
        let window = rate.hertz / 100
        func course(_ samples: [Int16]) -> [Double] {
            stride(from: 0, through: samples.count - window, by: window).map { start in
                samples[start..<start + window].reduce(0.0) { $0 + Double($1).magnitude }
            }
        }
        let first = course(said)
        let second = course(heard)
        return (0..<30).map { delay -> Double in
            let pairs = Array(zip(first.dropFirst(50), second.dropFirst(50 + delay)).prefix(800))
            let means = (
                pairs.reduce(0) { $0 + $1.0 } / Double(pairs.count), pairs.reduce(0) { $0 + $1.1 } / Double(pairs.count)
            )
            var sums = (product: 0.0, first: 0.0, second: 0.0)
            for (one, other) in pairs {
                sums.product += (one - means.0) * (other - means.1)
                sums.first += (one - means.0) * (one - means.0)
                sums.second += (other - means.1) * (other - means.1)
            }
            return sums.product / max((sums.first * sums.second).squareRoot(), 1)
        }.max() ?? 0
    }
}
