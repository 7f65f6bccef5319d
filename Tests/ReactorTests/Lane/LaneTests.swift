import Dispatch
import Glibc
import Reactor
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct LaneTests {
    @Test func workRunsOnTheLaneInItsOrder() async throws {
        try await withLane { lane async throws in
            let order = Mailbox<Int>()
            #expect(!lane.isCurrent)
            for number in 0..<1_000 { lane.execute { lane in order.post(lane.isCurrent ? number : -1) } }
            #expect(try await order.next(1_000) == Array(0..<1_000))
            lane.execute { lane in
                for number in 0..<1_000 { lane.execute { _ in order.post(number) } }
                order.post(-2)
            }
            #expect(try await order.next(1_001) == [-2] + Array(0..<1_000))
        }
    }

    /// Each lane has its own; one that the system refuses is that of the process, and the lane works.
    @Test func nicenessIsOfTheLanesThread() async throws {
        let others = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        for niceness in [0, 15, Lane.Configuration.media.niceness] {
            var configuration = Lane.Configuration()
            configuration.niceness = niceness
            let lane = try Lane(name: "nice", configuration: configuration)
            let found = await lane.run { _ in Int(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)) }
            #expect(found == niceness || niceness <= 0 && found == Int(others), "niceness \(niceness)")
            lane.stop()
            await lane.stopped()
        }
        #expect(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) == others)
    }

    @Test func runReturnsOrThrows() async throws {
        struct Refusal: Error, Equatable {}
        try await withLane { lane async throws in
            #expect(await lane.run { $0.isCurrent })
            await #expect(throws: Refusal()) { try await lane.run { _ throws(Refusal) in throw Refusal() } }
        }
    }

    @Test func nowIsTheTimeOfTheTurn() async throws {
        try await withLane { lane async throws in
            let before = ContinuousClock.now
            let (first, second) = await lane.run { lane in (lane.now, lane.now) }
            #expect(first == second)
            // The clock of the lane is set up by two readings one after the other; a millisecond is far more than they differ.
            #expect(first > before - .milliseconds(1))
            #expect(first < ContinuousClock.now + .milliseconds(1))
        }
    }

    @Test func messagesAreServedInOrderAndRefusedByClass() async throws {
        var configuration = Lane.Configuration()
        configuration.queueCapacity = 16
        configuration.queueReserve = 4
        try await withLane(configuration) { lane async throws in
            let gate = Gate(lane)
            let received = Mailbox<Int>()
            for number in 0..<12 { #expect(lane.send(ClosureMessage { _ in received.post(number) }, .sheddable)) }
            #expect(!lane.send(ClosureMessage { _ in received.post(-1) }, .sheddable))
            var batch = LaneBatch()
            for number in 12..<15 { batch.append(ClosureMessage { _ in received.post(number) }) }
            #expect(lane.send(&batch, .sheddable) == 0)
            #expect(batch.count == 0)
            for number in 12..<18 { batch.append(ClosureMessage { _ in received.post(number) }) }
            #expect(lane.send(&batch, .reserved) == 4)
            #expect(!lane.send(ClosureMessage { _ in received.post(-1) }, .reserved))
            gate.open()
            #expect(try await received.next(16) == Array(0..<16))
            #expect(lane.send(ClosureMessage { _ in received.post(16) }, .sheddable))
            #expect(try await received.next() == 16)
            let statistics = lane.statistics
            #expect(statistics.messagesShed == 4)
            #expect(statistics.messagesRefused == 3)
            #expect(statistics.queueHighWater == 16)
        }
    }

    /// A wake-up that gets lost would leave both lanes asleep.
    @Test func lanesWakeOneAnother() async throws {
        let finished = Mailbox<Int>()
        let lanes = try LaneGroup(name: "pair", count: 2)
        @Sendable func pass(_ number: Int) {
            guard number < 20_000 else { return finished.post(number) }
            lanes[number & 1].send(ClosureMessage { _ in pass(number + 1) }, .reserved)
        }
        pass(0)
        #expect(try await finished.next() == 20_000)
        lanes.stop()
        await lanes.stopped()
        #expect(lanes.statistics.messages == 20_000)
    }

    @Test func ownersCoverTheGroupEvenly() throws {
        let lanes = try LaneGroup(name: "owner", count: 3)
        defer { lanes.stop() }
        #expect(lanes.owner(ofHash: 0) === lanes[0])
        #expect(lanes.owner(ofHash: .max) === lanes[2])
        #expect(lanes.owner(ofHash: .max / 3 - 1) === lanes[0])
        #expect(lanes.owner(ofHash: .max / 3 + 2) === lanes[1])
        #expect(lanes.map(\.index) == [0, 1, 2])
    }

    @Test func observersHearOfTurnsAndOfTheEnd() async throws {
        final class Observer: LaneObserver {
            let events: Mailbox<String>
            private var isFirst = true
            init(_ events: Mailbox<String>) { self.events = events }
            func turnEnded(on lane: Lane) {
                if isFirst { events.post("turn") }
                isFirst = false
            }
            func laneWillStop(_ lane: Lane) { events.post("stop") }
        }
        let events = Mailbox<String>()
        try await withLane { lane async throws in
            lane.execute { lane in
                lane.add(observer: Observer(events))
                events.post("added")
            }
            let heard = try await events.next(2)
            #expect(heard == ["added", "turn"])
        }
        #expect(try await events.next() == "stop")
    }

    @Test func descriptorsAreWatchedUntilTheyAreNot() async throws {
        final class Pipe: DescriptorHandler, @unchecked Sendable {
            // Used on the lane only.
            let reader: Int32
            let events = Mailbox<String>()
            var watch: WatchID?
            init(_ reader: Int32) { self.reader = reader }
            func ready(_ ready: DescriptorEvents, on lane: Lane) {
                var byte: UInt8 = 0
                guard ready.contains(.readable), read(reader, &byte, 1) == 1 else {
                    events.post("end")
                    watch.map(lane.unwatch)
                    return
                }
                events.post(String(UnicodeScalar(byte)))
            }
            func laneStopped() { events.post("stopped") }
        }
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let handler = Pipe(ends[0])
        try await withLane { lane async throws in
            try await lane.run { lane throws(SocketError) in
                handler.watch = try lane.watch(handler.reader, for: .readable, handler)
            }
            #expect(write(ends[1], "abc", 3) == 3)
            #expect(try await handler.events.next(3) == ["a", "b", "c"])
            close(ends[1])
            #expect(try await handler.events.next() == "end")
            await #expect(throws: SocketError.self) {
                try await lane.run { lane throws(SocketError) in _ = try lane.watch(-1, for: .readable, handler) }
            }
            // A place that failed or was given up can be used again.
            try await lane.run { lane throws(SocketError) in
                handler.watch = try lane.watch(handler.reader, for: .writable, handler)
            }
            // Before the lane is asked to stop, which would come first.
            #expect(try await handler.events.next() == "end")
        }
        close(ends[0])
    }
}
