import SIP
import SIPEndpoint

// How long a group may ring.
extension ResponseContext {
    /// Limits how long a group rings while further targets wait; the last group has Timer C alone.
    func startRingTimer(_ layer: TransactionLayer) {
        stopRingTimer(layer)
        guard isInvite, !waiting.isEmpty else { return }
        ringTimer = proxy.startRingTimer(self, layer)
    }

    func stopRingTimer(_ layer: TransactionLayer) {
        guard let timer = ringTimer else { return }
        ringTimer = nil
        proxy.stop(timer, layer)
    }

    /// The group has rung for long enough: it is cancelled, and the next is tried without waiting for its 487.
    func ringTimeIsOver(_ layer: TransactionLayer) {
        ringTimer = nil
        guard !isAnswered, !isCancelled else { return }
        for i in branches.indices where branches[i].state == .pending || branches[i].state == .resolving {
            branches[i].isGivenUp = true
            history?.received(408, nil, for: i)
        }
        cancelPending(layer)
        startGroup(layer)
    }
}
