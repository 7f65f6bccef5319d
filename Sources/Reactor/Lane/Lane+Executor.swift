import Glibc
import Synchronization

/// What other threads share with a lane beside its queue.
struct LaneLifecycle {
    /// Jobs from other threads.
    var arrivals: [LaneJob] = []

    /// Whether the lane's thread has come to its end.
    var hasStopped = false

    /// Whether a thread is running jobs that came after the end.
    var isRunningRemainder = false

    /// Who waits for the end.
    var waiters: [CheckedContinuation<Void, Never>] = []
}

extension Lane: SerialExecutor, TaskExecutor {
    /// Takes a job of an actor or a task; never refused or lost.
    public func enqueue(_ job: consuming ExecutorJob) {
        enqueue(.job(UnownedJob(job)))
    }

    /// Whether code that is isolated to this executor may assume that it runs on it.
    public func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// Traps when the caller does not run on the lane.
    public func checkIsolated() { preconditionCurrent() }
}

extension Lane {
    func enqueue(_ job: LaneJob) {
        if isCurrent { return jobs.append(job) }
        let needsThread = lifecycle.withLock { lifecycle in
            lifecycle.arrivals.append(job)
            let needsThread = lifecycle.hasStopped && !lifecycle.isRunningRemainder
            if needsThread { lifecycle.isRunningRemainder = true }
            return needsThread
        }
        guard needsThread else {
            hasArrivals.store(true, ordering: .relaxed)
            return waker.wake()
        }
        // The thread is left to itself. Where none can be had the jobs run here: late, but not lost.
        do throws(SocketError) { _ = try LaneThread.start { self.runRemainder() } } catch { runRemainder() }
    }

    func serveJobs(atMost limit: Int) {
        if hasArrivals.load(ordering: .relaxed) {
            hasArrivals.store(false, ordering: .relaxed)
            lifecycle.withLock { jobs.append(takingFrom: &$0.arrivals) }
        }
        var served = 0
        while served < limit, let job = jobs.next() {
            served += 1
            switch job {
            case .job(let job):
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            case .work(let work):
                work(self)
            }
        }
        if served > 0 { counters.pointee.jobs.add(served) }
    }

    /// Runs jobs that came after the end, in their order, as the lane.
    private func runRemainder() {
        let previous = owner.exchange(UInt(pthread_self()), ordering: .relaxed)
        precondition(previous == 0, "two threads run one lane")
        repeat {
            lifecycle.withLock { jobs.append(takingFrom: &$0.arrivals) }
            serveJobs(atMost: .max)
            letGo()
        } while retire() == nil
    }

    /// Ends being the lane if nothing is left to do; returns who waits for that.
    func retire() -> [CheckedContinuation<Void, Never>]? {
        lifecycle.withLock { lifecycle in
            guard lifecycle.arrivals.isEmpty && jobs.isEmpty else { return nil }
            lifecycle.hasStopped = true
            lifecycle.isRunningRemainder = false
            owner.store(0, ordering: .relaxed)
            let waiters = lifecycle.waiters
            lifecycle.waiters = []
            return waiters
        }
    }
}
