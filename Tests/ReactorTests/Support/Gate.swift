import Dispatch
import Reactor

/// Holds a lane in one place until the test lets it go on; for seconds at most, so that a failing test ends.
final class Gate: Sendable {
    private let entered = DispatchSemaphore(value: 0)
    private let opened = DispatchSemaphore(value: 0)

    /// Blocks the lane, and returns when it is blocked.
    init(_ lane: Lane) {
        let (entered, opened) = (entered, opened)
        lane.execute { _ in
            entered.signal()
            _ = opened.wait(timeout: .now() + 30)
        }
        _ = entered.wait(timeout: .now() + 30)
    }

    func open() { opened.signal() }
}

/// A message that runs a closure.
final class ClosureMessage: LaneMessage, Sendable {
    private let body: @Sendable (Lane) -> Void
    init(_ body: @escaping @Sendable (Lane) -> Void) { self.body = body }
    func deliver(on lane: Lane) { body(lane) }
}

/// Runs `body` with a lane, which is stopped thereafter.
func withLane(
    _ configuration: Lane.Configuration = Lane.Configuration(), _ body: (Lane) async throws -> Void
) async throws {
    let lane = try Lane(name: "test", configuration: configuration)
    do {
        try await body(lane)
    } catch {
        lane.stop()
        await lane.stopped()
        throw error
    }
    lane.stop()
    await lane.stopped()
}
