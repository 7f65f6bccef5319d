import Glibc
import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct LaneLendingTests {
    /// Has lane 0 hand messages to lane 1, one in a turn, until one was served while lane 1 slept.
    private func handUntilLent(_ lanes: LaneGroup) async throws {
        let served = Mailbox<Bool>()
        while lanes[1].statistics.turnsLent == 0 {
            let other = lanes[1]
            lanes[0].execute { lane in
                lane.hand(ClosureMessage { served.post($0 === other && $0.isCurrent) }, .reserved, to: other)
            }
            #expect(try await served.next())
        }
    }

    @Test func aSleepingLaneIsServedByTheOneThatHandsOver() async throws {
        let lanes = try LaneGroup(name: "lend", count: 2)
        try await handUntilLent(lanes)
        lanes.stop()
        await lanes.stopped()
    }

    /// What such a turn leaves to be done comes as soon as if the lane had run it itself.
    @Test func timersAndJobsOfALentTurnAreServed() async throws {
        final class Client: TimerClient {
            let fired: Mailbox<UInt64>
            init(_ fired: Mailbox<UInt64>) { self.fired = fired }
            func timerFired(_ timer: ExpiredTimer, on lane: Lane) { fired.post(timer.token) }
        }
        let lanes = try LaneGroup(name: "lend", count: 2)
        let fired = Mailbox<UInt64>()
        let client = await lanes[1].run { $0.add(timerClient: Client(fired)) }
        for number in 0..<200 as Range<UInt64> {
            let other = lanes[1]
            lanes[0].execute { lane in
                lane.hand(
                    ClosureMessage { lane in
                        lane.execute { $0.schedule(after: .milliseconds(1), client, token: number) }
                    }, .reserved, to: other)
            }
            // With nothing else to do the lane sleeps without end before each.
            #expect(try await fired.next() == number)
        }
        #expect(lanes[1].statistics.turnsLent > 0)
        lanes.stop()
        await lanes.stopped()
    }

    @Test func moreThanTheLimitIsLeftToTheLane() async throws {
        var configuration = Lane.Configuration()
        configuration.lendingLimit = 2
        let lanes = try LaneGroup(name: "lend", count: 2, configuration: configuration)
        let served = Mailbox<Int>()
        let other = lanes[1]
        for _ in 0..<200 {
            lanes[0].execute { lane in
                for number in 0..<3 { lane.hand(ClosureMessage { _ in served.post(number) }, .reserved, to: other) }
            }
            #expect(try await served.next(3) == [0, 1, 2])
        }
        #expect(lanes[1].statistics.turnsLent == 0)
        try await handUntilLent(lanes)
        lanes.stop()
        await lanes.stopped()
    }

    /// What lives on a lane is touched by one thread at a time, and nothing is lost or left lying, whoever runs the turns.
    @Test func lanesRunOneAnotherInTurns() async throws {
        let ring = LaneRing(lanes: try LaneGroup(name: "ring", count: 3))
        try await ring.run { _, lane, next, arrived in
            let message = ClosureMessage(arrived)
            if next === lane {
                lane.send(message, .reserved)
            } else {
                #expect(lane.hand(message, .reserved, to: next))
            }
        }
    }

    /// A lane that has stopped takes nothing, and its memory is left alone.
    @Test func aStoppedLaneIsNotLent() async throws {
        let lanes = try LaneGroup(name: "lend", count: 2)
        lanes[1].stop()
        await lanes[1].stopped()
        let other = lanes[1]
        #expect(await lanes[0].run { $0.hand(ClosureMessage { _ in }, .reserved, to: other) } == false)
        #expect(other.statistics.messagesRefused == 1)
        lanes.stop()
        await lanes.stopped()
    }
}
