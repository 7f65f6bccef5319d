import Foundation
import Media
import Testing

/// Packets that come twice, in another order, late, or after a stall.
@Suite struct PlayoutOrderTests {
    @Test func duplicatesAreHeardOnce() {
        let once = packets(Voice.short)
        let twice = once.flatMap { packet -> [Arrival] in
            var again = packet
            again.time += 7
            return [packet, packet, again]
        }
        let played = play(twice, seconds: 3)
        #expect(played.sound[..<20000] == coded(Voice.short)[..<20000])
        #expect(played.buffer.counters.duplicates > 250)
        #expect(played.buffer.counters.late == 0)
        #expect(played.buffer.counters.concealed == 0)
    }

    /// Swapped neighbours within the delay are put in order.
    @Test func reorderedPacketsAreSorted() {
        let played = play(packets(Voice.short, delay: { $0 % 2 == 0 ? 30 : 0 }), seconds: 3)
        #expect(played.sound[..<20000] == coded(Voice.short)[..<20000])
        #expect(played.buffer.counters.concealed == 0)
    }

    /// Packets that come a little too late for the frame in whose middle they begin make the delay grow, so that no more are concealed.
    @Test(arguments: [0, 3, 7, 11, 19])
    func partsThatAreLateCount(phase: Int) {
        var configuration = PlayoutBuffer.Configuration()
        configuration.frame = .milliseconds(20)
        // 70 samples more in the first packet put the others into the middle of the frames.
        var arrivals = packets(Array(Voice.long[..<160_000]), delay: { $0 % 20 == 10 ? 50 : 0 })
        for index in arrivals.indices.dropFirst() { arrivals[index].timestamp &+= 70 }
        arrivals[0].samples += Array(Voice.long[160..<230])
        let played = play(arrivals, seconds: 19, configuration: configuration, phase: Double(phase))
        let late = played.frames.dropFirst(150).filter { $0 == .concealed }
        #expect(late.isEmpty)
    }

    /// A packet that comes after its time was concealed is counted late, not lost, and the delay grows a little.
    @Test func aStragglerIsLate() {
        let played = play(packets(Voice.short, delay: { $0 == 50 ? 130 : 0 }), seconds: 4)
        let counters = played.buffer.counters
        #expect(counters.late == 1)
        #expect(counters.lost == 0)
        #expect(counters.concealed == 1)
        #expect((20...280).contains(counters.inserted))
    }

    /// A stall of 160 ms, then all at once: what is missing is concealed, what would have been played meanwhile is over, and the delay is
    /// what it was.
    @Test func aStallIsPassedOver() {
        let sound = Voice.long
        let arrivals = packets(sound, delay: { (100..<108).contains($0) ? Double(108 - $0) * 20 : 0 })
        let played = play(arrivals, seconds: 29)
        let counters = played.buffer.counters
        #expect(counters.lost == 0)
        #expect((3...6).contains(counters.concealed))
        #expect(counters.late <= counters.concealed)
        #expect(played.delays[5...].allSatisfy { (55..<82).contains($0) })
        #expect(counters.removed == 0 && counters.inserted == 0)
    }

    /// A stall beyond the longest delay begins a new talkspurt at the nominal delay; what is too old is dropped.
    @Test func aLongStallBeginsAnew() {
        let sound = Array(Voice.long[..<80000])
        let arrivals = packets(sound, delay: { (100..<150).contains($0) ? Double(150 - $0) * 20 : 0 })
        let played = play(arrivals, seconds: 9)
        #expect(played.buffer.counters.late > 30)
        #expect(played.delays.last! < 85)
        let end = played.samples.suffix(8000)
        #expect(end.contains { abs(Int($0)) > 1000 })
    }
}
