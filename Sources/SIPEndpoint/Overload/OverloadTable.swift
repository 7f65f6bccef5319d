import Reactor
import SIP

/// The limits that servers have asked this lane to keep to, by address and port (RFC 7339 §5.4).
///
/// Bound to its lane.
struct OverloadTable {
    private var throttles: [TransportAddress: OverloadThrottle] = [:]
    private let laneCount: Int

    init(laneCount: Int) { self.laneCount = laneCount }

    /// Whether nobody has asked for anything.
    var isEmpty: Bool { throttles.isEmpty }

    /// A server has told what it wants.
    mutating func receive(_ feedback: OverloadFeedback, from server: TransportAddress, at now: ContinuousClock.Instant)
    {
        if throttles[server] == nil {
            // One that is not overloaded needs no place.
            guard feedback.validity > .zero else { return }
            if throttles.count >= OverloadConfiguration.serverLimit { makeRoom(at: now) }
        }
        throttles[server, default: OverloadThrottle(sharers: laneCount)].receive(feedback, at: now)
    }

    /// Whether a request may be sent to a server.
    mutating func admits(
        _ server: TransportAddress, isSheddable: Bool, at now: ContinuousClock.Instant, random: UInt64
    ) -> Bool {
        throttles[server]?.admits(isSheddable: isSheddable, at: now, random: random) ?? true
    }

    private mutating func makeRoom(at now: ContinuousClock.Instant) {
        throttles = throttles.filter { $0.value.isActive(at: now) }
        // All of them hold: one is forgotten, and will say so again.
        if throttles.count >= OverloadConfiguration.serverLimit, let any = throttles.keys.first { throttles[any] = nil }
    }
}
