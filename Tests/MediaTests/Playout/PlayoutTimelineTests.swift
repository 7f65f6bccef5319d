import Foundation
import Media
import Testing

/// Where on its timeline the sound is played: pauses, jumps, other sources, clocks that drift.
@Suite struct PlayoutTimelineTests {
    /// Silence suppression: sequence numbers go on, timestamps leap. Nothing is lost or concealed, and the talkspurt keeps
    /// its place in time or begins at the nominal delay.
    @Test(arguments: [100, 200, 300, 1000, 5000])
    func silenceSuppressionIsNoLoss(_ pause: Int) {
        let first = packets(Array(Voice.short[..<8000]), firstSequence: 0, firstTimestamp: 0)
        let second = packets(
            Array(Voice.short[8000..<16000]), firstSequence: 50, firstTimestamp: 8000 + UInt32(pause * 8)
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
        let expected = coded(Voice.short)
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
        let sound = Voice.short
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
        let arrivals = packets(Voice.short).enumerated().map { number, packet -> Arrival in
            var packet = packet
            if number >= 60 { packet.timestamp &+= jump }
            return packet
        }
        let played = play(arrivals, seconds: 3.5)
        #expect(played.buffer.counters.jumps == 1)
        #expect(played.buffer.counters.concealed == 0 && played.buffer.counters.lost == 0)
        #expect(played.sound[..<24000] == coded(Voice.short)[..<24000])
    }

    /// Another source with other numbers takes over: no gap either.
    @Test func aNewSourceFollowsOn() {
        let arrivals = packets(Voice.short).enumerated().map { number, packet -> Arrival in
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
        let expected = coded(Voice.short[..<9600]) + coded(Voice.short[9600...], .aLaw)
        #expect(played.sound[..<24000] == expected[..<24000])
    }

    /// Clocks that differ by 800 parts in a million, which is 120 ms in 150 s: nothing is lost or concealed, the delay stays
    /// within bounds.
    @Test(arguments: [19.984, 20.016])
    func followsTheSendersClock(_ tick: Double) {
        let second = Voice.short[..<8000]
        let sound = (0..<150).flatMap { _ in second }
        let played = play(packets(sound), seconds: 149, tick: tick)
        let counters = played.buffer.counters
        #expect(counters.concealed == 0 && counters.lost == 0 && counters.late == 0)
        #expect(played.delays.dropFirst(10).allSatisfy { $0 > 0 && $0 < 110 })
        #expect(tick < 20 ? counters.inserted > 400 : counters.removed > 400)
    }

    /// Packets of any length up to 200 ms (RFC 3551 §4.2), one after the other: all of them are played, sample for sample.
    @Test func packetsHaveAnyLength() {
        let lengths = [20, 40, 60, 20, 200, 5, 10, 120, 30, 7, 20]
        var arrivals: [Arrival] = []
        var place = 0
        while place < 30_000 {
            let count = 8 * lengths[arrivals.count % lengths.count]
            // It comes when its last sample was said.
            arrivals.append(
                Arrival(
                    time: Double(place + count) / 8, sequence: 65_530 &+ UInt16(arrivals.count),
                    timestamp: .max - 1000 &+ UInt32(place), samples: Array(Voice.short[place..<place + count])))
            place += count
        }
        var configuration = PlayoutBuffer.Configuration(depth: .milliseconds(200))
        configuration.isAdaptive = false
        let played = play(arrivals, seconds: 3.9, configuration: configuration)
        let counters = played.buffer.counters
        #expect(counters.concealed == 0 && counters.lost == 0 && counters.late == 0 && counters.unusable == 0)
        #expect(counters.received == UInt64(arrivals.count))
        #expect(played.sound[..<28_000] == coded(Voice.short)[..<28_000])
    }

    /// The frequency in Hz of a sine at 8000 Hz, by the first and the last time that it goes up through zero.
    private func frequency(_ samples: ArraySlice<Int16>) -> Double {
        let rises = samples.indices.dropFirst().compactMap { index -> Double? in
            let (before, after) = (Double(samples[index - 1]), Double(samples[index]))
            return before < 0 && after >= 0 ? Double(index - 1) - before / (after - before) : nil
        }
        guard let first = rises.first, let last = rises.last, rises.count > 1 else { return 0 }
        return 8000 * Double(rises.count - 1) / (last - first)
    }

    /// Time that is stretched leaves the pitch as it is: a tone keeps its frequency within 3 parts in a thousand in each 100 ms, by
    /// whatever the delay grows or shrinks there, with clocks that differ and a stall. A resampler would change it by a tenth.
    @Test(arguments: [19.984, 20.016]) func thePitchStays(_ tick: Double) {
        let tone = CodecSignal.sine(440, at: .narrowband, seconds: 150, level: -12)
        let arrivals = packets(tone) { (6_000..<6_008).contains($0) ? Double(6_008 - $0) * 20 : 0 }
        let played = play(arrivals, seconds: 149, tick: tick)
        let counters = played.buffer.counters
        #expect(tick > 20 ? counters.removed > 400 : counters.inserted > 200)
        var measured = 0
        // What is made up in the stall, and the frame behind it that goes over from that, is not stretched.
        for first in stride(from: 5, to: played.frames.count - 5, by: 5) {
            guard played.frames[first - 1..<first + 5].allSatisfy({ $0 == .media }) else { continue }
            let heard = frequency(played.samples[first * 160..<(first + 5) * 160])
            #expect(abs(heard - 440) < 440 * 0.003, "\(heard) Hz at \(first * 20) ms")
            measured += 1
        }
        #expect(measured > 1_400)
    }

    /// A fixed delay leaves the sound as it is, whatever the jitter: a stall of 160 ms, and a delay that is far too long.
    @Test(arguments: [160, 0])
    func aFixedDelayStretchesNothing(stall: Double) {
        var configuration = PlayoutBuffer.Configuration(depth: .milliseconds(200))
        configuration.isAdaptive = false
        // Packets that come late at first make the delay long for all that follow.
        let arrivals = packets(Voice.long) { number in
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
        let sound = Voice.long
        // 62 ms are 1 ms less than the delay that the first frame's phase gives; where they are 120 it is far too long behind them.
        let arrivals = packets(sound, delay: { (50..<400).contains($0) ? 62 : (400..<600).contains($0) ? 120 : 0 })
        let played = play(arrivals, seconds: 29)
        #expect(played.buffer.counters.inserted > 0)
        #expect(played.buffer.counters.removed > 0)
        let expected = coded(sound)
        let steepest = zip(expected, expected.dropFirst()).map { abs(Int($0) - Int($1)) }.max()!
        let steps = zip(played.sound, played.sound.dropFirst()).map { abs(Int($0) - Int($1)) }
        #expect(steps.prefix(28 * 8000).max()! <= steepest * 5 / 4)
    }

    /// A delay that is a little too long goes back in a pause, so that what is said stays as it is, sample for sample.
    @Test func aPauseTakesWhatIsTooMuch() {
        let sections = (0..<8).map { Array(Voice.long[$0 * 24_000..<($0 + 1) * 24_000]) }
        let pause = [Int16](repeating: 0, count: 4_000)
        let played = play(
            packets(Array(sections.map { $0 + pause }.joined())), seconds: 28, configuration: .init(), phase: 19)
        #expect(played.delays[400] > 55)
        #expect(played.delays[1_300...].allSatisfy { $0 < 25 })
        #expect(played.buffer.counters.removed > 200)
        var place = 0
        for section in sections {
            let expected = coded(section)
            let start = played.sound[place...].firstIndex { $0.magnitude > 100 } ?? 0
            // The section begins softly: a few samples before the first loud one.
            let found = (max(0, start - 200)...start).contains { played.sound[$0..<$0 + 24_000] == expected[...] }
            #expect(found)
            place = start + 24_000
        }
    }

    /// Where there is no pause for long, it goes back all the same.
    @Test func soundWithoutPausesIsShortenedLater() {
        let played = play(packets(Voice.long), seconds: 29, configuration: .init(), phase: 19)
        #expect(played.delays[50..<900].allSatisfy { $0 > 50 })
        #expect(played.delays[1_350...].allSatisfy { $0 < 45 })
        #expect(played.buffer.counters.concealed == 0)
    }

    /// Packets long before the first frame is due do not make the delay long.
    @Test func aLateFirstFrameDropsWhatIsOver() {
        let played = play(packets(Voice.short), seconds: 2, phase: 1000)
        #expect(played.frames[0] == .media)
        #expect(played.buffer.counters.late > 30)
        #expect(played.delays.last! < 85)
    }
}
