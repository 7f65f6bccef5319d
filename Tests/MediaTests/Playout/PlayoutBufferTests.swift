import Foundation
import Media
import Testing

/// Sound like a voice: harmonics of a gliding pitch with syllables; the same in every run.
func voice(seconds: Double, rate: Int = 8000) -> [Int16] {
    var phase = 0.0
    return (0..<Int(seconds * Double(rate))).map { index in
        let time = Double(index) / Double(rate)
        phase += (120 + 20 * sin(2 * .pi * 0.7 * time)) / Double(rate)
        let syllable = 0.55 + 0.45 * sin(2 * .pi * 3 * time)
        let wave = (1...12).reduce(0.0) { $0 + sin(2 * .pi * Double($1) * phase) / Double($1) }
        return Int16(6000 * syllable * wave)
    }
}

/// One packet on its way.
struct Arrival {
    /// Milliseconds from the origin.
    var time: Double
    var sequence: UInt16
    var timestamp: UInt32
    var samples: [Int16]
    var codec = AudioCodec.pcmu
    /// A packet without audio, such as a telephone event.
    var isSilent = false
    /// Begin a new source with it.
    var isNewSource = false
}

/// A sender of `ptime` milliseconds whose packets take `delay(number)` milliseconds; nil is lost.
func packets(
    _ sound: [Int16], ptime: Int = 20, firstSequence: UInt16 = 65500, firstTimestamp: UInt32 = .max - 1000,
    delay: (Int) -> Double? = { _ in 0 }
) -> [Arrival] {
    let length = ptime * 8
    var all: [Arrival] = []
    for number in 0..<sound.count / length {
        guard let late = delay(number) else { continue }
        all.append(
            Arrival(
                time: Double(number * ptime) + late, sequence: firstSequence &+ UInt16(truncatingIfNeeded: number),
                timestamp: firstTimestamp &+ UInt32(number * length),
                samples: Array(sound[number * length..<(number + 1) * length])))
    }
    return all
}

/// What a buffer gave.
struct Played {
    var samples: [Int16] = []
    var frames: [PlayoutBuffer.Frame] = []
    var delays: [Double] = []
    var buffer: PlayoutBuffer

    /// Samples from the first frame that was not idle.
    var sound: [Int16] {
        guard let first = frames.firstIndex(where: { $0 != .idle }) else { return [] }
        return Array(samples[(first * buffer.samplesPerFrame)...])
    }

    /// Where, in milliseconds, the first frame that was not idle was due.
    var start: Double { Double(frames.firstIndex { $0 != .idle } ?? -1) * Double(buffer.samplesPerFrame) / 8 }
}

/// Brings packets into a buffer and pulls frames, in virtual time.
///
/// - Parameters:
///   - phase: when the first frame is due, in milliseconds.
///   - tick: time between two frames in milliseconds, by the sender's clock; other than 20 is drift.
func play(
    _ arrivals: [Arrival], seconds: Double, configuration: PlayoutBuffer.Configuration = .init(), phase: Double = 3,
    tick: Double? = nil
) -> Played {
    var played = Played(buffer: PlayoutBuffer(configuration: configuration))
    let sorted = arrivals.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
    let tick = tick ?? Double(played.buffer.samplesPerFrame) / 8
    var next = 0
    var frame = [Int16](repeating: 0, count: played.buffer.samplesPerFrame)
    for number in 0..<Int(seconds * 1000 / tick) {
        let due = phase + Double(number) * tick
        while next < sorted.count, sorted[next].element.time <= due {
            let packet = sorted[next].element
            next += 1
            if packet.isNewSource { played.buffer.startSource() }
            if packet.isSilent {
                played.buffer.noteSilence(sequence: packet.sequence)
                continue
            }
            var payload = [UInt8](repeating: 0, count: packet.samples.count)
            var span = payload.mutableSpan
            var bytes = span.mutableBytes
            _ = packet.codec.encode(packet.samples.span, into: &bytes, at: 0)
            played.buffer.insert(
                payload.span.bytes, codec: packet.codec, sequence: packet.sequence, timestamp: packet.timestamp,
                at: origin + .nanoseconds(Int64(packet.time * 1e6)))
        }
        var span = frame.mutableSpan
        played.frames.append(played.buffer.pull(into: &span, at: origin + .nanoseconds(Int64(due * 1e6))))
        played.samples += frame
        played.delays.append(played.buffer.currentDelay / .milliseconds(1))
    }
    return played
}

func coded(_ sound: some Sequence<Int16>, _ law: G711 = .muLaw) -> [Int16] { sound.map { law.decode(law.encode($0)) } }

@Suite struct PlayoutBufferTests {
    static let sound = Array(long[..<32000])
    static let long = voice(seconds: 30)

    /// No jitter, no loss: the decoded input sample for sample, 60 to 80 ms later, for all packet sizes and phases of
    /// the clock.
    @Test(arguments: [10, 20, 30, 40, 60], [0.0, 3, 10, 19.9])
    func isTransparentWithoutJitter(_ ptime: Int, _ phase: Double) {
        let played = play(packets(Self.sound, ptime: ptime, delay: { _ in 0 }), seconds: 4, phase: phase)
        let expected = coded(Self.sound)
        let whole = played.sound.count / (ptime * 8) * ptime * 8
        let count = min(whole, 3 * 8000)
        #expect(played.sound[..<count] == expected[..<count])
        // A frame in whose middle a packet begins must wait for it: one step of the common measure more.
        let offset = Double(20 - [10: 10, 30: 10][ptime, default: 20])
        #expect((60 + offset..<80 + offset).contains(played.start + phase))
        let counters = played.buffer.counters
        #expect(counters.concealed == 0 && counters.lost == 0 && counters.late == 0 && counters.duplicates == 0)
        #expect(counters.inserted == 0 && counters.removed == 0 && counters.jumps == 0)
    }

    /// For a minute, so that no adjustment sets in late.
    @Test func staysTransparent() {
        let sound = Self.long + Self.long
        let played = play(packets(sound), seconds: 60)
        #expect(played.sound[..<(59 * 8000)] == coded(sound)[..<(59 * 8000)])
    }

    @Test func framesOfOtherLengths() {
        for milliseconds in [10, 30, 60] {
            var configuration = PlayoutBuffer.Configuration()
            configuration.frame = .milliseconds(milliseconds)
            let played = play(packets(Self.sound), seconds: 4, configuration: configuration)
            #expect(played.buffer.samplesPerFrame == milliseconds * 8)
            #expect(played.sound[..<24000] == coded(Self.sound)[..<24000])
            #expect(played.buffer.counters.concealed == 0)
        }
    }

    /// Jitter of up to 60 ms, with the reordering that comes with it: not one frame is concealed.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func absorbs60MillisecondsOfJitter(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let sound = Array(Self.long[..<160_000])
        let jittered = packets(sound, delay: { _ in Double.random(in: 0...60, using: &generator) })
        let played = play(jittered, seconds: 19, phase: Double.random(in: 0..<20, using: &generator))
        let counters = played.buffer.counters
        #expect(counters.concealed == 0)
        #expect(counters.lost == 0 && counters.late == 0 && counters.duplicates == 0)
        #expect(!played.frames.contains(.concealed))
        #expect(counters.frames > 900)
        #expect(played.buffer.currentDelay < .milliseconds(150))
    }

    /// As much jitter as a buffer is told to expect, with the same room above it as by default.
    @Test(arguments: [20, 60, 200, 500])
    func absorbsTheDepthThatItIsGiven(milliseconds: Int) {
        var generator = SeededGenerator(UInt64(milliseconds))
        let depth = Double(milliseconds)
        let configuration = PlayoutBuffer.Configuration(depth: .milliseconds(milliseconds))
        #expect(configuration.nominalDelay == .milliseconds(milliseconds))
        #expect(configuration.maximumDelay == .milliseconds(milliseconds + 340))
        let jittered = packets(
            Array(Self.long[..<80_000]), delay: { _ in Double.random(in: 0...depth, using: &generator) })
        let played = play(jittered, seconds: 9, configuration: configuration)
        #expect(played.buffer.counters.concealed == 0)
        #expect(played.buffer.counters.late == 0)
        #expect(played.start >= depth)
    }

    /// Each single packet lost, one after the other: exactly its frame is concealed, with sound, and all others are right.
    @Test func concealsEverySinglePacket() {
        let sound = Array(Self.sound[..<8000])
        let expected = coded(sound)
        for lost in 1..<44 {
            let played = play(packets(sound, delay: { $0 == lost ? nil : 0 }), seconds: 1)
            let counters = played.buffer.counters
            #expect(counters.concealed == 1 && counters.lost == 1 && counters.late == 0, "packet \(lost)")
            let gap = lost * 160..<(lost + 1) * 160
            #expect(played.sound[..<gap.lowerBound] == expected[..<gap.lowerBound])
            // The first 8 ms behind the gap are blended.
            let rest = gap.upperBound + 64..<45 * 160
            #expect(played.sound[rest] == expected[rest], "packet \(lost)")
            var made = LevelMeter()
            var before = LevelMeter()
            made.update(Array(played.sound[gap]).span)
            before.update(Array(expected[max(0, gap.lowerBound - 160)..<gap.lowerBound]).span)
            // As loud as what was before it, but for the fade that begins after 10 ms.
            #expect(made.reading.level.decibels > before.reading.level.decibels - 4, "packet \(lost)")
        }
    }

    /// What is made up continues the voice: better by far than silence or a bare repetition of the last frame.
    @Test func concealmentResemblesTheVoice() {
        let sound = Self.sound
        let expected = coded(sound)
        var made = 0.0
        var silence = 0.0
        var repeated = 0.0
        for lost in stride(from: 20, to: 180, by: 7) {
            let played = play(packets(sound, delay: { $0 == lost ? nil : 0 }), seconds: 4).sound
            for index in lost * 160..<(lost + 1) * 160 {
                made += pow(Double(played[index]) - Double(expected[index]), 2)
                silence += pow(Double(expected[index]), 2)
                repeated += pow(Double(expected[index - 160]) - Double(expected[index]), 2)
            }
        }
        #expect(made < 0.2 * silence)
        #expect(made < 0.2 * repeated)
    }

    /// Neither at the beginning nor at the end of a gap does the sound step more than the voice itself does.
    @Test func concealmentDoesNotClick() {
        let expected = coded(Self.sound)
        let steepest = zip(expected, expected.dropFirst()).map { abs(Int($0) - Int($1)) }.max()!
        for lost in stride(from: 10, to: 180, by: 3) {
            let played = play(packets(Self.sound, delay: { $0 == lost ? nil : 0 }), seconds: 4).sound
            for index in lost * 160 - 1..<(lost + 1) * 160 + 80 {
                #expect(abs(Int(played[index]) - Int(played[index + 1])) <= steepest * 5 / 4)
            }
        }
    }

    /// A long gap fades to silence within 60 ms.
    @Test func longLossFadesOut() {
        let played = play(packets(Self.sound, delay: { (50..<60).contains($0) ? nil : 0 }), seconds: 3)
        let gap = played.sound[50 * 160..<60 * 160]
        #expect(gap.prefix(160).contains { abs(Int($0)) > 1000 })
        #expect(gap.dropFirst(480).allSatisfy { $0 == 0 })
        #expect(played.buffer.counters.lost == 10)
        #expect(played.buffer.counters.concealed == 10)
        #expect(Array(played.sound[60 * 160 + 80..<16000]) == Array(coded(Self.sound)[60 * 160 + 80..<16000]))
    }

    @Test func seededLossKeepsTheTimeline() {
        var generator = SeededGenerator(77)
        let sound = Array(Self.long[..<160_000])
        var lost = 0
        let arrivals = packets(
            sound,
            delay: { number in
                let isLost = number > 5 && number < 900 && Double.random(in: 0..<1, using: &generator) < 0.1
                lost += isLost ? 1 : 0
                return isLost ? nil : 0
            })
        let played = play(arrivals, seconds: 19)
        #expect(played.buffer.counters.lost == UInt64(lost))
        #expect(played.buffer.counters.concealed == UInt64(lost))
        // Sounds of whole frames that came and follow on frames that came are exact.
        let expected = coded(sound)
        #expect(played.sound[900 * 160 + 80..<920 * 160] == expected[900 * 160 + 80..<920 * 160])
    }

    @Test func duplicatesAreHeardOnce() {
        let once = packets(Self.sound)
        let twice = once.flatMap { packet -> [Arrival] in
            var again = packet
            again.time += 7
            return [packet, packet, again]
        }
        let played = play(twice, seconds: 3)
        #expect(played.sound[..<20000] == coded(Self.sound)[..<20000])
        #expect(played.buffer.counters.duplicates > 250)
        #expect(played.buffer.counters.late == 0)
        #expect(played.buffer.counters.concealed == 0)
    }

    /// Swapped neighbours within the delay are put in order.
    @Test func reorderedPacketsAreSorted() {
        let played = play(packets(Self.sound, delay: { $0 % 2 == 0 ? 30 : 0 }), seconds: 3)
        #expect(played.sound[..<20000] == coded(Self.sound)[..<20000])
        #expect(played.buffer.counters.concealed == 0)
    }

    /// A packet that comes after its time was concealed is counted late, not lost, and the delay grows a little.
    @Test func aStragglerIsLate() {
        let played = play(packets(Self.sound, delay: { $0 == 50 ? 130 : 0 }), seconds: 4)
        let counters = played.buffer.counters
        #expect(counters.late == 1)
        #expect(counters.lost == 0)
        #expect(counters.concealed == 1)
        #expect((20...280).contains(counters.inserted))
    }

    /// A stall of 160 ms, then all at once: what is missing is concealed, nothing of what came is dropped, and the longer
    /// delay goes back in the end.
    @Test func aStallMakesTheDelayLonger() {
        let sound = Self.long
        let arrivals = packets(sound, delay: { (100..<108).contains($0) ? Double(108 - $0) * 20 : 0 })
        let played = play(arrivals, seconds: 29)
        let counters = played.buffer.counters
        #expect(counters.lost == 0 && counters.late == 0)
        #expect((3...6).contains(counters.concealed))
        #expect(played.delays[110...160].allSatisfy { $0 > 65 })
        #expect(played.delays.max()! > 120)
        #expect(counters.removed > 0)
        #expect(played.delays.last! < 82)
    }

    /// A stall beyond the longest delay begins a new talkspurt at the nominal delay; what is too old is dropped.
    @Test func aLongStallBeginsAnew() {
        let sound = Array(Self.long[..<80000])
        let arrivals = packets(sound, delay: { (100..<150).contains($0) ? Double(150 - $0) * 20 : 0 })
        let played = play(arrivals, seconds: 9)
        #expect(played.buffer.counters.late > 30)
        #expect(played.delays.last! < 85)
        let end = played.samples.suffix(8000)
        #expect(end.contains { abs(Int($0)) > 1000 })
    }

    /// Silence suppression: sequence numbers go on, timestamps leap. Nothing is lost or concealed, and the talkspurt keeps
    /// its place in time or begins at the nominal delay.
    @Test(arguments: [100, 200, 300, 1000, 5000])
    func silenceSuppressionIsNoLoss(_ pause: Int) {
        let first = packets(Array(Self.sound[..<8000]), firstSequence: 0, firstTimestamp: 0)
        let second = packets(
            Array(Self.sound[8000..<16000]), firstSequence: 50, firstTimestamp: 8000 + UInt32(pause * 8)
        )
        .map { packet -> Arrival in
            var packet = packet
            packet.time += Double(1000 + pause)
            return packet
        }
        let played = play(first + second, seconds: 3 + Double(pause) / 1000)
        let counters = played.buffer.counters
        #expect(counters.lost == 0 && counters.late == 0 && counters.jumps == 0)
        #expect(counters.concealed == 0)
        #expect(counters.silent > 0)
        let expected = coded(Self.sound)
        #expect(played.sound[..<8000] == expected[..<8000])
        // The second talkspurt is found where the sender put it, or up to a frame later, exact after the blend.
        let place = 8000 + pause * 8
        let found = (0...160).contains { offset in
            let start = place + offset + 100
            return played.sound[start..<start + 7000] == expected[8100..<15100]
        }
        #expect(found)
    }

    /// Telephone events take the audio's sequence numbers: their place is silent, not concealed.
    @Test(arguments: [3, 8, 15, 60])
    func eventsAreSilence(_ count: Int) {
        let sound = Self.sound
        let arrivals = packets(sound).enumerated().map { number, packet -> Arrival in
            var packet = packet
            packet.isSilent = (50..<50 + count).contains(number)
            return packet
        }
        let played = play(arrivals, seconds: 3.5)
        #expect(played.buffer.counters.lost == 0)
        #expect(played.buffer.counters.concealed == 0)
        let start = 50 * 160
        #expect(played.sound[start + 40..<start + count * 160].allSatisfy { $0 == 0 }, "silent within 5 ms")
        let after = start + (count + 2) * 160
        let expected = coded(sound)
        let found = (0...160).contains {
            played.sound[after + $0..<after + $0 + 5000] == expected[after..<after + 5000]
        }
        #expect(found)
    }

    /// The sender's timestamps jump while its sequence goes on: the sound goes on without a gap.
    @Test(arguments: [100_000_000, 0x7000_0000, .max - 40000, 4_000_000] as [UInt32])
    func timestampJumpsAreMapped(_ jump: UInt32) {
        let arrivals = packets(Self.sound).enumerated().map { number, packet -> Arrival in
            var packet = packet
            if number >= 60 { packet.timestamp &+= jump }
            return packet
        }
        let played = play(arrivals, seconds: 3.5)
        #expect(played.buffer.counters.jumps == 1)
        #expect(played.buffer.counters.concealed == 0 && played.buffer.counters.lost == 0)
        #expect(played.sound[..<24000] == coded(Self.sound)[..<24000])
    }

    /// Another source with other numbers takes over: no gap either.
    @Test func aNewSourceFollowsOn() {
        let arrivals = packets(Self.sound).enumerated().map { number, packet -> Arrival in
            var packet = packet
            if number >= 60 {
                packet.sequence = packet.sequence &+ 31000
                packet.timestamp &+= 123_456_789
                packet.isNewSource = number == 60
                packet.codec = .pcma
            }
            return packet
        }
        let played = play(arrivals, seconds: 3.5)
        #expect(played.buffer.counters.concealed == 0 && played.buffer.counters.lost == 0)
        #expect(played.buffer.counters.jumps == 0)
        let expected = coded(Self.sound[..<9600]) + coded(Self.sound[9600...], .aLaw)
        #expect(played.sound[..<24000] == expected[..<24000])
    }

    /// Clocks that differ by 800 parts in a million, which is 120 ms in 150 s: nothing is lost or concealed, the delay stays
    /// within bounds.
    @Test(arguments: [19.984, 20.016])
    func followsTheSendersClock(_ tick: Double) {
        let second = Self.sound[..<8000]
        let sound = (0..<150).flatMap { _ in second }
        let played = play(packets(sound), seconds: 149, tick: tick)
        let counters = played.buffer.counters
        #expect(counters.concealed == 0 && counters.lost == 0 && counters.late == 0)
        #expect(played.delays.dropFirst(10).allSatisfy { $0 > 0 && $0 < 110 })
        #expect(tick < 20 ? counters.inserted > 400 : counters.removed > 400)
    }

    /// A fixed delay leaves the sound as it is, whatever the jitter: a stall of 160 ms, and a delay that is far too long.
    @Test(arguments: [160, 0])
    func aFixedDelayStretchesNothing(stall: Double) {
        var configuration = PlayoutBuffer.Configuration(depth: .milliseconds(200))
        configuration.isAdaptive = false
        // Packets that come late at first make the delay long for all that follow.
        let arrivals = packets(Self.long) { number in
            (100..<108).contains(number) ? Double(108 - number) / 8 * stall : number < 50 ? 60 : 0
        }
        let played = play(arrivals, seconds: 29, configuration: configuration)
        let counters = played.buffer.counters
        #expect(counters.inserted == 0 && counters.removed == 0)
        #expect(counters.concealed == 0 && counters.lost == 0 && counters.late == 0)
        #expect(played.delays.last! > 220)
    }

    /// An adjustment of the delay joins the voice smoothly: no step steeper than its own.
    @Test func adjustmentsDoNotClick() {
        let sound = Self.long
        // 62 ms are 1 ms less than the delay that the first frame's phase gives; a stall of 200 ms makes it long.
        let arrivals = packets(
            sound, delay: { (50..<400).contains($0) ? 62 : (500..<510).contains($0) ? Double(510 - $0) * 20 : 0 })
        let played = play(arrivals, seconds: 29)
        #expect(played.buffer.counters.inserted > 0)
        #expect(played.buffer.counters.removed > 0)
        let expected = coded(sound)
        let steepest = zip(expected, expected.dropFirst()).map { abs(Int($0) - Int($1)) }.max()!
        let steps = zip(played.sound, played.sound.dropFirst()).map { abs(Int($0) - Int($1)) }
        #expect(steps.prefix(28 * 8000).max()! <= steepest * 5 / 4)
    }

    /// Packets long before the first frame is due do not make the delay long.
    @Test func aLateFirstFrameDropsWhatIsOver() {
        let played = play(packets(Self.sound), seconds: 2, phase: 1000)
        #expect(played.frames[0] == .media)
        #expect(played.buffer.counters.late > 30)
        #expect(played.delays.last! < 85)
    }

    @Test func resetForgets() {
        var buffer = PlayoutBuffer()
        let payload = [UInt8](repeating: 0, count: 160)
        for number in 0..<10 {
            buffer.insert(
                payload.span.bytes, codec: .pcmu, sequence: UInt16(number), timestamp: UInt32(number * 160),
                at: origin + .milliseconds(number * 20))
        }
        var frame = [Int16](repeating: 1, count: 160)
        var span = frame.mutableSpan
        #expect(buffer.isPlaying == false)
        var result = buffer.pull(into: &span, at: origin + .milliseconds(200))
        #expect(result == .media)
        buffer.reset()
        result = buffer.pull(into: &span, at: origin + .milliseconds(220))
        #expect(result == .idle)
        #expect(frame.allSatisfy { $0 == 0 })
        #expect(buffer.counters.received == 10)
        #expect(buffer.currentDelay == .zero)
        buffer.insert(payload.span.bytes, codec: .pcmu, sequence: 5000, timestamp: 9, at: origin + .milliseconds(240))
        var span2 = frame.mutableSpan
        result = buffer.pull(into: &span2, at: origin + .milliseconds(300))
        #expect(result == .media)
        #expect(buffer.counters.lost == 0)
    }

    @Test(arguments: [0, 1601, 9000])
    func unusablePacketsAreRefused(_ length: Int) {
        var buffer = PlayoutBuffer()
        let payload = [UInt8](repeating: 0, count: length)
        let result = buffer.insert(payload.span.bytes, codec: .pcma, sequence: 0, timestamp: 0, at: origin)
        #expect(result == .unusable)
        #expect(buffer.counters.unusable == 1)
    }

    /// Whatever comes, in whatever order and time: no trap, and every frame is filled.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func survivesAnything(seed: UInt64) {
        var generator = SeededGenerator(seed)
        var buffer = PlayoutBuffer()
        var now = origin
        var sequence: UInt16 = generator.next()
        var timestamp: UInt32 = generator.next()
        var frame = [Int16](repeating: 0, count: 160)
        for _ in 0..<3000 {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: sequence = generator.next()
            case 1: timestamp = generator.next()
            case 2: sequence &-= UInt16.random(in: 0...70, using: &generator)
            case 3: timestamp &-= UInt32.random(in: 0...10000, using: &generator)
            case 4: buffer.noteSilence(sequence: sequence)
            case 5: buffer.startSource()
            case 6: if Int.random(in: 0..<10, using: &generator) == 0 { buffer.reset() }
            case 7: now += .milliseconds(Int.random(in: 0...1000, using: &generator))
            case 8..<14:
                var span = frame.mutableSpan
                _ = buffer.pull(into: &span, at: now)
                now += .milliseconds(20)
            default:
                let count =
                    Int.random(in: 0...8, using: &generator) == 0 ? Int.random(in: 0...1700, using: &generator) : 160
                let payload = [UInt8](repeating: generator.next(), count: count)
                buffer.insert(
                    payload.span.bytes, codec: .random(&generator), sequence: sequence, timestamp: timestamp, at: now)
                sequence &+= 1
                timestamp &+= UInt32(count)
            }
        }
    }
}

extension AudioCodec {
    fileprivate static func random(_ generator: inout SeededGenerator) -> AudioCodec {
        allCases.randomElement(using: &generator) ?? .pcmu
    }
}
