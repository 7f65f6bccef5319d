/// Something that is handed over to a lane: a datagram, frames of a stream, a decision.
///
/// A message is one object (a class, so that the queue holds a reference and allocates nothing). It need not be `Sendable`: handing
/// it over is `sending`, so the compiler sees to it that the sender does not touch it any more. The lane takes it from its queue and
/// calls `deliver`, once.
public protocol LaneMessage: AnyObject {
    /// Called on the lane's thread.
    func deliver(on lane: Lane)
}

/// What happens to a message when the queue of its lane is filling up.
@frozen
public enum LaneMessageClass: Hashable, Sendable {
    /// Refused as soon as only the reserve is left: new out-of-dialog requests, media.
    case sheddable

    /// May use the reserve; refused only when that is used up as well: closes, timers, answers, all that ends something.
    case reserved
}

/// Messages of one class for one lane, gathered to be handed over at once, as at the end of a turn.
public struct LaneBatch: ~Copyable, Sendable {
    var parcels: [LaneParcel] = []

    /// A batch without messages.
    public init() {}

    /// Number of messages.
    public var count: Int { parcels.count }

    /// Adds a message.
    public mutating func append(_ message: sending any LaneMessage) {
        parcels.append(LaneParcel(message))
    }
}

/// A message between its sender, who has let go of it, and its lane.
struct LaneParcel: @unchecked Sendable {
    // Proof of Sendable: the message came as `sending`, so nobody else has it; parcels are not copied, and opened by the lane once.
    let message: any LaneMessage

    init(_ message: sending any LaneMessage) { self.message = message }
}
