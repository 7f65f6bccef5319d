import RTP
import Testing

@Suite struct RTCPScheduleTests {
    /// §6.3.1: members, senders, whether we sent, octets, and the interval in seconds, computed by hand for 1,000 octets
    /// per second, after the first report.
    @Test(arguments: [
        (1, 0, false, 72, 5.0),  // 100 octets, alone: the minimum
        (2, 2, true, 72, 5.0),
        (1000, 1, false, 72, 133.2),  // 999 receivers share 750 octets/s
        (1000, 1, true, 72, 5.0),  // one sender has 250 octets/s: 0.4 s, so the minimum
        (1000, 200, true, 72, 80.0),  // 200 senders share 250
        (100, 50, true, 72, 10.0),  // over a quarter: all share all
        (100, 50, false, 72, 10.0),
        (1_000_000, 0, false, 72, 3600),  // bounded
    ])
    func deterministicInterval(_ members: Int, _ senders: Int, _ sent: Bool, _ size: Int, _ seconds: Double) {
        var generator = SeededGenerator(1)
        var schedule = RTCPSchedule(at: origin, expectedSize: size, using: &generator)
        #expect(schedule.deterministicInterval == .milliseconds(2500), "half the minimum before the first report")
        var now = origin
        repeat { now = schedule.next } while !schedule.expire(at: now, using: &generator)
        schedule.members = members
        schedule.senders = senders
        schedule.hasSent = sent
        let difference = schedule.deterministicInterval - .seconds(seconds)
        #expect(abs(difference / .seconds(1)) < 1e-6)
    }

    @Test func meansOverSizes() {
        var generator = SeededGenerator(1)
        var schedule = RTCPSchedule(at: origin, expectedSize: 72, using: &generator)
        schedule.members = 1000
        schedule.note(size: 72 + 160)
        // The mean of 100 moved by 160/16 to 110: 110 × 1000 / 750.
        #expect(abs(schedule.deterministicInterval / .seconds(1) - 110 * 1000 / 750.0) < 1e-6)
    }

    /// Step 4 and 5: between 0.5/1.21828 and 1.5/1.21828 of the interval; the first report after 2.5 s, half as much.
    @Test func isRandomWithinBounds() {
        var generator = SeededGenerator(42)
        var firsts: [Double] = []
        for _ in 0..<2000 {
            let schedule = RTCPSchedule(at: origin, expectedSize: 72, using: &generator)
            firsts.append(origin.duration(to: schedule.next) / .seconds(1))
        }
        #expect(firsts.allSatisfy { (1.0260...3.0782).contains($0) })
        #expect(firsts.min()! < 1.1 && firsts.max()! > 3.0)
    }

    @Test func sendsEveryFiveSecondsInTheMean() {
        var generator = SeededGenerator(4)
        var schedule = RTCPSchedule(at: origin, expectedSize: 72, using: &generator)
        schedule.members = 2
        var sent: [ContinuousClock.Instant] = []
        while sent.count < 5000 {
            let now = schedule.next
            if schedule.expire(at: now, using: &generator) { sent.append(now) }
        }
        let spacings = zip(sent, sent.dropFirst()).map { $0.duration(to: $1) / .seconds(1) }
        // Reconsideration lengthens the mean to about the interval itself; none is shorter than half of it, compensated.
        let mean = spacings.reduce(0, +) / Double(spacings.count)
        #expect(abs(mean - 5) < 0.2)
        #expect(spacings.min()! >= 2.5 / 1.21828)
        #expect(spacings.max()! <= 7.5 / 1.21828 + 1e-6)
    }

    @Test func doesNothingBeforeItsTime() {
        var generator = SeededGenerator(4)
        var schedule = RTCPSchedule(at: origin, expectedSize: 72, using: &generator)
        let next = schedule.next
        #expect(!schedule.expire(at: next - .nanoseconds(1), using: &generator))
        #expect(schedule.next == next)
    }

    /// When the group has grown since, the report is held back (§6.3.3).
    @Test func reconsidersWhenTheGroupGrows() {
        var generator = SeededGenerator(4)
        var schedule = RTCPSchedule(at: origin, expectedSize: 72, using: &generator)
        schedule.members = 1000
        let next = schedule.next
        #expect(!schedule.expire(at: next, using: &generator))
        #expect(schedule.next > next + .seconds(30))
    }

    @Test func noBandwidthMeansTheMinimum() {
        var generator = SeededGenerator(4)
        var configuration = RTCPSchedule.Configuration()
        configuration.bandwidth = 0
        let schedule = RTCPSchedule(
            at: origin, expectedSize: 72, configuration: configuration, using: &generator)
        #expect(schedule.deterministicInterval == .milliseconds(2500))
    }
}
