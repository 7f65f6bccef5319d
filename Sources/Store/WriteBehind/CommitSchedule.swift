/// When the changes that wait are committed, and what is known of those that are not: the state of a `WriteBehind`
/// without its threads and clock.
struct CommitSchedule {
    let options: WriteBehind.Options

    /// Changes that no commit has been tried for.
    private var pending = PendingChanges()

    /// When the oldest of `pending` was added.
    private var pendingSince: ContinuousClock.Instant?

    /// Changes whose commit is under way or has failed and will be tried again.
    private(set) var batch: PendingChanges?

    /// When the oldest of `batch` was added.
    private var batchSince: ContinuousClock.Instant?

    /// How many changes were added before the end of `batch`.
    private var batchPosition: UInt64 = 0

    /// How many changes were ever added.
    private(set) var enqueued: UInt64 = 0

    /// How many of the changes first added are committed.
    private(set) var committed: UInt64 = 0

    /// Commits that failed since the last one that did not.
    private(set) var failures = 0

    /// Why the last commit failed; nil after one that did not.
    private(set) var lastError: StoreError?

    init(options: WriteBehind.Options) { self.options = options }

    /// Changes that are not committed.
    var depth: Int { pending.count + (batch?.count ?? 0) }

    /// The age of the oldest change that is not committed.
    func lag(at now: ContinuousClock.Instant) -> Duration {
        guard let oldest = batchSince ?? pendingSince else { return .zero }
        // The caller read its clock before it came to the lock.
        return max(now - oldest, .zero)
    }

    /// Whether a caller should hold back what can wait.
    func isLagging(at now: ContinuousClock.Instant) -> Bool {
        lag(at: now) > options.lagThreshold || depth >= options.capacity / 2
    }

    /// Adds changes, all or none.
    ///
    /// - Returns: whether they were added, and when the commit that this asks for is due; nil when it was asked for before.
    mutating func add(
        _ changes: some Collection<BindingChange>, at now: ContinuousClock.Instant
    ) -> (accepted: Bool, due: ContinuousClock.Instant?) {
        if depth + changes.count > options.capacity {
            let room = changes.count { !pending.contains($0.subject) }
            guard depth + room <= options.capacity else { return (false, nil) }
        }
        guard !changes.isEmpty else { return (true, nil) }
        for change in changes { pending.add(change) }
        enqueued += UInt64(changes.count)
        guard pendingSince == nil else { return (true, nil) }
        pendingSince = now
        // While a batch is under way its end decides when the next commit is due.
        return (true, batch == nil ? now + options.commitInterval : nil)
    }

    /// Takes all that waits as the batch to commit now, or the batch that failed before; nil when there is nothing.
    mutating func begin() -> PendingChanges? {
        if batch == nil, !pending.isEmpty {
            batch = pending
            batchSince = pendingSince
            batchPosition = enqueued
            // The next batch is likely to be as large: tables that grow while lanes wait for the lock cost milliseconds.
            pending = PendingChanges(capacity: pending.count)
            pendingSince = nil
        }
        return batch
    }

    /// Notes that the batch is committed.
    ///
    /// - Returns: when the next commit is due, nil when nothing waits; and how many had failed before this one.
    mutating func succeed() -> (due: ContinuousClock.Instant?, failures: Int) {
        committed = batchPosition
        batch = nil
        batchSince = nil
        defer {
            failures = 0
            lastError = nil
        }
        return (pendingSince.map { $0 + options.commitInterval }, failures)
    }

    /// Notes that the commit failed; the batch is kept.
    ///
    /// - Returns: how long to wait before it is tried again.
    mutating func fail(_ error: StoreError) -> Duration {
        lastError = error
        failures += 1
        // The doubling is capped far before it could overflow.
        let doubled = options.retryDelay * (1 << min(failures - 1, 16))
        return min(doubled, options.maximumRetryDelay)
    }
}
