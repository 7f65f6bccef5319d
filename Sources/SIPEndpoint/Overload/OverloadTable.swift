import Reactor
import SIP

/// The limits that servers have asked this lane to keep to, by address and port (RFC 7339 §5.4).
///
/// Bound to its lane.
struct OverloadTable {
    private var throttles: [TransportAddress: OverloadThrottle] = [:]
    private let laneCount: Int
    /// When all that was asked for is over.
    private var end: ContinuousClock.Instant?

    /// How long what servers have told is remembered behind the end of the last limit, so that what comes late and out of order is
    /// known as old (RFC 7339 §5.4): as long as a request may be answered.
    static let memory: Duration = .seconds(32)

    init(laneCount: Int) { self.laneCount = laneCount }

    /// Whether nobody has asked for anything of late. When that is so all is forgotten.
    mutating func isEmpty(at now: ContinuousClock.Instant) -> Bool {
        guard !throttles.isEmpty else { return true }
        guard let end, now - end > Self.memory else { return false }
        throttles = [:]
        return true
    }

    /// A server has told what it wants.
    mutating func receive(_ feedback: OverloadFeedback, from server: TransportAddress, at now: ContinuousClock.Instant)
    {
        if throttles[server] == nil {
            // One that is not overloaded needs no place.
            guard feedback.validity > .zero else { return }
            if throttles.count >= OverloadConfiguration.serverLimit { makeRoom(at: now) }
        }
        let fresh = OverloadThrottle(sharers: laneCount)
        throttles[server, default: fresh].receive(feedback, at: now)
        end = max(end ?? now, now + feedback.validity)
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
