import Testing

@testable import Server

/// Times are microseconds.
@Suite struct TokenRateTests {
    @Test func aFullBucketHoldsItsSizeAndFillsAtItsRate() {
        let rate = TokenRate(10, per: .seconds(1), size: 3)
        var bucket: UInt64 = 0
        let start: UInt64 = 1_000_000
        #expect((0..<4).map { _ in rate.take(from: &bucket, now: start) } == [true, true, true, false])
        #expect(!rate.hasToken(in: bucket, now: start + 99_999))
        #expect(rate.hasToken(in: bucket, now: start + 100_000))
        #expect(rate.take(from: &bucket, now: start + 100_000))
        #expect(!rate.take(from: &bucket, now: start + 100_000))
        // After a long rest it is full again, and no fuller.
        #expect((0..<4).count { _ in rate.take(from: &bucket, now: start + 60_000_000) } == 3)
    }

    @Test func chargesOweNoMoreThanOneBucket() {
        let rate = TokenRate(60, per: .seconds(60), size: 2)
        var bucket: UInt64 = 0
        for _ in 0..<1_000 { rate.charge(&bucket, now: 5) }
        #expect(!rate.hasToken(in: bucket, now: 5))
        #expect(rate.hasToken(in: bucket, now: 5 + 1_000_000))
    }

    @Test func whatIsGivenBackCanBeTakenAgain() {
        let rate = TokenRate(1, per: .seconds(60), size: 1)
        var bucket: UInt64 = 0
        #expect(rate.take(from: &bucket, now: 1) && !rate.take(from: &bucket, now: 1))
        rate.refund(&bucket, now: 1)
        #expect(rate.take(from: &bucket, now: 1))
        // Nothing is given that was not taken.
        var fresh: UInt64 = 0
        rate.refund(&fresh, now: 1)
        #expect((0..<3).count { _ in rate.take(from: &fresh, now: 1) } == 1)
    }

    @Test(arguments: [(0, 30), (29_000_001, 1), (15_500_000, 15)] as [(UInt64, UInt64)])
    func saysWhenToComeAgain(_ later: UInt64, _ seconds: UInt64) {
        let rate = TokenRate(2, per: .seconds(60), size: 1)
        var bucket: UInt64 = 0
        #expect(rate.take(from: &bucket, now: 7))
        #expect(rate.secondsUntilToken(in: bucket, now: 7 + later) == seconds)
    }
}

@Suite struct BoundedTableTests {
    @Test func keepsWhatIsLargestWhenItIsFull() {
        let table = BoundedTable(capacity: 1)
        #expect(table.capacity == 128)
        var generator = SystemRandomNumberGenerator()
        let keys = (0..<10_000).map { _ in generator.next() | 1 }
        for (index, key) in keys.enumerated() { table.change(key) { $0 = UInt64(index) + 1 } }
        let kept = keys.indices.filter { table.value(keys[$0]) != 0 }
        #expect(kept.count <= 128)
        #expect(kept.allSatisfy { table.value(keys[$0]) == UInt64($0) + 1 })
        // The last to come is there.
        #expect(table.value(keys[9_999]) == 10_000)
        #expect((kept.min() ?? 0) > 5_000)
    }

    @Test func zeroIsForgotten() {
        let table = BoundedTable(capacity: 1_000)
        table.change(7) { $0 = 5 }
        table.change(7) { $0 += 1 }
        #expect(table.value(7) == 6)
        table.change(7) { $0 = 0 }
        #expect(table.value(7) == 0)
        table.change(7) { value in
            #expect(value == 0)
            value = 9
        }
        #expect(table.value(7) == 9)
    }
}
