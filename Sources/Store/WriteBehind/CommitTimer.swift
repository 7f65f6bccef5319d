import Dispatch

/// The committer's serial queue and the timer that wakes it.
///
/// A strict timer source: a plain delayed block may come a tenth of its delay late.
final class CommitTimer: Sendable {
    /// Where commits run, one at a time.
    let queue = DispatchQueue(label: "itodenwa.store.committer", qos: .userInitiated)

    /// A dispatch source may be used from any thread: libdispatch serialises `schedule` and `cancel`
    /// (dispatch_source_set_timer(3)). The protocol type only lacks the mark.
    private nonisolated(unsafe) let source: any DispatchSourceTimer

    init() {
        source = DispatchSource.makeTimerSource(flags: .strict, queue: queue)
    }

    /// Sets what the timer runs on the queue. To be called once.
    func start(_ body: @escaping @Sendable () -> Void) {
        source.setEventHandler(handler: body)
        source.activate()
    }

    /// Runs the handler after `delay`, in place of the time set before; a delay that has passed means at once.
    func arm(after delay: Duration) {
        let (seconds, attoseconds) = max(delay, .zero).components
        // Thirty years are as good as any longer wait, and fit.
        let nanoseconds = Int(min(seconds, 1_000_000_000)) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        source.schedule(deadline: .now() + .nanoseconds(nanoseconds), leeway: .nanoseconds(0))
    }

    /// Stops the timer for good.
    func cancel() {
        source.cancel()
    }
}
