import Dispatch
import Reactor
import Testing

/// Messages that the threads of streams hand to lanes.
@Suite(.timeLimit(.minutes(1))) struct StreamHandOverTests {
    /// A line for a lane.
    private final class Line: LaneMessage {
        private let text: String
        private let taken: Mailbox<String>

        init(_ text: String, _ taken: Mailbox<String>) {
            self.text = text
            self.taken = taken
        }

        func deliver(on lane: Lane) {
            lane.preconditionCurrent()
            taken.post(text)
        }
    }

    /// Hands all lines of a connection to a lane; those that begin with an exclamation mark are reserved.
    private func recorder(_ lane: Lane, _ taken: Mailbox<String>, _ refused: Mailbox<String>) -> StreamRecorder {
        StreamRecorder { connection, event in
            guard case .received(let lines) = event else { return }
            for line in lines {
                let isTaken = connection.hand(Line(line, taken), to: lane) {
                    line.hasPrefix("!") ? .reserved : .sheddable
                }
                if !isTaken { refused.post(line) }
            }
        }
    }

    /// One read with few messages is served on the thread of the connection, one with many on the lane's: in order both.
    @Test(arguments: [1, 7, 31, 32, 33, 400])
    func messagesOfAReadKeepTheirOrder(count: Int) async throws {
        try await withStreams { threads async throws in
            let lane = try Lane(name: "order")
            let (taken, refused) = (Mailbox<String>(), Mailbox<String>())
            let server = recorder(lane, taken, refused)
            let raw = try RawStream(to: try await threads.listen(server))
            for round in 0..<5 {
                let lines = (0..<count).map { "\(round).\($0)" }
                raw.send(lines.map { $0 + "\n" }.joined())
                #expect(try await taken.next(count) == lines)
            }
            lane.stop()
            await lane.stopped()
            // A turn counts what it has served behind serving it.
            #expect(lane.statistics.messages == UInt64(5 * count))
        }
    }

    /// What a full queue has no room for is refused and counted by its class, and what had room is served.
    @Test func aFullQueueRefuses() async throws {
        try await withStreams { threads async throws in
            var configuration = Lane.Configuration()
            configuration.queueCapacity = 8
            configuration.queueReserve = 4
            let lane = try Lane(name: "full", configuration: configuration)
            let (taken, refused) = (Mailbox<String>(), Mailbox<String>())
            let raw = try RawStream(to: try await threads.listen(recorder(lane, taken, refused)))
            let held = Mailbox<Bool>()
            let release = DispatchSemaphore(value: 0)
            lane.execute { _ in
                held.post(true)
                release.wait()
            }
            #expect(try await held.next())
            raw.send("1\n2\n3\n4\n5\n!6\n7\n!8\n!9\n!10\n!11\n")
            #expect(try await refused.next(3) == ["5", "7", "!11"])
            release.signal()
            #expect(try await taken.next(8) == ["1", "2", "3", "4", "!6", "!8", "!9", "!10"])
            #expect(lane.statistics.messagesShed == 2)
            #expect(lane.statistics.messagesRefused == 1)
            lane.stop()
            await lane.stopped()
        }
    }

    /// A lane that has stopped takes nothing, and says so.
    @Test func aStoppedLaneRefuses() async throws {
        try await withStreams { threads async throws in
            let lane = try Lane(name: "stopped")
            let (taken, refused) = (Mailbox<String>(), Mailbox<String>())
            let raw = try RawStream(to: try await threads.listen(recorder(lane, taken, refused)))
            lane.stop()
            await lane.stopped()
            raw.send("a\n!b\n")
            #expect(try await refused.next(2) == ["a", "!b"])
            #expect(lane.statistics.messagesShed == 1 && lane.statistics.messagesRefused == 1)
        }
    }
}
