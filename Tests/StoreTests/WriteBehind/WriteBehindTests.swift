import Foundation
import GRDB
import Synchronization
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(5))) struct WriteBehindTests {
    let folder = TemporaryFolder()
    let database: Store.Database

    init() throws { database = try Store.Database(folder: folder.path) }

    /// A queue that commits only when it is flushed or tries again.
    private func queue(
        retry: Duration = .milliseconds(1), onEvent: @escaping @Sendable (WriteBehind.Event) -> Void = { _ in }
    ) -> WriteBehind {
        var options = WriteBehind.Options()
        options.commitInterval = .seconds(86_400)
        options.retryDelay = retry
        options.maximumRetryDelay = retry
        return WriteBehind(database: database, options: options, onEvent: onEvent)
    }

    @Test func flushingCommitsAllThatWasQueued() async throws {
        let queue = queue()
        #expect(queue.enqueue((0..<100).map { .upsert(binding($0)) }))
        #expect(queue.enqueue(.remove(binding(7).key)))
        #expect(queue.enqueue(.removeAll(addressOfRecord: Array(binding(8).addressOfRecord))))
        #expect(try await database.storedBindings().isEmpty)
        #expect(queue.status.depth == 101)
        try await queue.flush()
        #expect(try await database.storedBindings().count == 98)
        #expect((queue.status.depth, queue.status.lag) == (0, .zero))
        #expect((queue.status.enqueued, queue.status.committed) == (102, 102))
        try await queue.flush()
    }

    @Test func theTimerCommitsWithoutAFlush() async throws {
        var options = WriteBehind.Options()
        options.commitInterval = .milliseconds(1)
        let queue = WriteBehind(database: database, options: options)
        for round in 1...5 {
            #expect(queue.enqueue(.upsert(binding(round))))
            while queue.status.committed < round { await Task.yield() }
            #expect(try await database.storedBindings().count == round)
        }
    }

    @Test func manyThreadsQueueAtOnce() async throws {
        let queue = queue()
        await withTaskGroup { group in
            for thread in 0..<8 {
                group.addTask {
                    for number in 0..<500 {
                        #expect(queue.enqueue(.upsert(binding(thread * 1_000 + number))))
                    }
                }
            }
        }
        try await queue.flush()
        #expect(try await database.storedBindings().count == 4_000)
        #expect(queue.status.committed == 4_000)
    }

    /// The page limit stands for a disk that is full, `query_only` for one that cannot be written: SQLite answers with
    /// the same codes.
    @Test(arguments: [
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1073741823", StoreError.Code.full),
        ("PRAGMA query_only = 1", "PRAGMA query_only = 0", .readOnly),
    ])
    func aDiskThatRefusesIsReportedAndNothingIsLost(
        fault: String, repair: String, expected: StoreError.Code
    ) async throws {
        let failures = Collector<(StoreError, pending: Int)>()
        let recoveries = Collector<Int>()
        let queue = queue { event in
            switch event {
            case .failed(let error, _, let pending, _): failures.append((error, pending))
            case .recovered(let count): recoveries.append(count)
            }
        }
        #expect(queue.enqueue(.upsert(binding(0))))
        try await queue.flush()

        try await database.pool.writeWithoutTransaction { _ = try Row.fetchAll($0, sql: fault) }
        #expect(queue.enqueue((1..<500).map { .upsert(binding($0)) }))
        #expect(queue.enqueue(.remove(binding(0).key)))
        let error = await #expect(throws: StoreError.self) { try await queue.flush() }
        #expect(error?.code == expected)
        #expect(error?.remedy.isEmpty == false)
        #expect(queue.status.error?.code == expected)
        #expect(queue.status.depth == 500)
        #expect(try await database.storedBindings() == [binding(0).key: binding(0)])
        // Callers go on meanwhile, and what they add is kept too.
        #expect(queue.enqueue(.upsert(binding(1, sequence: 2))))
        #expect(queue.enqueue(.upsert(binding(500))))
        while failures.values.count < 3 { await Task.yield() }
        #expect(failures.values.allSatisfy { $0.0.code == expected && $0.pending >= 500 })
        #expect(recoveries.values.isEmpty)

        try await database.pool.writeWithoutTransaction { _ = try Row.fetchAll($0, sql: repair) }
        while recoveries.values.isEmpty { await Task.yield() }
        try await queue.flush()
        var model = Model(uniqueKeysWithValues: (1...500).map { (binding($0).key, binding($0)) })
        model[binding(1).key] = binding(1, sequence: 2)
        #expect(try await database.storedBindings() == model)
        #expect((queue.status.depth, queue.status.failures, queue.status.error) == (0, 0, nil))
        #expect(recoveries.values.count == 1)
    }

    @Test func aReaderDoesNotHoldUpCommits() async throws {
        let queue = queue()
        #expect(queue.enqueue((0..<50).map { .upsert(binding($0)) }))
        try await queue.flush()
        let committed = Mutex(false)
        // A commit in the middle of a load: the load goes on with its snapshot.
        let load = try await database.loadBindings(validAt: UnixTime(milliseconds: 0), batchSize: 10) { _ in
            guard committed.withLock({ !$0 }) else { return }
            #expect(queue.enqueue(.upsert(binding(99))))
            let done = DispatchSemaphore(value: 0)
            Task {
                try await queue.flush()
                done.signal()
            }
            done.wait()
            committed.withLock { $0 = true }
        }
        #expect(load.loaded == 50)
        #expect(try await database.storedBindings().count == 51)
    }
}
