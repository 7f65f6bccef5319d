import Reactor
import Testing

/// Messages that go round three lanes along paths of their own, so that turns of all lengths come about.
struct LaneRing {
    /// How one goes on from a lane to the next; the last argument is to be called there.
    typealias Pass =
        @Sendable (_ hop: Int, _ lane: Lane, _ next: Lane, _ arrived: @escaping @Sendable (Lane) -> Void)
        -> Void

    // Proof of Sendable: touched on its lane only; that this holds is what the test is about.
    private final class Count: @unchecked Sendable {
        var value = 0
    }

    static let chains = 16
    static let hops = 5_000

    let lanes: LaneGroup

    /// Lets all messages go their way, and ends the lanes: none is lost, and no two threads have been on a lane at once.
    func run(_ pass: @escaping Pass) async throws {
        let counts = [Count(), Count(), Count()]
        let finished = Mailbox<Int>()
        let lanes = lanes
        @Sendable func arrive(_ chain: Int, _ hop: Int, _ lane: Lane) {
            counts[lane.index].value += 1
            guard hop < Self.hops else { return finished.post(chain) }
            // Some hops stay where they are.
            let next = lanes[(lane.index + (chain &* 7 &+ hop) % 3) % 3]
            pass(hop, lane, next) { arrive(chain, hop + 1, $0) }
        }
        for chain in 0..<Self.chains { lanes[chain % 3].execute { arrive(chain, 0, $0) } }
        #expect(Set(try await finished.next(Self.chains)).count == Self.chains)
        var sum = 0
        for lane in lanes { sum += await lane.run { counts[$0.index].value } }
        #expect(sum == Self.chains * (Self.hops + 1))
        lanes.stop()
        await lanes.stopped()
    }
}
