import SIP
import SIPEndpoint

// Branches whose user agent must be woken first (RFC 8599 §5.6.2).
extension ResponseContext {
    /// Has a branch wait for its user agent; whether it does, or is over.
    func parks(_ i: Int, _ layer: TransactionLayer) -> Bool {
        guard let target = targets[i].push else { return false }
        // A CANCEL that came meanwhile finds nothing to cancel.
        guard !isAnswered, !isCancelled else { return false }
        guard let number = proxy.park(self, i, for: target, layer) else {
            leave(i, layer)
            return true
        }
        branches[i].parking = number
        return true
    }

    /// A branch waits no longer: it goes on to where its user agent is now, or is over.
    func unpark(_ i: Int, to target: ProxyTarget?, _ layer: TransactionLayer) {
        branches[i].parking = nil
        guard branches[i].state == .resolving, !isAnswered, !isCancelled else { return finish(i, 487, layer) }
        guard var next = target else { return leave(i, layer) }
        next.preference = targets[i].preference
        next.redirections = targets[i].redirections
        next.alternates = targets[i].alternates
        next.push = nil
        targets[i] = next
        start(i, layer)
    }

    /// The user agent cannot be woken: another flow of it may lead there.
    private func leave(_ i: Int, _ layer: TransactionLayer) {
        if failOver(i, layer) { return }
        finish(i, 480, layer)
    }

    /// Branches wait no longer, since the request is answered or cancelled.
    func leaveParking(_ layer: TransactionLayer) {
        for i in branches.indices {
            guard let number = branches[i].parking, let target = targets[i].push else { continue }
            branches[i].parking = nil
            proxy.forget(number, target, layer)
            if branches[i].state == .resolving { branches[i].state = .finished }
        }
    }
}
