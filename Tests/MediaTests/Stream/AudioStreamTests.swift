import Media
import RTP
import Testing

/// A datagram on its way between two streams.
struct InFlight {
    var time: Duration
    var octets: [UInt8]
    var from: String
    var to: String
    var isControl: Bool
}

/// Two streams and the network between them, in virtual time.
final class Call {
    let a: AudioStream<String>
    let b: AudioStream<String>
    let heardByA = CollectingSink()
    let heardByB = CollectingSink()
    /// All that was sent, in order.
    var sent: [InFlight] = []
    var eventsOfA: [AudioStreamEvent] = []
    var eventsOfB: [AudioStreamEvent] = []
    /// What the network does with a datagram: its delay, or nil for loss.
    var network: (InFlight) -> Duration? = { _ in .milliseconds(1) }
    /// The address that a sender's packets seem to come from.
    var seenAs: [String: String] = [:]
    /// Time since the origin.
    var time = Duration.zero

    private var flying: [InFlight] = []
    private var memory = [UInt8](repeating: 0, count: AudioStream<String>.tickCapacity)

    init(
        _ negotiationOfA: AudioNegotiation = .init(codec: .pcmu, eventPayloadType: 101),
        _ negotiationOfB: AudioNegotiation? = nil, remoteOfA: String? = "b", seed: UInt64 = 1,
        configure: (inout AudioStreamConfiguration) -> Void = { _ in }
    ) {
        var configuration = AudioStreamConfiguration(canonicalName: "someone@host.example")
        // A delay that is held, so that the sound stays as it is.
        configuration.playout = PlayoutBuffer.Configuration(depth: .milliseconds(60))
        configure(&configuration)
        var generator = SeededGenerator(seed)
        let wallclock = WallclockReference(instant: origin, wallclock: NTPTimestamp(seconds: 1000, fraction: 0))
        a = AudioStream(
            negotiationOfA, remote: remoteOfA, remoteControl: remoteOfA.map { $0 + "+1" }, configuration: configuration,
            at: origin, wallclock: wallclock, using: &generator)
        b = AudioStream(
            negotiationOfB ?? negotiationOfA, remote: "a", remoteControl: "a+1", configuration: configuration,
            at: origin + .milliseconds(7), wallclock: wallclock, using: &generator)
        a.deliver(to: heardByA)
        b.deliver(to: heardByB)
    }

    /// Lets time pass, a millisecond at a time.
    func run(for duration: Duration, step: Duration = .milliseconds(1)) {
        let end = time + duration
        while time < end {
            time += step
            arrive()
            tick(a, as: "a")
            tick(b, as: "b")
            while let event = a.nextEvent() { eventsOfA.append(event) }
            while let event = b.nextEvent() { eventsOfB.append(event) }
        }
    }

    private func tick(_ stream: AudioStream<String>, as name: String) {
        let now = origin + time
        while now >= stream.nextTick {
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            let tick = stream.tick(at: now, into: &bytes)
            if let media = tick.media { dispatch(media, from: name, isControl: false) }
            if let control = tick.control { dispatch(control, from: name, isControl: true) }
        }
    }

    func dispatch(_ datagram: AudioTick<String>.Datagram, from name: String, isControl: Bool) {
        let source = seenAs[name] ?? name
        let packet = InFlight(
            time: time, octets: Array(memory[datagram.octets]), from: isControl ? source + "+1" : source,
            to: datagram.destination, isControl: isControl)
        sent.append(packet)
        guard let delay = network(packet) else { return }
        var onItsWay = packet
        onItsWay.time += delay
        flying.append(onItsWay)
    }

    private func arrive() {
        flying.sort { $0.time < $1.time }
        while let packet = flying.first, packet.time <= time {
            flying.removeFirst()
            let stream = packet.to.hasPrefix(seenAs["a"] ?? "a") ? a : b
            var octets = packet.octets
            _ = octets.withUnsafeMutableBytes { bytes in
                if packet.isControl {
                    stream.receiveControl(bytes, from: packet.from, at: origin + packet.time)
                } else {
                    stream.receive(bytes, from: packet.from, at: origin + packet.time)
                }
            }
        }
    }

    func media(from name: String) -> [InFlight] { sent.filter { $0.from == name && !$0.isControl } }

    func headers(from name: String) -> [RTPHeader] {
        media(from: name).compactMap { try? RTPHeader(parsing: $0.octets.span.bytes) }
    }

    func goodbye(of stream: AudioStream<String>, as name: String) -> Bool {
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        guard let datagram = stream.goodbye(at: origin + time, into: &bytes) else { return false }
        dispatch(datagram, from: name, isControl: true)
        return true
    }
}

/// Where `needle` lies in `sound`, exactly.
func find(_ needle: ArraySlice<Int16>, in sound: [Int16]) -> Int? {
    guard sound.count >= needle.count, let first = needle.first else { return nil }
    return (0...sound.count - needle.count).first {
        sound[$0] == first && sound[$0..<$0 + needle.count] == needle
    }
}

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

@Suite struct AudioStreamKeyTests {
    @Test func keysAreHeardOnceEach() {
        let call = Call()
        let keys = "159#".map { TelephoneEvent.Code($0)! }
        call.run(for: .milliseconds(500))
        for key in keys { #expect(call.a.send(key)) }
        call.run(for: .seconds(2))
        let expected = keys.flatMap {
            [AudioStreamEvent.digitBegan($0), .digitEnded($0, duration: .milliseconds(100))]
        }
        #expect(call.eventsOfB == expected)
        #expect(!call.a.isSendingKeys)
        #expect(call.b.statistics().playout.lost == 0)
        #expect(call.b.statistics().playout.concealed == 0)
    }

    /// Under 20 % loss each key is still heard exactly once: an update or one of three ends gets through.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func keysSurviveLoss(seed: UInt64) {
        let call = Call(seed: seed)
        var generator = SeededGenerator(seed)
        call.network = { _ in Int.random(in: 0..<5, using: &generator) == 0 ? nil : .milliseconds(5) }
        let keys = "0123456789*#".map { TelephoneEvent.Code($0)! }
        for key in keys { #expect(call.a.send(key)) }
        call.run(for: .seconds(6))
        #expect(call.eventsOfB.compactMap { if case .digitBegan(let key) = $0 { key } else { nil } } == keys)
        #expect(call.eventsOfB.compactMap { if case .digitEnded(let key, _) = $0 { key } else { nil } } == keys)
    }

    /// Packets of a key take the place of audio: one sequence, frozen timestamp, marker on the first, and audio goes on at
    /// the right time.
    @Test func eventPacketsShareTheSequence() throws {
        let call = Call()
        call.run(for: .milliseconds(100))
        #expect(call.a.send(.star, duration: .milliseconds(60)))
        call.run(for: .milliseconds(300))
        let headers = call.headers(from: "a")
        let events = headers.enumerated().filter { $0.element.payloadType == 101 }
        #expect(events.count == 5, "three updates, of which the last is the first end, and two more ends")
        let first = try #require(events.first)
        #expect(events.map(\.element.marker) == [true, false, false, false, false])
        #expect(events.allSatisfy { $0.element.timestamp == first.element.timestamp })
        #expect(events.map(\.offset) == Array(first.offset..<first.offset + 5))
        for (before, after) in zip(headers, headers.dropFirst()) {
            #expect(after.sequenceNumber == before.sequenceNumber &+ 1)
        }
        let resumed = headers[first.offset + 5]
        #expect(resumed.marker)
        #expect(resumed.timestamp == first.element.timestamp &+ 5 * 160)
    }

    @Test func aKeyIsHeldUntilReleased() {
        let call = Call()
        #expect(call.a.press(.pound))
        call.run(for: .milliseconds(605))
        #expect(call.eventsOfB == [.digitBegan(.pound)])
        call.a.release()
        call.run(for: .milliseconds(200))
        #expect(call.eventsOfB.last == .digitEnded(.pound, duration: .milliseconds(620)))
    }

    @Test func withoutAgreementNoKeysAreSent() {
        let call = Call(AudioNegotiation(codec: .pcmu))
        #expect(!call.a.send(.star))
        #expect(!call.a.press(.star))
        call.run(for: .milliseconds(100))
        #expect(call.headers(from: "a").allSatisfy { $0.payloadType == 0 })
    }
}

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
