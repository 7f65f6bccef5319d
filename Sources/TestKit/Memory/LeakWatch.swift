import Synchronization

/// Objects that are to be let go, each with a name for the test's message; it keeps none of them.
public final class LeakWatch: Sendable {
    // Proof of Sendable: `name` is Sendable; `object` is written when the value is made and read under the lock of `watched` alone, only
    // for whether it is nil, and the runtime reads weak references atomically beside the last release.
    private struct Watched: @unchecked Sendable {
        weak var object: AnyObject?
        let name: String
    }

    private let watched = Mutex<[Watched]>([])

    public init() {}

    /// Watches an object.
    public func watch(_ object: AnyObject, _ name: String) {
        // Proof of `nonisolated(unsafe)`: nothing of the object is touched; only a weak reference to it is made, which any thread may do
        // while the caller holds it.
        nonisolated(unsafe) let object = object
        watched.withLock { $0.append(Watched(object: object, name: name)) }
    }

    /// Waits until all objects are gone: threads let go of them when they have come to their end.
    ///
    /// - Returns: the names of those that are still there after `limit`; none, as a rule at once.
    public func remaining(after limit: Duration = .seconds(10)) async -> [String] {
        let end = ContinuousClock.now + limit
        while true {
            let names = watched.withLock { $0.filter { $0.object != nil }.map(\.name) }
            if names.isEmpty || ContinuousClock.now > end { return names }
            await Task.yield()
        }
    }
}
