/// An object that lives on a lane, in the hands of others: they can keep and pass it, and reach it on the lane only.
public final class LaneBound<Value>: @unchecked Sendable {
    // Proof of Sendable: `value` is made, read and given up on the lane's thread only, which is checked each time.

    /// The lane that the value lives on.
    public let lane: Lane

    /// In memory of its own, so that it can be moved to its lane without leaving a reference behind.
    private let stored: UnsafeMutablePointer<Value>

    /// Wraps a value; on the lane.
    public init(_ value: Value, on lane: Lane) {
        lane.preconditionCurrent()
        self.lane = lane
        stored = .allocate(capacity: 1)
        stored.initialize(to: value)
    }

    /// The value; on the lane.
    public var value: Value {
        lane.preconditionCurrent()
        return stored.pointee
    }

    deinit {
        // The last reference to the box may end anywhere; the value ends on its lane. Nobody else has the pointer any more.
        nonisolated(unsafe) let last = stored
        if lane.isCurrent {
            last.deinitialize(count: 1).deallocate()
        } else {
            lane.execute { _ in last.deinitialize(count: 1).deallocate() }
        }
    }
}
