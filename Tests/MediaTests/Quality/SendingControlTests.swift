import Media
import RTP
import Testing

@Suite struct SendingControlTests {
    @Test func redundancyFollowsTheLoss() {
        var control = SendingControl()
        #expect(control.redundancy(limit: 3) == 3, "nothing is known")
        var depths: [Int] = []
        for fraction in [0, 0.01, 0.05, 0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] {
            control.note(fraction)
            depths.append(control.redundancy(limit: 4))
        }
        // Up at once, down by a quarter with each report.
        #expect(depths == [0, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
        control.note(1)
        #expect(control.redundancy(limit: 1) == 1)
        #expect(control.redundancy(limit: 0) == 0)
    }

    @Test func opusPreparesForLoss() {
        var control = SendingControl()
        var plain = OpusSettings()
        plain.hasForwardCorrection = true
        #expect(control.opus(plain, at: .wideband) == plain)
        control.note(0.05)
        let prepared = control.opus(plain, at: .wideband)
        #expect(prepared.expectedLoss == 0.05)
        #expect(prepared.bitrate == 30_000)
        // What the peer or a person has set is the most.
        plain.bitrate = 22_000
        #expect(control.opus(plain, at: .wideband).bitrate == 22_000)
        plain.bitrate = 8000
        #expect(control.opus(plain, at: .wideband).bitrate == 8000)
        // Without copies the loss changes nothing.
        #expect(control.opus(OpusSettings(), at: .wideband) == OpusSettings())
    }

    /// Much loss is a network that is full.
    @Test func aFullNetworkGetsLess() {
        var control = SendingControl()
        var plain = OpusSettings()
        plain.bitrate = 64_000
        var rates: [Int] = []
        for fraction in [0.2, 0.2, 0.05, 0, 0, 0, 0, 0, 0] {
            control.note(fraction)
            rates.append(control.opus(plain, at: .wideband).bitrate ?? 0)
        }
        #expect(rates[..<3] == [54_400, 46_240, 46_240])
        #expect(rates[3] == 50_864)
        #expect(rates.last == 64_000)
        for _ in 0..<20 { control.note(1) }
        #expect(control.share == 0.5)
        control.note(.nan)
        #expect((0...1).contains(control.loss))
    }

    /// A call in which each tenth packet is lost: the peer tells how it hears, and the sender follows; when it is over, it goes back.
    @Test func aCallFollows() throws {
        var negotiation = AudioNegotiation(codec: .pcmu)
        negotiation.redundantPayloadType = 99
        negotiation.acceptedRedundantPayloadType = 99
        let call = Call(negotiation) { $0.redundancy = 2 }
        var generator = SeededGenerator(4)
        var loss = 0.0
        call.network = { packet in
            guard !packet.isControl, packet.from == "a" else { return .milliseconds(30) }
            return Double.random(in: 0..<1, using: &generator) < loss ? nil : .milliseconds(30)
        }
        call.a.play(ClipPlayer(AudioClip(samples: voice(seconds: 12), sampleRate: .narrowband), loops: true))
        call.run(for: .seconds(20))
        #expect(call.a.redundancyDepth == 0, "nothing is lost")
        #expect(call.headers(from: "a").last?.payloadType == 0)
        loss = 0.15
        call.run(for: .seconds(20))
        #expect(call.a.redundancyDepth == 2)
        #expect(call.headers(from: "a").last?.payloadType == 99)
        let heard = AudioQuality(call.b.statistics())
        #expect((.milliseconds(59)...(.milliseconds(61))).contains(try #require(heard.roundTrip)))
        #expect((.milliseconds(110)...(.milliseconds(150))).contains(heard.delay))
        // No packet waits on the way: the network is bad and not full.
        #expect(call.a.sentPacketTime == .milliseconds(20))
        #expect(heard.rating < 93 && heard.listeningScore > heard.conversationScore)
        let told = try #require(call.a.statistics().remoteMetrics)
        #expect(told.ssrc == call.a.ssrc)
        #expect((59...61).contains(told.roundTripDelay))
        #expect((20...100).contains(told.rating) && (10...50).contains(told.conversationScore))
        #expect(told.configuration == VoIPMetrics.adaptiveConfiguration)
        #expect(told.gapThreshold == 16)
        loss = 0
        call.run(for: .seconds(150))
        #expect(call.a.redundancyDepth == 0)
    }

    @Test func codecsHaveTheirImpairment() {
        #expect(CodecImpairment(.pcmu) == .g711Concealed)
        #expect(CodecImpairment(.g729(describesSilence: false)).impairment == 11)
    }
}
