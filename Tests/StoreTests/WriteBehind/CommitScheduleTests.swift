import Testing

@testable import Store

/// The queue in virtual time.
@Suite struct CommitScheduleTests {
    private let start = ContinuousClock.now
    private let full = StoreError(.full, "the disk is full")

    private func schedule(_ change: (inout WriteBehind.Options) -> Void = { _ in }) -> CommitSchedule {
        var options = WriteBehind.Options()
        change(&options)
        return CommitSchedule(options: options)
    }

    /// The defaults that the documentation promises.
    @Test func defaults() {
        let options = WriteBehind.Options()
        #expect(options.commitInterval == .milliseconds(500))
        #expect(options.lagThreshold == .seconds(2))
        #expect(options.capacity == 500_000)
        #expect(options.retryDelay == .milliseconds(100))
        #expect(options.maximumRetryDelay == .seconds(5))
    }

    @Test func theFirstChangeAsksForACommitAfterTheInterval() {
        var schedule = schedule()
        #expect(schedule.add([.upsert(binding(1))], at: start).due == start + .milliseconds(500))
        #expect(schedule.add([.upsert(binding(2))], at: start + .milliseconds(400)).due == nil)
        #expect(schedule.begin()?.count == 2)
        #expect(schedule.succeed().due == nil)
        #expect(schedule.begin() == nil)
        #expect((schedule.enqueued, schedule.committed) == (2, 2))
        #expect(schedule.add([.upsert(binding(3))], at: start + .seconds(9)).due == start + .milliseconds(9_500))
    }

    @Test func whatComesDuringACommitIsDueAfterItsOwnInterval() {
        var schedule = schedule()
        _ = schedule.add([.upsert(binding(1))], at: start)
        _ = schedule.begin()
        #expect(schedule.add([.upsert(binding(2))], at: start + .seconds(1)).due == nil)
        #expect((schedule.depth, schedule.committed) == (2, 0))
        #expect(schedule.succeed().due == start + .milliseconds(1_500))
        #expect((schedule.depth, schedule.committed) == (1, 1))
    }

    @Test func theLagIsTheAgeOfTheOldestUncommittedChange() {
        var schedule = schedule()
        #expect(schedule.lag(at: start) == .zero)
        _ = schedule.add([.upsert(binding(1))], at: start)
        _ = schedule.add([.upsert(binding(1, sequence: 2))], at: start + .seconds(1))
        #expect(schedule.lag(at: start + .seconds(2)) == .seconds(2))
        #expect(!schedule.isLagging(at: start + .seconds(2)))
        #expect(schedule.isLagging(at: start + .milliseconds(2_001)))
        _ = schedule.begin()
        _ = schedule.add([.upsert(binding(2))], at: start + .seconds(3))
        #expect(schedule.lag(at: start + .seconds(4)) == .seconds(4))
        _ = schedule.succeed()
        #expect(schedule.lag(at: start + .seconds(4)) == .seconds(1))
        #expect(!schedule.isLagging(at: start + .seconds(4)))
        #expect(schedule.lag(at: start) == .zero)
    }

    @Test func aFailedBatchIsKeptAndTriedAgainEverLater() {
        var schedule = schedule()
        _ = schedule.add([.upsert(binding(1))], at: start)
        var delays: [Duration] = []
        for _ in 0..<40 {
            #expect(schedule.begin()?.count == 1)
            delays.append(schedule.fail(full))
        }
        #expect(Array(delays.prefix(7)) == [100, 200, 400, 800, 1_600, 3_200, 5_000].map { .milliseconds($0) })
        #expect(delays.last == .seconds(5))
        #expect(schedule.failures == 40)
        #expect(schedule.lastError == full)
        #expect(schedule.add([.upsert(binding(1, sequence: 2))], at: start + .seconds(1)) == (true, nil))
        #expect(schedule.begin()?.count == 1)
        let (due, failures) = schedule.succeed()
        #expect(due == start + .milliseconds(1_500))
        #expect(failures == 40)
        #expect((schedule.failures, schedule.lastError) == (0, nil))
        #expect(schedule.committed == 1)
        _ = schedule.begin()
        _ = schedule.succeed()
        #expect(schedule.committed == 2)
    }

    @Test func theQueueIsBoundedAndTakesAllOrNothing() {
        var schedule = schedule { $0.capacity = 4 }
        #expect(schedule.add((0..<2).map { .upsert(binding($0)) }, at: start).accepted)
        #expect(schedule.isLagging(at: start))
        _ = schedule.begin()
        #expect(!schedule.add((2..<5).map { .upsert(binding($0)) }, at: start).accepted)
        #expect((schedule.depth, schedule.enqueued) == (2, 2))
        #expect(schedule.add((2..<4).map { .upsert(binding($0)) }, at: start).accepted)
        #expect(!schedule.add([.upsert(binding(4))], at: start).accepted)
        // What waits already may change without taking room.
        #expect(schedule.add([.upsert(binding(3, sequence: 2)), .remove(binding(2).key)], at: start).accepted)
        #expect(schedule.depth == 4)
        _ = schedule.succeed()
        #expect(schedule.add([.upsert(binding(4))], at: start).accepted)
    }

    @Test func nothingAsksForNothing() {
        var schedule = schedule()
        #expect(schedule.add([], at: start) == (true, nil))
        #expect(schedule.begin() == nil)
    }
}
