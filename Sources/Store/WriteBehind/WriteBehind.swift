import Dispatch
import Synchronization

/// Writes binding changes to the database behind the answer: a caller on a lane only puts them in a bounded queue, and a
/// committer on a thread of its own writes all that waits in one transaction.
///
/// A commit begins at most `Options.commitInterval` after the oldest waiting change was enqueued, with
/// `synchronous=FULL`; so what was enqueued a second ago is found again after a crash, while the disk keeps up. When it
/// does not, `isLagging` tells callers to hold back new bindings. When a commit fails, its changes are kept and
/// tried again.
public final class WriteBehind: Sendable {
    /// Limits and times of the queue.
    public struct Options: Sendable, Hashable {
        /// The longest that a change waits for its commit to begin.
        public var commitInterval: Duration = .milliseconds(500)

        /// The age of the oldest uncommitted change from which `isLagging` is true.
        public var lagThreshold: Duration = .seconds(2)

        /// The most uncommitted changes; `isLagging` is true from half of it, and beyond it none is accepted.
        public var capacity = 500_000

        /// How long a commit that failed waits before it is tried again; doubled with each failure in a row.
        public var retryDelay: Duration = .milliseconds(100)

        /// The longest wait between tries.
        public var maximumRetryDelay: Duration = .seconds(5)

        /// The defaults.
        public init() {}
    }

    /// What an operator should hear of; called on the committer's thread.
    public enum Event: Sendable {
        /// A commit failed, the `failures`th in a row; `pending` changes are kept and the next try comes after `retry`.
        case failed(StoreError, failures: Int, pending: Int, retry: Duration)

        /// A commit succeeded after `failures` that did not.
        case recovered(failures: Int)
    }

    /// A reading of the queue.
    public struct Status: Sendable, Hashable {
        /// Changes that are not committed.
        public var depth: Int

        /// The age of the oldest change that is not committed; zero when all are.
        public var lag: Duration

        /// How many changes were ever accepted.
        public var enqueued: UInt64

        /// How many of the first accepted changes are committed: those up to this number survive a crash.
        public var committed: UInt64

        /// Commits that failed since the last one that did not.
        public var failures: Int

        /// Why the last commit failed; nil after one that did not.
        public var error: StoreError?
    }

    private let database: Database
    private let options: Options
    private let onEvent: @Sendable (Event) -> Void
    private let schedule: Mutex<CommitSchedule>
    private let timer: CommitTimer

    /// Makes the queue of a database; there should be one for each.
    ///
    /// - Parameters:
    ///   - database: Where changes are committed.
    ///   - options: Limits and times.
    ///   - onEvent: Called on the committer's thread when a commit fails, and when one succeeds again.
    public init(
        database: Database, options: Options = Options(), onEvent: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        self.database = database
        self.options = options
        self.onEvent = onEvent
        schedule = Mutex(CommitSchedule(options: options))
        timer = CommitTimer()
        timer.start { [weak self] in self?.commit() }
    }

    deinit {
        timer.cancel()
    }

    /// Queues changes, all of them or, when there is no room, none. Cheap, never waits for the disk: made for lanes.
    ///
    /// - Returns: false when the queue is full; then the request that wanted it is best answered 503.
    public func enqueue(_ changes: some Collection<BindingChange>) -> Bool {
        let now = ContinuousClock.now
        let (accepted, due) = schedule.withLock { $0.add(changes, at: now) }
        if let due { timer.arm(after: due - now) }
        return accepted
    }

    /// Queues one change; see `enqueue(_:)` for several.
    public func enqueue(_ change: BindingChange) -> Bool {
        enqueue(CollectionOfOne(change))
    }

    /// Whether commits are so late, or so many changes wait, that new bindings should be held back (503 with
    /// Retry-After). Refreshes should not: they mostly replace changes that wait already.
    public var isLagging: Bool {
        let now = ContinuousClock.now
        return schedule.withLock { $0.isLagging(at: now) }
    }

    /// How the queue stands.
    public var status: Status {
        let now = ContinuousClock.now
        return schedule.withLock { schedule in
            Status(
                depth: schedule.depth, lag: schedule.lag(at: now), enqueued: schedule.enqueued,
                committed: schedule.committed, failures: schedule.failures, error: schedule.lastError)
        }
    }

    /// Commits all that was queued before the call, without waiting for the interval; for the shutdown.
    ///
    /// - Throws: the error of the commit; the changes are kept and tried again later all the same.
    public func flush() async throws(StoreError) {
        let target = status.enqueued
        let failure: StoreError? = await withCheckedContinuation { continuation in
            timer.queue.async { [self] in
                while schedule.withLock({ $0.committed }) < target {
                    if let error = commit() { return continuation.resume(returning: error) }
                }
                continuation.resume(returning: nil)
            }
        }
        if let failure { throw failure }
    }

    /// Commits once, on the committer's queue.
    @discardableResult
    private func commit() -> StoreError? {
        guard let batch = schedule.withLock({ $0.begin() }) else { return nil }
        do throws(StoreError) {
            try database.commit(batch)
        } catch {
            let (retry, failures, pending) = schedule.withLock { ($0.fail(error), $0.failures, $0.depth) }
            timer.arm(after: retry)
            onEvent(.failed(error, failures: failures, pending: pending, retry: retry))
            return error
        }
        // The batch is freed after the lock is released, not under it: lanes wait there.
        let (due, failures) = withExtendedLifetime(batch) { schedule.withLock { $0.succeed() } }
        if let due { timer.arm(after: due - .now) }
        if failures > 0 { onEvent(.recovered(failures: failures)) }
        return nil
    }
}
