import Media
import RTP
import Testing

/// Packets get longer while the network is full, and shorter when it is not.
@Suite struct PacketTimeTests {
    /// Takes some reports, and expects so many steps after each.
    private func expect(
        _ expected: [Int], after fractions: [Double], _ control: inout PacketTimeControl, limit: Int = 2,
        at location: SourceLocation = #_sourceLocation
    ) {
        let steps = fractions.map { fraction in
            control.note(fraction, limit: limit)
            return control.steps
        }
        #expect(steps == expected, sourceLocation: location)
    }

    @Test func aFullNetworkGetsLongerPackets() {
        var control = PacketTimeControl()
        // One report alone, or loss that is no sign of a full network, changes nothing.
        expect([0, 0, 0, 0, 0, 0], after: [0.2, 0.05, 0.2, 0.09, 0.09, 0.09], &control)
        // Two in a row do. The first report behind tells of the time before, two more judge.
        expect([0, 1, 1, 1, 1], after: [0.2, 0.2, 0.2, 0.11, 0.12], &control)
        expect([1, 2], after: [0.12, 0.12], &control)
        expect([2, 2, 2, 1, 1], after: [0.3, 0, 0, 0, 0], &control)
        expect([1, 0, 0], after: [0, 0, 0], &control)
    }

    /// Loss that is as great with longer packets is not that of a full network: they go back, and it is not tried again for long.
    @Test func aBadLinkKeepsShortPackets() {
        var control = PacketTimeControl()
        let pause = PacketTimeControl.pause.lowerBound
        expect([0, 1, 1, 1, 0], after: [0.15, 0.15, 0.15, 0.15, 0.15], &control)
        expect(
            Array(repeating: 0, count: pause - 1), after: Array(repeating: 0.15, count: pause - 1), &control)
        expect([1, 1, 1, 0], after: [0.15, 0.15, 0.15, 0.15], &control)
        expect(
            Array(repeating: 0, count: 2 * pause - 1), after: Array(repeating: 0.15, count: 2 * pause - 1), &control)
        expect([1], after: [0.15], &control)
    }

    /// A network that is full with short packets only: they stay long for longer each time, so that they do not go to and fro.
    @Test func packetsDoNotFlap() {
        var control = PacketTimeControl()
        var changes: [Int] = []
        var before = 0
        for report in 0..<400 {
            control.note(control.steps == 0 ? 0.15 : 0, limit: 2)
            if control.steps != before { changes.append(report) }
            before = control.steps
        }
        let stays = stride(from: 1, to: changes.count, by: 2).map { changes[$0] - changes[$0 - 1] }
        #expect(Array(stays.prefix(5)) == [4, 6, 12, 24, 24])
        #expect(before >= 0 && changes.count < 40)
    }

    /// Loss without a queue before it is that of a bad link. Where nothing is known of the round trip it may be that of a full one.
    @Test func packetsThatAreLostHaveWaited() {
        let queue = SendingControl.queue
        for (trips, steps) in [([40, 40, 40], 0), ([40, 40, 70], 0), ([40, 70, 60], 1), ([70, 70, 70], 0)] {
            var control = SendingControl()
            for trip in trips { control.note(0.2, lengthening: 2, roundTrip: .milliseconds(trip)) }
            #expect(control.packetTime.steps == steps, "\(trips)")
        }
        var control = SendingControl()
        control.note(0, lengthening: 2, roundTrip: .zero)
        for trip in [queue, queue] { control.note(0.2, lengthening: 2, roundTrip: trip) }
        #expect(control.packetTime.steps == 1)
        var silent = SendingControl()
        for _ in 0..<2 { silent.note(0.2, lengthening: 2) }
        #expect(silent.packetTime.steps == 1)
    }

    @Test func whatIsNotAllowedAnyMoreIsGivenUp() {
        var control = PacketTimeControl()
        expect([0, 1], after: [0.2, 0.2], &control)
        expect([0], after: [0.2], &control, limit: 0)
        expect([0, 0, 0], after: [0.2, 0.2, 0.2], &control, limit: 0)
    }

    /// Has a report come that says that a part of the packets was lost.
    private func report(_ fraction: Double, to call: Call, delay: UInt16 = 40) throws {
        var memory = [UInt8](repeating: 0, count: 200)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        var writer = RTCPWriter()
        let block = InlineArray<1, ReportBlock>(
            repeating: ReportBlock(
                ssrc: call.a.ssrc, fractionLost: UInt8(fraction * 256), cumulativeLost: 0, highestSequence: 0,
                jitter: 0, lastSenderReport: 0, delaySinceLastSenderReport: 0))
        try writer.receiverReport(ssrc: call.b.ssrc, blocks: block.span, into: &bytes)
        var metrics = VoIPMetrics(ssrc: call.a.ssrc)
        metrics.nominalDelay = delay
        try writer.extendedReport(ssrc: call.b.ssrc, metrics: metrics, into: &bytes)
        let compound = Array(memory[writer.octets])
        let receipt = call.a.receiveControl(compound.span.bytes, from: "b+1", at: origin + call.time)
        #expect(receipt == .control)
    }

    private static let codecs: [AudioCodec] = [.pcmu, .g722, .opus(.wideband), .opus(.fullband)]

    /// 20, 40 and 20 ms as reports say: all that is said is sent, the timestamps go on without a gap, and who hears it makes nothing
    /// up, with a delay that is held and with one that follows the network.
    @Test(arguments: codecs, [true, false]) func aCallFollows(_ codec: AudioCodec, isHeld: Bool) throws {
        var negotiation = AudioNegotiation(codec: codec)
        negotiation.longestPacketTime = .milliseconds(50)
        let call = Call(negotiation) { if !isHeld { $0.playout = .init() } }
        // What b says itself does not come through.
        call.network = { $0.isControl && $0.from.hasPrefix("b") ? nil : .milliseconds(30) }
        let heard = CollectingSink(codec.sampleRate)
        call.b.deliver(to: heard)
        let said = voice(seconds: 4, rate: codec.sampleRate.hertz)
        call.a.play(ClipPlayer(AudioClip(samples: said, sampleRate: codec.sampleRate), loops: true))
        call.run(for: .seconds(2))
        for fraction in [0.2, 0.2] {
            #expect(call.a.sentPacketTime == .milliseconds(20))
            try report(fraction, to: call)
            call.run(for: .milliseconds(2_500))
        }
        #expect(call.a.sentPacketTime == .milliseconds(40))
        #expect(call.a.statistics().sentPacketTime == .milliseconds(40))
        #expect(call.b.statistics().packetTime == .milliseconds(40))
        let count = call.media(from: "a").count
        call.run(for: .seconds(2))
        #expect((49...51).contains(call.media(from: "a").count - count))
        // The peer takes no more than 50 ms.
        for fraction in [0.13, 0.13, 0.13, 0.13, 0.13] { try report(fraction, to: call) }
        call.run(for: .milliseconds(2_500))
        #expect(call.a.sentPacketTime == .milliseconds(40))
        for _ in 0..<4 { try report(0, to: call) }
        call.run(for: .seconds(2))
        #expect(call.a.sentPacketTime == .milliseconds(20))
        let headers = call.headers(from: "a")
        let unit = UInt32(codec.timestampUnits(samples: call.a.samplesPerFrame))
        let steps = zip(headers, headers.dropFirst()).map { ($1.timestamp &- $0.timestamp) / unit }
        #expect(steps.allSatisfy { $0 == 1 || $0 == 2 })
        // One run of long packets between short ones.
        let first = try #require(steps.firstIndex(of: 2))
        let last = try #require(steps.lastIndex(of: 2))
        #expect(steps[first...last].allSatisfy { $0 == 2 })
        #expect(first > 100 && last < steps.count - 50)
        #expect(zip(headers, headers.dropFirst()).allSatisfy { $1.sequenceNumber == $0.sequenceNumber &+ 1 })
        let playout = call.b.statistics().playout
        #expect(playout.concealed == 0 && playout.lost == 0 && playout.late == 0 && playout.silent == 0)
        #expect(call.a.statistics().unsentFrames == 0)
        if codec == .pcmu {
            let sent = call.media(from: "a").flatMap { $0.octets.dropFirst(12) }
            let code = said.map { G711.muLaw.encode($0) }
            #expect(sent.count > 3 * code.count)
            for turn in 0..<3 { #expect(sent[turn * code.count..<(turn + 1) * code.count].elementsEqual(code)) }
        }
    }

    /// A line that has room for fewer headers only: packets get longer until it has room, and shorter when there is more of it. Reports
    /// tell of the queue, or are lost in it.
    @Test(arguments: [true, false]) func aLineThatIsFull(keepsReports: Bool) throws {
        let call = Call(AudioNegotiation(codec: .pcmu)) { $0.playout = .init() }
        var rate = 200_000.0
        var free = Duration.zero
        call.network = { packet in
            guard packet.from.hasPrefix("a") else { return .milliseconds(20) }
            // With the headers of IP and UDP; no more than 60 ms wait.
            let start = max(packet.time, free)
            guard start - packet.time < .milliseconds(60) || packet.isControl && keepsReports else { return nil }
            free = start + .seconds(Double((packet.octets.count + 28) * 8) / rate)
            return free - packet.time + .milliseconds(20)
        }
        call.a.play(ClipPlayer(AudioClip(samples: voice(seconds: 12), sampleRate: .narrowband), loops: true))
        call.run(for: .seconds(15))
        #expect(call.a.sentPacketTime == .milliseconds(20))
        rate = 70_000
        call.run(for: .seconds(50))
        #expect(call.a.sentPacketTime == .milliseconds(40))
        let before = call.b.statistics()
        call.run(for: .seconds(30))
        let after = call.b.statistics()
        #expect(call.a.sentPacketTime == .milliseconds(40))
        // 80 kbit/s with packets of 20 ms would lose an eighth, 72 kbit/s lose a 36th.
        let lost = Double(after.playout.lost - before.playout.lost)
        #expect(lost / Double(after.playout.received - before.playout.received) < 0.04)
        rate = 200_000
        call.run(for: .seconds(60))
        #expect(call.a.sentPacketTime == .milliseconds(20))
    }

    /// The most that packets get in a network that is ever more full: by the peer, the codec, the delay, and what headers are worth.
    @Test(arguments: [
        (AudioCodec.opus(.wideband), 20, 60, 40, 60), (.opus(.wideband), 20, 40, 40, 40), (.pcmu, 20, 30, 40, 20),
        (.opus(.wideband), 10, 60, 40, 60), (.pcmu, 30, 60, 40, 60), (.g722, 60, 60, 40, 60),
        (.l16(.wideband), 20, 60, 40, 20), (.pcmu, 20, 60, 250, 40), (.pcmu, 20, 60, 290, 20),
    ])
    func packetsHaveBounds(_ codec: AudioCodec, _ usual: Int, _ longest: Int, _ delay: UInt16, _ most: Int) throws {
        var negotiation = AudioNegotiation(codec: codec, packetTime: .milliseconds(usual))
        negotiation.longestPacketTime = .milliseconds(longest)
        let call = Call(negotiation)
        call.network = { $0.isControl && $0.from.hasPrefix("b") ? nil : .milliseconds(1) }
        call.a.play(ClipPlayer(AudioClip(samples: voice(seconds: 12), sampleRate: .narrowband), loops: true))
        call.run(for: .seconds(1))
        for number in 0..<8 {
            try report(max(0.11, 0.6 - Double(number) * 0.1), to: call, delay: delay)
            call.run(for: .milliseconds(200))
        }
        call.run(for: .milliseconds(2_500))
        #expect(call.a.sentPacketTime == .milliseconds(most))
        #expect(call.a.statistics().unsentFrames == 0)
        #expect(call.b.statistics().playout.lost == 0)
        #expect(call.media(from: "a").allSatisfy { $0.octets.count <= 1212 })
    }

    /// Keys wait for the packet that is begun, and go out as ever.
    @Test func keysGoBetweenLongPackets() throws {
        let call = Call()
        call.network = { $0.isControl && $0.from.hasPrefix("b") ? nil : .milliseconds(1) }
        call.a.play(ClipPlayer(AudioClip(samples: voice(seconds: 12), sampleRate: .narrowband), loops: true))
        call.run(for: .seconds(1))
        for _ in 0..<2 { try report(0.2, to: call) }
        call.run(for: .seconds(3))
        #expect(call.a.sentPacketTime == .milliseconds(40))
        for key in [TelephoneEvent.Code.star, .pound] {
            #expect(call.a.send(key, duration: .milliseconds(120)))
            call.run(for: .milliseconds(1_010))
            #expect(call.eventsOfB.contains(.digitBegan(key)))
            #expect(call.eventsOfB.contains(.digitEnded(key, duration: .milliseconds(120))))
        }
        #expect(call.b.statistics().playout.lost == 0)
        #expect(call.b.statistics().playout.concealed == 0)
        // An answer that takes the codec away, in the middle of a packet.
        var negotiation = AudioNegotiation(codec: .g722, eventPayloadType: 101)
        negotiation.accepted[0] = .pcmu
        call.a.renegotiate(negotiation, remote: "b", remoteControl: "b+1")
        call.b.renegotiate(negotiation, remote: "a", remoteControl: "a+1")
        call.run(for: .seconds(3))
        #expect(call.a.sentPacketTime == .milliseconds(40))
        #expect(call.media(from: "a").last?.octets.count == 12 + 320)
        #expect(call.a.statistics().unsentFrames == 0)
    }
}
