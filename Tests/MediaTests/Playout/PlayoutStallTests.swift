import Media
import Testing

/// The network stalls: nothing comes for 200 ms, and then all at once.
@Suite struct PlayoutStallTests {
    /// Packets that take no time, but for stalls that begin with the named ones.
    private func stalled(at starts: Int...) -> [Arrival] {
        packets(Voice.long) { number in
            starts.first { ($0..<$0 + 10).contains(number) }.map { Double($0 + 10 - number) * 20 } ?? 0
        }
    }

    /// One that stands alone leaves nothing: what would have been played meanwhile is over, and behind it all is heard as if it had
    /// not been, sample for sample and at the same time.
    @Test(arguments: [0.0, 7, 13, 19])
    func isOverAtOnce(phase: Double) {
        let calm = play(stalled(), seconds: 11, configuration: .init(), phase: phase)
        let played = play(stalled(at: 400), seconds: 11, configuration: .init(), phase: phase)
        #expect(played.delays[412...].allSatisfy { abs($0 - played.delays[395]) < 4 })
        let counters = played.buffer.counters
        #expect(counters.lost == 0 && counters.removed == calm.buffer.counters.removed)
        #expect((7...10).contains(counters.concealed) && (6...9).contains(counters.late))
        #expect(!played.frames[412...].contains(.concealed))
        #expect(played.samples[412 * 160..<500 * 160] == calm.samples[412 * 160..<500 * 160])
    }

    /// Those that come again find a part of the delay that they need, which goes back ten seconds behind the last.
    @Test func thoseThatComeAgainLeaveDelay() {
        let once = play(stalled(at: 100), seconds: 29, configuration: .init())
        let played = play(stalled(at: 100, 400), seconds: 29, configuration: .init())
        let before = once.delays[395]
        #expect(played.delays[450..<900].allSatisfy { $0 > before + 60 })
        #expect(played.delays[1_350...].allSatisfy { $0 < before + 15 })
        let third = play(stalled(at: 100, 400, 700), seconds: 29, configuration: .init())
        let added = third.buffer.counters.concealed - played.buffer.counters.concealed
        #expect(added < once.buffer.counters.concealed / 2)
    }

    /// A way that is longer for good is no stall: nothing is played faster, and nothing runs dry again.
    @Test func aLongerWayIsNoStall() {
        let arrivals = packets(Voice.long) { $0 < 400 ? 0 : 150 }
        let played = play(arrivals, seconds: 25, configuration: .init())
        let counters = played.buffer.counters
        #expect(counters.concealed <= 8 && counters.late == 0 && counters.lost == 0)
        #expect(!played.frames[420...].contains(.concealed))
        let early = play(arrivals, seconds: 11, configuration: .init())
        #expect(early.buffer.counters.removed == 0)
    }

    /// A delay that is a little too long does not go back in the gap before a plosive.
    @Test func aGapIsNoPause() {
        var sound = Voice.long
        for start in stride(from: 4_000, to: sound.count - 1_000, by: 4_000) {
            for index in start..<start + 640 { sound[index] = 0 }
        }
        let played = play(packets(sound), seconds: 29, configuration: .init(), phase: 19)
        #expect(played.delays[50..<900].allSatisfy { $0 > 50 })
        #expect(played.delays[1_350...].allSatisfy { $0 < 45 }, "it does so where there is no pause for long")
    }
}
