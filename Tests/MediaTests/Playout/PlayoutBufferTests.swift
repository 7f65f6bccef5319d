import Media
import Testing

/// What a playout buffer gives when all comes, what it refuses, and that nothing breaks it.
@Suite struct PlayoutBufferTests {
    /// No jitter, no loss: the decoded input sample for sample, 60 to 80 ms later, for all packet sizes and phases of
    /// the clock.
    @Test(arguments: [10, 20, 30, 40, 60], [0.0, 3, 10, 19.9])
    func isTransparentWithoutJitter(_ ptime: Int, _ phase: Double) {
        let played = play(packets(Voice.short, ptime: ptime, delay: { _ in 0 }), seconds: 4, phase: phase)
        let expected = coded(Voice.short)
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
        let sound = Voice.long + Voice.long
        let played = play(packets(sound), seconds: 60)
        #expect(played.sound[..<(59 * 8000)] == coded(sound)[..<(59 * 8000)])
    }

    @Test func framesOfOtherLengths() {
        for milliseconds in [10, 30, 60] {
            var configuration = PlayoutBuffer.Configuration(depth: .milliseconds(60))
            configuration.frame = .milliseconds(milliseconds)
            let played = play(packets(Voice.short), seconds: 4, configuration: configuration)
            #expect(played.buffer.samplesPerFrame == milliseconds * 8)
            #expect(played.sound[..<24000] == coded(Voice.short)[..<24000])
            #expect(played.buffer.counters.concealed == 0)
        }
    }

    /// Jitter of up to 60 ms, with the reordering that comes with it: not one frame is concealed.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func absorbs60MillisecondsOfJitter(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let sound = Array(Voice.long[..<160_000])
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
            Array(Voice.long[..<80_000]), delay: { _ in Double.random(in: 0...depth, using: &generator) })
        let played = play(jittered, seconds: 9, configuration: configuration)
        #expect(played.buffer.counters.concealed == 0)
        #expect(played.buffer.counters.late == 0)
        #expect(played.start >= depth)
    }

    /// Jitter beyond the depth: the delay grows at once, and behind the first second no frame is concealed.
    @Test(arguments: 0..<20 as Range<UInt64>, [60.0, 120])
    func followsJitter(seed: UInt64, jitter: Double) {
        var generator = SeededGenerator(seed)
        let sound = Array(Voice.long[..<160_000])
        let jittered = packets(sound, delay: { _ in Double.random(in: 0...jitter, using: &generator) })
        let played = play(
            jittered, seconds: 19, configuration: .init(), phase: Double.random(in: 0..<20, using: &generator))
        let first = played.frames.firstIndex { $0 != .idle } ?? 0
        // As long again for twice the jitter, of which each packet adds 20 ms at most.
        #expect(!played.frames.dropFirst(first + (jitter > 60 ? 100 : 50)).contains(.concealed))
        #expect(played.buffer.counters.lost == 0)
        #expect(played.buffer.currentDelay < .milliseconds(jitter * 2))
    }

    /// Where packets come evenly the delay goes down to the least, and is no trouble there.
    @Test(arguments: [0.0, 7, 13, 19], [0.0, 5, 10])
    func goesDownToTheLeastDelay(phase: Double, jitter: Double) {
        var generator = SeededGenerator(3)
        let jittered = packets(Voice.long) { _ in Double.random(in: 0...jitter, using: &generator) }
        let played = play(jittered, seconds: 29, configuration: .init(), phase: phase)
        #expect(played.buffer.counters.concealed == 0 && played.buffer.counters.late == 0)
        // The least delay, a frame, and the slack; half of the jitter is in the mean.
        #expect(played.delays.last! <= 60 + jitter / 2)
        #expect(played.delays[100...200].allSatisfy { $0 < 75 })
    }

    @Test func resetForgets() {
        var buffer = PlayoutBuffer(configuration: .init(depth: .milliseconds(60)))
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
        [.pcmu, .pcma].randomElement(using: &generator) ?? .pcmu
    }
}
