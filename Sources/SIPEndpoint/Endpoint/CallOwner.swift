public import SIP

/// Says which lane owns a call: the keyed hash of its Call-ID modulo the number of lanes, fixed at start.
///
/// All messages of a call, and so of a dialog and a transaction, are handled by one lane, whichever received them; the
/// key is the process's own, so that nobody can aim calls at one lane.
public struct CallOwner: Sendable {
    /// Number of lanes.
    public let laneCount: Int

    public init(laneCount: Int) { self.laneCount = max(1, laneCount) }

    /// The lane of a message; one without Call-ID belongs to the first.
    public func lane(of view: MessageView) -> Int {
        guard laneCount > 1, let callID = view.value(of: .callID) else { return 0 }
        return lane(ofCallID: view.bytes(callID))
    }

    /// The lane of a Call-ID.
    public func lane(ofCallID callID: UnsafeRawBufferPointer) -> Int {
        guard laneCount > 1 else { return 0 }
        var hasher = Hasher()
        hasher.combine(bytes: callID)
        return Int(UInt(bitPattern: hasher.finalize()) % UInt(laneCount))
    }
}
