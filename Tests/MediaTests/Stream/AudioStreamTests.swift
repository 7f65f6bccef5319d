import Media
import RTP
import Testing

@Suite struct AudioStreamTests {
    static let speech = voice(seconds: 12)
    static let other = Array(voice(seconds: 12).reversed())

    /// Ten seconds both ways at once: what is heard is the decoded code of what was said, sample for sample.
    @Test(arguments: [AudioCodec.pcmu, .pcma], [10, 20, 30, 60])
    func soundArrivesSampleForSample(_ codec: AudioCodec, _ packetTime: Int) throws {
        let call = Call(AudioNegotiation(codec: codec, packetTime: .milliseconds(packetTime)))
        call.a.play(ClipPlayer(AudioClip(samples: Self.speech, sampleRate: .narrowband)))
        call.b.play(ClipPlayer(AudioClip(samples: Self.other, sampleRate: .narrowband)))
        call.run(for: .seconds(11))
        let law: G711 = codec == .pcmu ? .muLaw : .aLaw
        for (heard, said) in [(call.heardByB.samples, Self.speech), (call.heardByA.samples, Self.other)] {
            let expected = coded(said[..<80000], law)
            let start = try #require(find(expected[..<400], in: heard))
            #expect(Array(heard[start..<start + 80000]) == expected)
            #expect(start < 200 * 8)
        }
        let statistics = call.b.statistics()
        #expect(statistics.playout.concealed == 0 && statistics.lost == 0)
        #expect(statistics.ignoredDatagrams == 0)
        #expect(statistics.receivedOctets == UInt64(statistics.receivedPackets) * UInt64(packetTime * 8))
    }

    /// Pacing: each tick is due at the start and a whole number of packet times; each packet is one sequence number and one
    /// frame of timestamp after the one before, and only the first carries the marker.
    @Test func pacesExactly() {
        let call = Call()
        call.a.play(ToneSource(.sine(1000)))
        call.run(for: .seconds(60))
        #expect(call.a.nextTick == origin + .milliseconds(60020))
        let packets = call.media(from: "a")
        #expect(packets.count == 3001)
        for (number, packet) in packets.enumerated() {
            // The first tick is due at the origin and made in the first millisecond.
            #expect(packet.time == max(.milliseconds(1), .milliseconds(20 * number)))
            #expect(packet.octets.count == 172)
        }
        let headers = call.headers(from: "a")
        for (before, after) in zip(headers, headers.dropFirst()) {
            #expect(after.sequenceNumber == before.sequenceNumber &+ 1)
            #expect(after.timestamp == before.timestamp &+ 160)
            #expect(after.ssrc == before.ssrc)
        }
        #expect(headers[0].marker)
        #expect(headers.dropFirst().allSatisfy { !$0.marker })
    }

    @Test func doesNothingBeforeItsTime() {
        let call = Call()
        call.run(for: .milliseconds(1))
        var memory = [UInt8](repeating: 0, count: 1500)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let early = call.a.tick(at: origin + .milliseconds(19), into: &bytes)
        #expect(early.media == nil && early.control == nil)
        #expect(call.a.nextTick == origin + .milliseconds(20))
    }

    /// A lane that was held up makes good five frames and passes over the rest; the timestamps show the gap.
    @Test func catchesUpAfterAStall() {
        let call = Call()
        call.run(for: .milliseconds(101))
        let before = call.headers(from: "a")
        call.run(for: .milliseconds(1001), step: .milliseconds(1001))
        let after = call.headers(from: "a").dropFirst(before.count)
        // 1102 ms: due are 120 … 1100; the first that is made is that which lies 5 frames back or less.
        #expect((5...6).contains(after.count))
        #expect(call.a.nextTick == origin + .milliseconds(1120))
        #expect(after.first?.marker == true)
        let gap = (after.first?.timestamp ?? 0) &- (before.last?.timestamp ?? 0)
        #expect(gap == UInt32(call.a.statistics().skippedFrames + 1) * 160)
        #expect(after.first?.sequenceNumber == before.last.map { $0.sequenceNumber &+ 1 })
        #expect(after.last?.timestamp == before[0].timestamp &+ 160 * 55)
    }

    @Test func aClockThatLeapsByAgesDoesNotTrap() {
        let call = Call()
        var memory = [UInt8](repeating: 0, count: 1500)
        for seconds in [Int64(1) << 40, Int64(1) << 60] {
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            _ = call.a.tick(at: origin + .seconds(seconds), into: &bytes)
        }
        #expect(call.a.statistics().skippedFrames > 1_000_000)
    }

    /// 60 ms of jitter, seeded: nothing is concealed once the call runs.
    @Test(arguments: 0..<5 as Range<UInt64>)
    func jitterIsAbsorbed(seed: UInt64) {
        let call = Call(seed: seed)
        var generator = SeededGenerator(seed)
        call.network = { $0.isControl ? .zero : .microseconds(Int.random(in: 0...60000, using: &generator)) }
        call.a.play(ClipPlayer(AudioClip(samples: Self.speech, sampleRate: .narrowband)))
        call.run(for: .seconds(10))
        let statistics = call.b.statistics()
        #expect(statistics.playout.concealed == 0)
        #expect(statistics.playout.late == 0)
        // Differences of two uniform delays of 60 ms: 20 ms in the mean.
        #expect((.milliseconds(10) ... .milliseconds(30)).contains(statistics.jitter))
    }

    /// From file to file over a network of 1 ms: what is read at a time is heard within 65 ms, and within 45 once the delay has settled.
    @Test(arguments: [0, 3, 7, 12, 19])
    func theDelayIsShort(_ offset: Int) throws {
        let call = Call { $0.playout = PlayoutBuffer.Configuration() }
        call.run(for: .milliseconds(offset))
        var said = [Int16](repeating: 0, count: 20 * 8000)
        let clicks = [2, 18].map { $0 * 8000 }
        for click in clicks { for index in 0..<40 { said[click + index] = index % 2 == 0 ? 12_000 : -12_000 } }
        // The first frame is read at the next tick, and the second stream has begun 7 ms behind the origin.
        let begin = (call.a.nextTick - origin) / .milliseconds(1)
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: .narrowband)))
        call.run(for: .seconds(20))
        for (click, most) in zip(clicks, [65.0, 45]) {
            let heard = try #require(call.heardByB.samples[(click - 400)...].firstIndex { $0 > 6000 })
            let delay = 7 + Double(heard) / 8 - begin - Double(click) / 8
            #expect((0...most).contains(delay), "\(click / 8000) s")
        }
        #expect(call.b.statistics().playout.concealed == 0)
    }

    @Test func lossIsConcealedCountedAndReported() throws {
        let call = Call()
        var generator = SeededGenerator(5)
        var lost = 0
        call.network = { packet in
            guard !packet.isControl, packet.from == "a", packet.time > .seconds(1) else { return .milliseconds(20) }
            guard Double.random(in: 0..<1, using: &generator) < 0.05 else { return .milliseconds(20) }
            lost += 1
            return nil
        }
        call.a.play(ClipPlayer(AudioClip(samples: Self.speech, sampleRate: .narrowband), loops: true))
        call.b.play(ClipPlayer(AudioClip(samples: Self.other, sampleRate: .narrowband), loops: true))
        call.run(for: .seconds(30))
        let far = call.b.statistics()
        #expect(far.lost == lost)
        #expect(abs(Int(far.playout.lost) - lost) <= 1)
        #expect(far.playout.concealed >= UInt64(lost) - 1)
        // 95 × 5 / (5 + 25.1) of loss, and a little of delay.
        #expect((68.0...80).contains(far.quality.rating))
        #expect(abs(far.pattern.loss - 0.05) < 0.02)
        let near = call.a.statistics()
        let report = try #require(near.remote)
        #expect(abs(report.cumulativeLost - lost) < 30)
        #expect((0...0.15).contains(report.lossFraction))
        let roundTrip = try #require(near.roundTrip)
        #expect(abs(roundTrip / .milliseconds(1) - 40) < 2)
        #expect(near.quality.rating > 85)
        #expect(near.receivedReports >= 3 && near.sentReports >= 3)
    }
}
