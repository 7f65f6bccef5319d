import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct LaneTimerTests {
    private final class Client: TimerClient {
        struct Fired: Sendable {
            let token: UInt64
            let lateness: Duration
        }

        let fired: Mailbox<Fired>
        var deadlines: [UInt64: ContinuousClock.Instant] = [:]

        init(_ fired: Mailbox<Fired>) { self.fired = fired }

        func timerFired(_ timer: ExpiredTimer, on lane: Lane) {
            let lateness = deadlines[timer.token].map { lane.now - $0 } ?? .seconds(-1)
            fired.post(Fired(token: timer.token, lateness: lateness))
        }
    }

    @Test func aThousandTimersFireInOrderAndNeverEarly() async throws {
        let fired = Mailbox<Client.Fired>()
        try await withLane { lane async throws in
            let delays = await lane.run { lane in
                var random = SeededGenerator(seed: 5)
                let client = Client(fired)
                let id = lane.add(timerClient: client)
                let delays = (0..<1_000).map { _ in Int.random(in: 0...200_000, using: &random) }
                for (token, delay) in delays.enumerated() {
                    let span = Duration.microseconds(delay)
                    client.deadlines[UInt64(token)] = lane.now + span
                    if token % 2 == 0 {
                        lane.schedule(after: span, id, token: UInt64(token))
                    } else {
                        lane.schedule(at: lane.now + span, id, token: UInt64(token))
                    }
                }
                #expect(lane.timerCount == 1_000)
                return delays
            }
            let all = try await fired.next(1_000)
            #expect(all.allSatisfy { $0.lateness >= .zero })
            // Ticks are milliseconds from the start of the lane, so neighbours may share one and keep the order of scheduling.
            let order = all.map { delays[Int($0.token)] }
            #expect(zip(order, order.dropFirst()).allSatisfy { $0 - 1_000 < $1 })
            #expect(Set(all.map(\.token)).count == 1_000)
            #expect(await lane.run { $0.statistics.timersFired } == 1_000)
        }
    }

    /// Timers that may be late fire together: a lane is woken once for all that end in one grain.
    @Test func timersOfAGrainFireTogetherAndNeverEarly() async throws {
        let fired = Mailbox<Client.Fired>()
        try await withLane { lane async throws in
            let first = await lane.run { lane in
                let client = Client(fired)
                let id = lane.add(timerClient: client)
                for delay in UInt64(1)...40 {
                    let span = Duration.milliseconds(Int64(delay))
                    client.deadlines[delay] = lane.now + span
                    lane.schedule(after: span, grain: 100, id, token: delay)
                }
                return lane.now
            }
            let all = try await fired.next(40)
            #expect(all.allSatisfy { $0.lateness >= .zero })
            // The start of the turn in which each fired; 40 ms lie in two grains of 100 ms at most.
            let turns = Set(all.map { first + .milliseconds(Int64($0.token)) + $0.lateness })
            #expect(turns.count <= 2)
        }
    }

    @Test func cancelledAndDistantTimersDoNotFire() async throws {
        let fired = Mailbox<Client.Fired>()
        try await withLane { lane async throws in
            await lane.run { lane in
                let id = lane.add(timerClient: Client(fired))
                let cancelled = lane.schedule(after: .milliseconds(5), id, token: 1)
                lane.schedule(after: .seconds(1 << 40), id, token: 2)
                lane.schedule(at: lane.now + .seconds(86_400), id, token: 3)
                lane.schedule(after: .milliseconds(30), id, token: 4)
                lane.schedule(after: .seconds(-5), id, token: 5)
                #expect(lane.cancel(cancelled))
                #expect(!lane.cancel(cancelled))
            }
            #expect(try await fired.next(2).map(\.token) == [5, 4])
            #expect(await lane.run { $0.timerCount } == 2)
        }
    }

    /// The alarm of a lane that sleeps is left as it is for a later timer, and is set anew for an earlier one and after it went off.
    @Test func timersAreServedInWhateverOrderTheyAreSet() async throws {
        let fired = Mailbox<Client.Fired>()
        try await withLane { lane async throws in
            let (id, cancelled) = await lane.run { lane in
                let id = lane.add(timerClient: Client(fired))
                lane.schedule(after: .seconds(30), id, token: 9)
                return (id, lane.schedule(after: .milliseconds(20), id, token: 1))
            }
            await lane.run { lane in
                #expect(lane.cancel(cancelled))
                lane.schedule(after: .milliseconds(60), id, token: 2)
            }
            // 60 ms lie behind what the alarm was set to.
            #expect(try await fired.next().token == 2)
            await lane.run { lane in
                lane.schedule(after: .milliseconds(40), id, token: 4)
                lane.schedule(after: .milliseconds(5), id, token: 3)
            }
            #expect(try await fired.next(2).map(\.token) == [3, 4])
            #expect(await lane.run { $0.timerCount } == 1)
        }
    }

    @Test func clientsAreToldApartAndForgotten() async throws {
        let (first, second) = (Mailbox<Client.Fired>(), Mailbox<Client.Fired>())
        try await withLane { lane async throws in
            await lane.run { lane in
                let one = lane.add(timerClient: Client(first))
                let two = lane.add(timerClient: Client(second))
                lane.schedule(after: .milliseconds(1), one, token: 1)
                lane.schedule(after: .milliseconds(2), two, token: 2)
            }
            #expect(try await first.next().token == 1)
            #expect(try await second.next().token == 2)
        }
    }

    /// The pace of voice: each tick has the deadline that the period says, and comes after it.
    @Test func ticksKeepTheirPace() async throws {
        final class Pace: TickHandler {
            let ticks: Mailbox<(LaneTick, ContinuousClock.Instant)>
            init(_ ticks: Mailbox<(LaneTick, ContinuousClock.Instant)>) { self.ticks = ticks }
            func tick(_ tick: LaneTick, on lane: Lane) { ticks.post((tick, lane.now)) }
        }
        let ticks = Mailbox<(LaneTick, ContinuousClock.Instant)>()
        try await withLane { lane async throws in
            let (id, start) = await lane.run { lane in
                (lane.startTick(every: .milliseconds(4), phase: .milliseconds(2), Pace(ticks)), lane.now)
            }
            var next: UInt64 = 0
            for (tick, time) in try await ticks.next(20) {
                #expect(tick.number == next + tick.missed)
                next = tick.number + 1
                #expect(tick.deadline == start + .milliseconds(2) + .milliseconds(4) * Int(tick.number))
                #expect(time >= tick.deadline)
            }
            await lane.run { $0.stopTick(id) }
            #expect(lane.statistics.ticks >= 20)
        }
    }
}
