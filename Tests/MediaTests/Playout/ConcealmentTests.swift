import Foundation
import Media
import Testing

/// What is heard instead of packets that are lost.
@Suite struct ConcealmentTests {
    /// Each single packet lost, one after the other: exactly its frame is concealed, with sound, and all others are right.
    @Test func concealsEverySinglePacket() {
        let sound = Array(Voice.short[..<8000])
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
        let sound = Voice.short
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

    /// What has no period gets none: a hiss goes on as hiss, as loud as before and of the same colour.
    @Test func hissIsNotRepeated() {
        var generator = SeededGenerator(5)
        var before = 0.0
        // Noise of high frequencies, as an s has.
        let hiss = (0..<16_000).map { _ -> Int16 in
            let white = Double.random(in: -5000...5000, using: &generator)
            defer { before = white }
            return Int16(white - 0.8 * before)
        }
        var made: [Double] = []
        var colours: [Double] = []
        for lost in stride(from: 20, to: 90, by: 4) {
            let played = play(packets(hiss, delay: { $0 == lost || $0 == lost + 1 ? nil : 0 }), seconds: 2).sound
            let gap = played[lost * 160..<(lost + 2) * 160].map(Double.init)
            let energy = gap.reduce(0) { $0 + $1 * $1 }
            // The likeness at the best lag of a voice, behind the first quarter of a period.
            let likeness = (40...120).map { lag -> Double in
                var sums = (0.0, 0.0, 0.0)
                for index in 160..<320 {
                    sums.0 += gap[index] * gap[index - lag]
                    sums.1 += gap[index] * gap[index]
                    sums.2 += gap[index - lag] * gap[index - lag]
                }
                return sums.0 / (sums.1 * sums.2).squareRoot()
            }.max()!
            made.append(likeness)
            colours.append(zip(gap, gap.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / energy)
            let start = played[(lost - 1) * 160..<lost * 160].reduce(0.0) { $0 + Double($1) * Double($1) }
            let first = gap[..<160].reduce(0) { $0 + $1 * $1 }
            #expect((0.4...2).contains(first / start))
        }
        #expect(made.reduce(0, +) / Double(made.count) < 0.5)
        // That of the sound itself is -0.49.
        #expect(colours.reduce(0, +) / Double(colours.count) < -0.3, "it hisses")
    }

    /// Neither at the beginning nor at the end of a gap does the sound step more than the voice itself does.
    @Test func concealmentDoesNotClick() {
        let expected = coded(Voice.short)
        let steepest = zip(expected, expected.dropFirst()).map { abs(Int($0) - Int($1)) }.max()!
        for lost in stride(from: 10, to: 180, by: 3) {
            let played = play(packets(Voice.short, delay: { $0 == lost ? nil : 0 }), seconds: 4).sound
            for index in lost * 160 - 1..<(lost + 1) * 160 + 80 {
                #expect(abs(Int(played[index]) - Int(played[index + 1])) <= steepest * 5 / 4)
            }
        }
    }

    /// A long gap fades to less than a third of what was said within 60 ms, and to silence within 160.
    @Test func longLossFadesOut() {
        let played = play(packets(Voice.short, delay: { (50..<60).contains($0) ? nil : 0 }), seconds: 3)
        let gap = played.sound[50 * 160..<60 * 160]
        #expect(gap.prefix(160).contains { abs(Int($0)) > 1000 })
        let peaks = [0..<160, 480..<960, 960..<1_280].map { part in
            gap.dropFirst(part.lowerBound).prefix(part.count).map { abs(Int($0)) }.max()!
        }
        #expect(peaks[1] < peaks[0] / 3 && peaks[1] > 50)
        #expect(peaks[2] < peaks[1])
        #expect(gap.dropFirst(1_280).allSatisfy { $0 == 0 })
        #expect(played.buffer.counters.lost == 10)
        #expect(played.buffer.counters.concealed == 10)
        #expect(Array(played.sound[60 * 160 + 80..<16000]) == Array(coded(Voice.short)[60 * 160 + 80..<16000]))
    }

    @Test func seededLossKeepsTheTimeline() {
        var generator = SeededGenerator(77)
        let sound = Array(Voice.long[..<160_000])
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
}
