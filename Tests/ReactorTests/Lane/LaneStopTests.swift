import Reactor
import TestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct LaneStopTests {
    @Test func whatWasHandedOverBeforeIsServed() async throws {
        let lane = try Lane(name: "stop")
        let served = Mailbox<Int>()
        let gate = Gate(lane)
        for number in 0..<100 { lane.send(ClosureMessage { _ in served.post(number) }, .reserved) }
        for number in 100..<200 { lane.execute { _ in served.post(number) } }
        lane.stop()
        gate.open()
        lane.join()
        #expect(try await served.next(200).sorted() == Array(0..<200))
        #expect(!lane.send(ClosureMessage { _ in served.post(-1) }, .reserved))
        #expect(lane.statistics.messagesRefused == 1)
        lane.join()
        await lane.stopped()
    }

    @Test func jobsAreNotLostAfterTheEnd() async throws {
        let lane = try Lane(name: "late")
        lane.stop()
        lane.join()
        #expect(!lane.isCurrent)
        let order = Mailbox<Int>()
        for number in 0..<500 { lane.execute { lane in order.post(lane.isCurrent ? number : -1) } }
        #expect(try await order.next(500) == Array(0..<500))
        #expect(await lane.run { $0.isCurrent })
    }

    @Test func manyWaitForTheEnd() async throws {
        let lane = try Lane(name: "waiters")
        let ended = Mailbox<Int>()
        for number in 0..<5 {
            Task {
                await lane.stopped()
                ended.post(number)
            }
        }
        lane.stop()
        #expect(try await ended.next(5).sorted() == [0, 1, 2, 3, 4])
    }

    @Test func aStoppedLaneLetsGoOfWhatLivedOnIt() async throws {
        final class Client: TimerClient {
            func timerFired(_ timer: ExpiredTimer, on lane: Lane) {}
        }
        final class Weak: @unchecked Sendable {
            // Written on the lane before it stops, read after its end.
            weak var client: Client?
            weak var lane: Lane?
        }
        let kept = Weak()
        do {
            let lane = try Lane(name: "release")
            kept.lane = lane
            await lane.run { lane in
                let client = Client()
                kept.client = client
                lane.schedule(after: .seconds(3600), lane.add(timerClient: client), token: 0)
            }
            #expect(kept.client != nil)
            lane.stop()
            lane.join()
            #expect(kept.client == nil)
        }
        #expect(kept.lane == nil)
    }

    @Test func clientsOfTimersHearOfTheEnd() async throws {
        final class Client: TimerClient {
            var id: TimerClientID?
            let ended: Mailbox<Bool>
            init(_ ended: Mailbox<Bool>) { self.ended = ended }
            func timerFired(_ timer: ExpiredTimer, on lane: Lane) {}
            func laneStopped() { ended.post(true) }
        }
        let ended = Mailbox<Bool>()
        let lane = try Lane(name: "clients")
        let bound = await lane.run { lane in
            let client = Client(ended)
            client.id = lane.add(timerClient: client)
            return LaneBound(client, on: lane)
        }
        lane.stop()
        #expect(try await ended.next())
        await lane.stopped()
        // One that hears of it late takes itself away all the same.
        await lane.run { lane in bound.value.id.map { lane.remove(timerClient: $0) } }
    }

    @Test func whatComesToAStoppedLaneIsLetGoToo() async throws {
        final class Late: TimerClient, DatagramHandler {
            let lane: Lane
            init(_ lane: Lane) { self.lane = lane }
            func timerFired(_ timer: ExpiredTimer, on lane: Lane) {}
            func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {}
            func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
        }
        let leaks = LeakWatch()
        let socket = try BoundDatagramSocket.bind(.loopback())
        try await { () async throws in
            let lane = try Lane(name: "late")
            leaks.watch(lane, "the lane")
            lane.stop()
            lane.join()
            await lane.run { lane in
                let late = Late(lane)
                leaks.watch(late, "what came late")
                _ = lane.add(timerClient: late)
                _ = try? lane.open(socket, handler: late)
            }
        }()
        #expect(await leaks.remaining().isEmpty)
        // Its port is free again.
        _ = try BoundDatagramSocket.bind(socket.localAddress)
    }

    @Test func boundValuesEndOnTheirLane() async throws {
        final class Value {
            let lane: Lane
            let ended: Mailbox<Bool>
            init(_ lane: Lane, _ ended: Mailbox<Bool>) { (self.lane, self.ended) = (lane, ended) }
            deinit { ended.post(lane.isCurrent) }
        }
        let ended = Mailbox<Bool>()
        try await withLane { lane async throws in
            var bound: LaneBound<Value>? = await lane.run { lane in LaneBound(Value(lane, ended), on: lane) }
            let isThere = await lane.run { [bound] _ in bound?.value.lane === lane }
            #expect(isThere)
            bound = nil
            let endedOnLane = try await ended.next()
            #expect(endedOnLane)
        }
    }
}
