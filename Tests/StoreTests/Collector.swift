import Synchronization

/// Gathers values from whichever threads they come.
final class Collector<Value: Sendable>: Sendable {
    private let gathered = Mutex<[Value]>([])

    /// The values so far, in the order in which they came.
    var values: [Value] { gathered.withLock(\.self) }

    /// Adds a value.
    func append(_ value: Value) { gathered.withLock { $0.append(value) } }
}
