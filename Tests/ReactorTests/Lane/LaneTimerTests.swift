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
