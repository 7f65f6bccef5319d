import Glibc
import Synchronization
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(1))) struct BoundedQueueTests {
    @Test(arguments: [(1, 2), (2, 2), (3, 4), (4, 4), (1_000, 1_024)])
    func capacityIsRoundedUpToAPowerOfTwo(asked: Int, made: Int) {
        #expect(BoundedQueue<Int>(capacity: asked).capacity == made)
    }

    @Test func elementsComeOutInTheirOrderAndTheRingTurns() {
        let queue = BoundedQueue<Int>(capacity: 4)
        #expect(queue.take() == nil)
        #expect(!queue.hasNext)
        for round in 0..<100 {
            for value in 0..<3 { #expect(queue.offer(round * 3 + value, reserve: 0)) }
            #expect(queue.hasNext)
            #expect(queue.count == 3)
            for value in 0..<3 { #expect(queue.take() == round * 3 + value) }
            #expect(queue.take() == nil)
        }
    }

    @Test func theReserveIsKeptFree() {
        let queue = BoundedQueue<Int>(capacity: 8)
        for value in 0..<6 { #expect(queue.offer(value, reserve: 2)) }
        #expect(!queue.offer(6, reserve: 2))
        #expect(queue.offer(6, reserve: 0))
        #expect(queue.offer(7, reserve: 0))
        #expect(!queue.offer(8, reserve: 0))
        #expect(queue.take() == 0)
        #expect(!queue.offer(8, reserve: 2))
        #expect(queue.offer(8, reserve: 0))
        #expect((0..<8).map { _ in queue.take() } == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func aBatchIsTakenAsFarAsThereIsRoom() {
        let queue = BoundedQueue<Int>(capacity: 8)
        #expect(queue.offer([], reserve: 0) == 0)
        #expect(queue.offer([1, 2, 3], reserve: 4) == 3)
        #expect(queue.offer([4, 5, 6], reserve: 4) == 1)
        #expect(queue.offer([5, 6, 7, 8, 9], reserve: 0) == 4)
        #expect(queue.offer([9], reserve: 0) == 0)
        #expect((1...8).map { _ in queue.take() } == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func whatIsLeftIsReleasedWithTheQueue() {
        final class Token: Sendable {}
        weak var kept: Token?
        do {
            let queue = BoundedQueue<Token>(capacity: 2)
            let token = Token()
            kept = token
            #expect(queue.offer(token, reserve: 0))
        }
        #expect(kept == nil)
    }

    /// Producers offer singly and in batches and are refused when the ring is full; the consumer must see each producer's elements in
    /// their order, each once.
    @Test func severalProducersLoseAndDoubleNothing() async throws {
        let producers = 4
        let perProducer = 50_000
        let queue = BoundedQueue<Int>(capacity: 256)
        let refusals = Atomic<Int>(0)
        for producer in 0..<producers {
            _ = try LaneThread.start {
                var next = 0
                while next < perProducer {
                    let taken: Int
                    if next % 3 == 0 {
                        let batch = (next..<min(next + 7, perProducer)).map { producer << 32 | $0 }
                        taken = queue.offer(batch, reserve: producer == 0 ? 16 : 0)
                    } else {
                        taken = queue.offer(producer << 32 | next, reserve: 0) ? 1 : 0
                    }
                    next += taken
                    if taken == 0 {
                        refusals.add(1, ordering: .relaxed)
                        sched_yield()
                    }
                }
            }
        }
        let received = Mailbox<[Int]>()
        _ = try LaneThread.start {
            var next = [Int](repeating: 0, count: producers)
            var total = 0
            while total < producers * perProducer {
                guard let value = queue.take() else {
                    sched_yield()
                    continue
                }
                let producer = value >> 32
                // A wrong element ends the count of its producer, which the test sees.
                if next[producer] == value & 0xffff_ffff { next[producer] += 1 }
                total += 1
            }
            received.post(next)
        }
        #expect(try await received.next() == [Int](repeating: perProducer, count: producers))
        #expect(queue.take() == nil)
        #expect(queue.count == 0)
    }
}
