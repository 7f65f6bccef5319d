import SIP
import SIPEndpoint

// What is cancelled: by the caller, and what has lost (RFC 3261 §16.10).
extension ResponseContext: ServerTransactionUser {
    func cancelled(_ transaction: ServerTransaction, in layer: TransactionLayer) {
        isCancelled = true
        stopRingTimer(layer)
        leaveParking(layer)
        for i in waiting { branches[i].state = .finished }
        waiting.removeAll()
        // RFC 3326 §2: those who ring hear why, such as that the call was answered elsewhere.
        cancelPending(layer, reason: transaction.cancelReason)
        if isSettled, !isAnswered {
            best.add(local: 487)
            answer(layer)
        }
    }

    func failed(_ transaction: ServerTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        // The ACK of a negative response did not come, or nothing can be sent back: what still rings is stopped.
        conclude(408, layer)
        stopRingTimer(layer)
        cancelPending(layer)
    }

    /// Cancels the branches that are under way, those that were not answered yet as soon as they are (RFC 3261 §9.1).
    func cancelPending(_ layer: TransactionLayer, reason: [UInt8] = []) {
        guard isInvite else { return }
        cancelReason = reason
        for i in branches.indices where branches[i].state == .pending {
            guard let client = branches[i].client else { continue }
            if client.lastStatus == 0 {
                branches[i].wantsCancel = true
            } else {
                layer.sendCancel(client, reason: cancelReason)
            }
        }
    }
}
