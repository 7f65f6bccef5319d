import Media
import RTP
import Testing

@Suite struct AudioStreamSessionTests {
    /// The peer's packets come from a NAT: media follows there, and later strangers are refused.
    @Test func mediaFollowsThePeer() {
        let call = Call(remoteOfA: "b-private")
        call.seenAs["b"] = "nat"
        call.run(for: .milliseconds(500))
        #expect(call.eventsOfA.contains(.moved))
        #expect(call.a.remote == "nat")
        let stranger = call.headers(from: "nat").last!
        var packet = [UInt8](repeating: 0xFF, count: 172)
        var span = packet.mutableSpan
        var bytes = span.mutableBytes
        _ = try? stranger.write(into: &bytes)
        let receipt = call.a.receive(packet.span.bytes, from: "thief", at: origin + call.time)
        #expect(receipt == .ignored(.address))
        #expect(call.a.remote == "nat")
        #expect(call.a.statistics().refusedDatagrams == 1)
    }

    @Test func nothingIsSentWhileNobodyKnowsWhere() {
        let call = Call(remoteOfA: nil)
        call.network = { $0.from.hasPrefix("b") ? nil : .zero }
        call.run(for: .seconds(10))
        #expect(call.media(from: "a").isEmpty)
        #expect(call.sent.filter { $0.isControl && $0.from == "a+1" }.isEmpty)
    }

    @Test(arguments: AudioNegotiation.Direction.allCases)
    func directionsAreKept(_ direction: AudioNegotiation.Direction) {
        let call = Call(AudioNegotiation(codec: .pcmu, direction: direction), AudioNegotiation(codec: .pcmu))
        call.a.play(ToneSource(.sine(1000)))
        call.b.play(ToneSource(.sine(1000)))
        call.run(for: .seconds(1))
        #expect(call.media(from: "a").isEmpty == !direction.sends)
        #expect(call.heardByA.samples.allSatisfy { $0 == 0 } == !direction.receives)
        #expect(call.heardByA.samples.count > 7000, "the sink keeps its time")
    }

    /// Hold and resume: nothing is lost or concealed by it, and the talkspurt begins with a marker.
    @Test func holdAndResume() {
        let call = Call()
        call.a.play(ToneSource(.sine(1000)))
        call.run(for: .seconds(1))
        call.a.renegotiate(AudioNegotiation(codec: .pcmu, direction: .inactive), remote: "b", remoteControl: "b+1")
        call.run(for: .seconds(3))
        let before = call.media(from: "a").count
        call.a.renegotiate(AudioNegotiation(codec: .pcma), remote: "b", remoteControl: "b+1")
        call.b.renegotiate(AudioNegotiation(codec: .pcma), remote: "a", remoteControl: "a+1")
        call.run(for: .seconds(2))
        let resumed = call.headers(from: "a")[before]
        #expect(resumed.marker)
        #expect(resumed.payloadType == 8)
        let counters = call.b.statistics().playout
        #expect(counters.lost == 0 && counters.concealed == 0 && counters.jumps == 0)
        var meter = LevelMeter()
        meter.update(Array(call.heardByB.samples.suffix(8000)).span)
        #expect(abs(meter.reading.level.dBm0 + 10) < 0.1)
    }

    @Test func theNewAddressOfADescriptionIsTaken() {
        let call = Call()
        call.run(for: .milliseconds(100))
        call.a.renegotiate(call.a.negotiation, remote: "c", remoteControl: "c+1")
        #expect(call.a.remote == "c")
        #expect(call.a.remoteControl == "c+1")
    }

    /// A source that ends is told once; silence is sent on.
    @Test func theEndOfASourceIsTold() {
        let call = Call()
        call.a.play(ClipPlayer(AudioClip(samples: Array(Self.sound[..<1000]), sampleRate: .narrowband)))
        call.run(for: .seconds(1))
        #expect(call.eventsOfA == [.sourceEnded])
        #expect(call.media(from: "a").count == 51)
        #expect(call.media(from: "a").last?.octets.dropFirst(12).allSatisfy { $0 == 0xFF } == true)
    }

    @Test func silenceIsNotSentWhereNotWanted() {
        let call = Call(configure: { $0.sendsSilence = false })
        call.run(for: .milliseconds(500))
        #expect(call.media(from: "a").isEmpty)
        call.a.play(ToneSource(.sine(440), duration: .milliseconds(100)))
        call.run(for: .milliseconds(500))
        // Five frames, and the one in which the source says that it has ended.
        #expect(call.media(from: "a").count == 6)
    }

    @Test func sourcesAndSinksOfOtherRatesAreConverted() {
        let call = Call()
        let wide = CollectingSink(.fullband)
        call.b.deliver(to: wide)
        call.a.play(ToneSource(.sine(1000, level: .dBm0(-10)), sampleRate: .wideband))
        call.run(for: .seconds(1))
        let level = AudioLevel.peak(peak(of: 1000, in: wide.samples[24000..<43200], rate: 48000)).dBm0
        #expect(abs(level + 10) < 0.1)
    }

    /// An echo: what is said comes back 600 ms and the delays of the way later.
    @Test func anEchoAnswers() throws {
        let call = Call()
        let echo = EchoLine(delay: .milliseconds(600))
        call.b.deliver(to: echo)
        call.b.play(echo)
        let speech = Array(Self.sound[..<24000])
        call.a.play(ClipPlayer(AudioClip(samples: speech, sampleRate: .narrowband)))
        call.run(for: .seconds(5))
        let start = try #require(find(coded(speech)[..<400], in: call.heardByA.samples))
        // 600 ms of echo, and 60 to 80 ms of delay in either buffer.
        #expect((5760...6400).contains(start))
        #expect(Array(call.heardByA.samples[start..<start + 20000]) == coded(speech)[..<20000].map { $0 })
    }

    static let sound = voice(seconds: 4)

    /// Packet by packet, what is not for us is ignored, with its reason, and leaves the stream as it was.
    @Test func ignoresWhatIsNotItsOwn() {
        let call = Call()
        call.run(for: .seconds(1))
        func receive(_ octets: [UInt8]) -> AudioReceipt {
            call.a.receive(octets.span.bytes, from: "b", at: origin + call.time)
        }
        #expect(receive([]) == .ignored(.unknownProtocol))
        #expect(receive([0, 1, 2, 3]) == .ignored(.unknownProtocol))
        #expect(receive([0x80, 0]) == .ignored(.malformed(.truncated)))
        #expect(receive([0x80, 96] + [UInt8](repeating: 0, count: 20)) == .ignored(.payloadType(96)))
        #expect(receive([0x80, 0xC8, 0, 1, 0, 0, 0, 1]) == .ignored(.malformedControl(.contents)))
        #expect(receive([0x80, 0xCB, 0, 1, 0, 0, 0, 1]) == .ignored(.malformedControl(.firstPacket)))
        #expect(call.a.statistics().ignoredDatagrams == 6)
        #expect(call.eventsOfA.isEmpty)
    }

    /// Where descriptions say that reports may be of reduced size, any packet may come first (RFC 5506 §3.4.2), and else none.
    @Test(arguments: [false, true]) func reportsOfReducedSize(isAllowed: Bool) {
        var negotiation = AudioNegotiation(codec: .pcmu)
        negotiation.allowsReducedSize = isAllowed
        let call = Call(negotiation)
        call.run(for: .seconds(1))
        func receive(_ octets: [UInt8]) -> AudioReceipt {
            call.a.receiveControl(octets.span.bytes, from: "b+1", at: origin + call.time)
        }
        func refused(_ reason: RTCPError) -> AudioReceipt { .ignored(.malformedControl(reason)) }
        let source = (0..<4).map { UInt8(truncatingIfNeeded: call.b.ssrc >> (24 - 8 * $0)) }
        let before = call.a.statistics()
        // Feedback (RFC 4585 §6.1) that nobody has asked for, and which says nothing to us.
        #expect(receive([0x81, 205, 0, 2] + source + [0, 0, 0, 1]) == (isAllowed ? .control : refused(.firstPacket)))
        // A packet that names nobody.
        #expect(receive([0x80, 203, 0, 0]) == refused(isAllowed ? .truncated : .firstPacket))
        #expect(receive([0x81, 205, 0, 3] + source + [0, 0, 0, 1]) == refused(isAllowed ? .length : .firstPacket))
        #expect(receive([0x81, 203, 0, 1] + source) == (isAllowed ? .control : refused(.firstPacket)))
        let after = call.a.statistics()
        #expect(after.receivedReports - before.receivedReports == (isAllowed ? 2 : 0))
        #expect(after.ignoredDatagrams - before.ignoredDatagrams == (isAllowed ? 2 : 4))
        call.run(for: .milliseconds(1))
        #expect(call.eventsOfA.contains(.goodbye) == isAllowed)
        // Compounds come as ever, and are all that is sent.
        call.run(for: .seconds(12))
        #expect(call.a.statistics().receivedReports > after.receivedReports)
        #expect(call.sent.filter(\.isControl).allSatisfy { [200, 201].contains($0.octets[1]) })
    }

    /// A second source beside the first must pass probation; then it takes over without a gap.
    @Test func anotherSourceMustProveItself() {
        let call = Call()
        call.run(for: .milliseconds(500))
        var packet = [UInt8](repeating: 0xFF, count: 172)
        func send(_ sequence: UInt16, ssrc: UInt32, after delay: Duration = .zero) -> AudioReceipt {
            var span = packet.mutableSpan
            var bytes = span.mutableBytes
            let header = RTPHeader(
                payloadType: 0, sequenceNumber: sequence, timestamp: UInt32(sequence) &* 160, ssrc: ssrc)
            _ = try? header.write(into: &bytes)
            return call.a.receive(packet.span.bytes, from: "b", at: origin + call.time + delay)
        }
        let receipts = [
            send(7, ssrc: 99), send(9, ssrc: 99), send(50, ssrc: 98), send(10, ssrc: 99), send(11, ssrc: 99),
        ]
        #expect(
            receipts == [.ignored(.unproven), .ignored(.unproven), .ignored(.unproven), .ignored(.unproven), .media])
        #expect(call.a.nextEvent() == .sourceChanged(ssrc: 99))
        // After a silence of the source that is played, the next is taken at once.
        let later = send(1, ssrc: 1234, after: .milliseconds(200))
        #expect(later == .media)
        #expect(call.a.nextEvent() == .sourceChanged(ssrc: 1234))
    }

    /// The peer happens to use our identifier, or sends our own packets back: we take another identifier, once, say goodbye
    /// with the old one, and hear it.
    @Test func collisionsAreResolvedOnce() throws {
        let call = Call()
        let old = call.a.ssrc
        var packet = [UInt8](repeating: 0x80, count: 172)
        for number in 0..<10 {
            let header = RTPHeader(
                payloadType: 0, sequenceNumber: UInt16(number), timestamp: UInt32(number * 160), ssrc: call.a.ssrc)
            var span = packet.mutableSpan
            var bytes = span.mutableBytes
            _ = try? header.write(into: &bytes)
            call.a.receive(packet.span.bytes, from: "b", at: origin + .milliseconds(20 * number))
        }
        let fresh = call.a.ssrc
        #expect(fresh != old)
        call.network = { _ in nil }
        call.run(for: .seconds(7))
        #expect(call.a.ssrc == fresh)
        let report = try #require(call.sent.first { $0.isControl && $0.from == "a+1" }).octets
        var compound = try RTCPCompound(checking: report.span.bytes)
        var leavers: [Bool] = []
        while let part = compound.next(in: report.span.bytes) {
            if case .goodbye(let goodbye) = part { leavers.append(goodbye.names(old, in: report.span.bytes)) }
        }
        #expect(leavers == [true])
    }

    @Test func tooLittleMemoryIsCountedNotWritten() {
        let call = Call()
        var memory = [UInt8](repeating: 0, count: 100)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let tick = call.a.tick(at: origin, into: &bytes)
        #expect(tick.media == nil)
        #expect(call.a.statistics().unsentFrames == 1)
    }

    @Test func levelsAreMeasured() {
        let call = Call()
        call.a.play(ToneSource(.sine(1000, level: .dBm0(-10))))
        call.run(for: .seconds(2))
        #expect(abs(call.a.takeLevels().said.level.dBm0 + 10) < 0.1)
        _ = call.b.takeLevels()
        call.run(for: .seconds(1))
        #expect(abs(call.b.takeLevels().heard.level.dBm0 + 10) < 0.2)
        #expect(call.a.statistics().heard.level == .silence)
    }

    /// Random datagrams, broken ones, and good ones with changes, at random times: never a trap.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func survivesAnything(seed: UInt64) {
        let call = Call(AudioNegotiation(codec: .pcmu, eventPayloadType: 101, isMultiplexed: true), seed: seed)
        var generator = SeededGenerator(seed)
        call.b.play(ToneSource(.sine(500)))
        for _ in 0..<300 {
            call.run(for: .milliseconds(Int.random(in: 1...40, using: &generator)))
            for _ in 0..<5 {
                var octets = call.sent.randomElement(using: &generator)?.octets ?? []
                for _ in 0..<Int.random(in: 0...4, using: &generator) where !octets.isEmpty {
                    octets[Int.random(in: 0..<octets.count, using: &generator)] = generator.next()
                }
                octets = Array(octets.prefix(Int.random(in: 0...octets.count, using: &generator)))
                call.a.receive(octets.span.bytes, from: "b", at: origin + call.time)
                call.a.receiveControl(octets.span.bytes, from: "b", at: origin + call.time)
            }
            if Int.random(in: 0..<10, using: &generator) == 0 { _ = call.b.send(.star) }
        }
        #expect(call.heardByA.samples.count > 1000)
    }
}
