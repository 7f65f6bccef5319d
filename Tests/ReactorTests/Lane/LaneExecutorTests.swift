import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct LaneExecutorTests {
    /// An actor that lives on a lane, as a call script does.
    private actor Script {
        private let lane: Lane
        private(set) var steps: [Int] = []

        nonisolated var unownedExecutor: UnownedSerialExecutor { lane.asUnownedSerialExecutor() }

        init(_ lane: Lane) { self.lane = lane }

        func step(_ number: Int) -> Bool {
            steps.append(number)
            return lane.isCurrent
        }

        func callsOthers(_ other: Script) async -> [Bool] {
            let before = lane.isCurrent
            let there = await other.step(1)
            note(-1)
            return [before, there, lane.isCurrent]
        }

        /// Asks the executor whether this is the place, as code of old does.
        nonisolated func note(_ number: Int) { assumeIsolated { $0.steps.append(number) } }

        /// Code of nobody in particular stays on the lane that calls it.
        func callsNonisolated() async -> Bool {
            func nonisolatedWork() async -> Bool { lane.isCurrent }
            return await nonisolatedWork()
        }
    }

    @Test func actorsRunOnTheirLane() async throws {
        let lanes = try LaneGroup(name: "actor", count: 2)
        let (first, second) = (Script(lanes[0]), Script(lanes[1]))
        for number in 0..<200 { #expect(await first.step(number)) }
        #expect(await first.steps == Array(0..<200))
        #expect(await first.callsOthers(second) == [true, true, true])
        #expect(await first.callsNonisolated())
        lanes.stop()
        await lanes.stopped()
        #expect(await first.step(0))
    }

    @Test func jobsKeepTheirOrder() async throws {
        try await withLane { lane async throws in
            let script = Script(lane)
            let gate = Gate(lane)
            let tasks = (0..<500).map { number in
                Task.immediate { _ = await script.step(number) }
            }
            gate.open()
            for task in tasks { await task.value }
            #expect(await script.steps == Array(0..<500))
        }
    }

    @Test func tasksPreferALane() async throws {
        try await withLane { lane async throws in
            let places = await Task(executorPreference: lane) {
                var places = [lane.isCurrent]
                await Task.yield()
                places.append(lane.isCurrent)
                async let child = lane.isCurrent
                places.append(await child)
                return places
            }.value
            #expect(places == [true, true, true])
        }
    }

    @Test func tasksFinishAlthoughTheirLaneStops() async throws {
        let lane = try Lane(name: "tasks")
        let tasks = (0..<50).map { number in
            Task(executorPreference: lane) {
                for _ in 0..<20 { await Task.yield() }
                return number
            }
        }
        lane.stop()
        for (number, task) in tasks.enumerated() { #expect(await task.value == number) }
    }

    @Test func jobsDoNotStarveMessages() async throws {
        try await withLane { lane async throws in
            let finished = Mailbox<Bool>()
            final class Flag: @unchecked Sendable {
                // Used on the lane only.
                var isSet = false
            }
            let flag = Flag()
            @Sendable func spin(_ lane: Lane) {
                if flag.isSet { finished.post(true) } else { lane.execute(spin) }
            }
            lane.execute(spin)
            lane.send(ClosureMessage { _ in flag.isSet = true }, .reserved)
            let hasFinished = try await finished.next()
            #expect(hasFinished)
        }
    }
}
