import Routing

/// The way by which media lanes tell the anchor of a signalling lane what has become of a call.
final class AnchorNews: @unchecked Sendable {
    // Proof of Sendable: `post` is constant; `receive` is touched on the signalling lane only.

    private let post: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// What the anchor does about them; nil once there is none.
    var receive: ((DialogEnding.Cause, MediaBridge, [UInt8]) -> Void)?

    /// - Parameter post: runs work on the signalling lane.
    init(_ post: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) { self.post = post }

    /// Says that the media of a bridge is over; on its media lane.
    func tell(_ fate: DialogEnding.Cause, of bridge: MediaBridge, _ callID: [UInt8]) {
        post { self.receive?(fate, bridge, callID) }
    }
}
