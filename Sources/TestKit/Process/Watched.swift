import Synchronization

/// A value behind a lock whose changes can be awaited, with a deadline.
///
/// Threads that read what programs write call ``update(_:)``; tests call ``first(within:_:)``. The probe of a
/// waiting task runs in that task, after every change.
final class Watched<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        /// Counts changes and other reasons to look again, so that none is missed between a look and the wait.
        var generation = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The value now.
    var current: Value { state.withLock { $0.value } }

    /// Changes the value and wakes everyone who waits.
    @discardableResult
    func update<Result: Sendable>(_ change: (inout Value) -> Result) -> Result {
        let (result, waiting) = state.withLock { state in
            let result = change(&state.value)
            return (result, Self.takeWaiting(&state))
        }
        for continuation in waiting { continuation.resume() }
        return result
    }

    /// Waits until the probe gives a result, and returns it; `nil` when the deadline comes first.
    ///
    /// - Throws: `CancellationError`, or what the probe throws.
    func first<Result>(within limit: Duration, _ probe: (Value) throws -> Result?) async throws -> Result? {
        let deadline = ContinuousClock.now + limit
        let alarm = Task {
            try? await Task.sleep(until: deadline)
            wake()
        }
        defer { alarm.cancel() }
        while true {
            let (value, seen) = state.withLock { ($0.value, $0.generation) }
            if let result = try probe(value) { return result }
            if ContinuousClock.now >= deadline { return nil }
            try Task.checkCancellation()
            await change(beyond: seen)
        }
    }

    /// Returns when the generation is no longer the one seen, or the task is cancelled.
    private func change(beyond seen: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isStale = state.withLock { state in
                    if state.generation != seen { return true }
                    state.waiting.append(continuation)
                    return false
                }
                if isStale { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
    }

    private func wake() {
        let waiting = state.withLock { Self.takeWaiting(&$0) }
        for continuation in waiting { continuation.resume() }
    }

    private static func takeWaiting(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        state.generation += 1
        defer { state.waiting.removeAll() }
        return state.waiting
    }
}
