import Synchronization

/// Tasks that nobody waits for but who shuts down.
final class RunningTasks: Sendable {
    private let running = Mutex<(last: UInt64, tasks: [UInt64: Task<Void, Never>])>((0, [:]))
    private let limit: Int

    /// - Parameter limit: tasks that may run at a time.
    init(limit: Int) { self.limit = limit }

    /// Runs a task; beyond the limit it is left out.
    func run(_ body: @escaping @Sendable () async -> Void) {
        running.withLock { running in
            guard running.tasks.count < limit else { return }
            running.last += 1
            let number = running.last
            running.tasks[number] = Task { [self] in
                await body()
                self.running.withLock { $0.tasks[number] = nil }
            }
        }
    }

    /// Waits for those that run, for a while.
    func finish(within patience: Duration) async {
        let tasks = running.withLock { Array($0.tasks.values) }
        guard !tasks.isEmpty else { return }
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let once = Once(done)
            Task {
                for task in tasks { await task.value }
                once.resume()
            }
            Task {
                try? await Task.sleep(for: patience)
                once.resume()
            }
        }
    }
}
