import Glibc
import Reactor

/// Notes how late each beat of a tick is.
final class Pace: TickHandler, @unchecked Sendable {
    // Used on the lane; read after its end.
    private(set) var lateness: [Int64] = []

    func tick(_ tick: LaneTick, on lane: Lane) {
        lateness.append(Int64((ContinuousClock.now - tick.deadline) / .nanoseconds(1)))
    }
}

/// A tick of 20 ms for some seconds; how late its beats were, in nanoseconds and sorted.
func tickLateness(seconds: UInt32) throws -> [Int64] {
    let lane = try Lane(name: "pace")
    let pace = Pace()
    lane.execute { lane in _ = lane.startTick(every: .milliseconds(20), pace) }
    sleep(seconds)
    lane.stop()
    lane.join()
    return pace.lateness.sorted()
}
