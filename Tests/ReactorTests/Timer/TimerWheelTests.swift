import Reactor
import Testing

/// The wheel as an object, because expectations cannot hold what cannot be copied.
private final class Wheel {
    private var wheel: TimerWheel

    init(start: UInt64 = 0, capacity: Int = 256) { wheel = TimerWheel(start: start, capacity: capacity) }

    var elapsed: UInt64 { wheel.elapsed }
    var count: Int { wheel.count }
    var nextTick: UInt64? { wheel.nextTick }

    func schedule(at tick: UInt64, client: UInt32 = 0, token: UInt64) -> TimerHandle {
        wheel.schedule(at: tick, client: client, token: token)
    }

    func cancel(_ handle: TimerHandle) -> Bool { wheel.cancel(handle) }
    func isWaiting(_ handle: TimerHandle) -> Bool { wheel.isWaiting(handle) }
    func next(until tick: UInt64) -> ExpiredTimer? { wheel.next(until: tick) }

    /// The tokens of all that fires until `tick`.
    func fire(until tick: UInt64) -> [UInt64] {
        var tokens: [UInt64] = []
        while let expired = wheel.next(until: tick) { tokens.append(expired.token) }
        return tokens
    }
}

@Suite struct TimerWheelTests {
    @Test(
        arguments: [1, 2, 255, 256, 257, 500, 4_000, 32_000, 65_535, 65_536, 65_537, 3_600_000, 86_400_000, 1 << 40]
            as [UInt64])
    func firesAtItsTickAndNotBefore(delay: UInt64) {
        for start in [0, 1, 200, 255, 256, 65_535, 1 << 32 - 1, 1 << 40 - 1] as [UInt64] {
            let wheel = Wheel(start: start)
            let handle = wheel.schedule(at: start + delay, client: 7, token: 99)
            #expect(wheel.next(until: start + delay - 1) == nil)
            #expect(wheel.isWaiting(handle))
            let expired = wheel.next(until: start + delay)
            #expect(expired?.client == 7)
            #expect(expired?.token == 99)
            #expect(expired?.handle == handle)
            #expect(!wheel.isWaiting(handle))
            #expect(wheel.next(until: start + delay) == nil)
            #expect(wheel.elapsed == start + delay)
            #expect(wheel.count == 0)
        }
    }

    @Test func aTickThatHasPassedBecomesTheNextOne() {
        let wheel = Wheel(start: 1_000)
        _ = wheel.schedule(at: 3, token: 1)
        _ = wheel.schedule(at: 1_000, token: 2)
        #expect(wheel.next(until: 1_000) == nil)
        #expect(wheel.nextTick == 1_001)
        #expect(wheel.fire(until: 1_001) == [1, 2])
    }

    @Test func timersOfOneTickFireInTheOrderOfScheduling() {
        let wheel = Wheel()
        // The first stands two levels higher than the last when it is scheduled, and all meet at tick 70,000.
        _ = wheel.schedule(at: 70_000, token: 1)
        _ = wheel.next(until: 66_000)
        _ = wheel.schedule(at: 70_000, token: 2)
        _ = wheel.next(until: 69_990)
        _ = wheel.schedule(at: 70_000, token: 3)
        #expect(wheel.fire(until: 100_000) == [1, 2, 3])
    }

    @Test func aCancelledTimerDoesNotFire() {
        let wheel = Wheel()
        let first = wheel.schedule(at: 10, token: 1)
        let second = wheel.schedule(at: 10, token: 2)
        let third = wheel.schedule(at: 300, token: 3)
        #expect(wheel.cancel(second))
        #expect(!wheel.cancel(second))
        #expect(wheel.cancel(third))
        #expect(wheel.count == 1)
        #expect(wheel.fire(until: 1_000) == [1])
        #expect(!wheel.cancel(first))
        #expect(wheel.nextTick == nil)
    }

    @Test func aDueTimerCanBeCancelledByTheOneBeforeIt() {
        let wheel = Wheel()
        _ = wheel.schedule(at: 10, token: 1)
        let second = wheel.schedule(at: 10, token: 2)
        _ = wheel.schedule(at: 10, token: 3)
        #expect(wheel.next(until: 10)?.token == 1)
        #expect(wheel.cancel(second))
        #expect(wheel.next(until: 10)?.token == 3)
        #expect(wheel.next(until: 10) == nil)
    }

    @Test func oldHandlesNameNothingAfterTheirPlaceIsUsedAgain() {
        let wheel = Wheel(capacity: 1)
        let old = wheel.schedule(at: 1, token: 1)
        _ = wheel.fire(until: 1)
        let new = wheel.schedule(at: 2, token: 2)
        #expect(old != new)
        #expect(!wheel.cancel(old))
        #expect(!wheel.isWaiting(.none))
        #expect(!wheel.cancel(.none))
        #expect(wheel.fire(until: 2) == [2])
    }

    @Test func aTimerScheduledWhileFiringWaitsForALaterTick() {
        let wheel = Wheel()
        _ = wheel.schedule(at: 5, token: 1)
        var rounds = 0
        while wheel.next(until: 5) != nil {
            rounds += 1
            _ = wheel.schedule(at: 5, token: 2)
        }
        #expect(rounds == 1)
        #expect(wheel.nextTick == 6)
    }

    @Test func nextTickIsNeverLaterThanTheNextTimer() {
        let wheel = Wheel(start: 77)
        _ = wheel.schedule(at: 1_000_000, token: 1)
        var wakes = 0
        while let tick = wheel.nextTick {
            #expect(tick <= 1_000_000)
            if wheel.next(until: tick) != nil { break }
            wakes += 1
        }
        #expect(wheel.elapsed == 1_000_000)
        // One step down per level at most.
        #expect(wakes <= 2)
    }

    /// The wheel against a plain list, under random scheduling, cancelling and passing of time.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func agreesWithAPlainList(seed: UInt64) {
        struct Waiting {
            var tick: UInt64
            var order: Int
            var handle: TimerHandle
        }
        var random = SeededGenerator(seed: seed)
        let start = UInt64.random(in: 0...1 << 34, using: &random)
        let wheel = Wheel(start: start, capacity: 4)
        var plain: [Waiting] = []
        var retired: [TimerHandle] = []
        var now = start
        var order = 0
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let range = [2, 300, 70_000, 20_000_000, 1 << 41].randomElement(using: &random)!
                let delay = UInt64(Int.random(in: 0..<range, using: &random))
                let handle = wheel.schedule(at: now + delay, client: 1, token: UInt64(order))
                plain.append(Waiting(tick: max(now + delay, now + 1), order: order, handle: handle))
                order += 1
            case 5..<7:
                guard let index = plain.indices.randomElement(using: &random) else { break }
                #expect(wheel.cancel(plain[index].handle))
                retired.append(plain.remove(at: index).handle)
            case 7:
                guard let handle = retired.randomElement(using: &random) else { break }
                #expect(!wheel.cancel(handle))
            default:
                let range = [3, 300, 5_000, 1_000_000].randomElement(using: &random)!
                now += UInt64(Int.random(in: 0..<range, using: &random))
                let due = plain.filter { $0.tick <= now }.sorted { ($0.tick, $0.order) < ($1.tick, $1.order) }
                plain.removeAll { $0.tick <= now }
                retired.append(contentsOf: due.map(\.handle))
                #expect(wheel.fire(until: now) == due.map { UInt64($0.order) })
                if let next = plain.map(\.tick).min() { #expect(wheel.nextTick ?? .max <= next) }
            }
            #expect(wheel.count == plain.count)
        }
    }
}
