// Who may change the session now (RFC 3261 §14, RFC 3311 §5, RFC 6141 §3.5).
extension SessionExchange {
    /// What becomes of a request that would change the session.
    public enum Admission: Hashable, Sendable {
        case accept
        /// A request of this side is in its way: 491, and its sender tries again.
        case pending
        /// An earlier one of its sender is in its way: 500 with Retry-After (``SessionExchange/longestRetryAfter``).
        case tooSoon
    }

    /// The most seconds in the Retry-After of a 500 (RFC 3261 §14.2).
    public static let longestRetryAfter: UInt64 = 10

    /// Judges a re-INVITE of the peer.
    public var admissionOfInvite: Admission {
        switch inviteInProgress {
        case .some(let invite) where invite.side == .local: return .pending
        // The 2xx is on its way, and so is the ACK: the session changes twice, in an order that nobody could tell.
        case .some(let invite): return invite.isAccepted ? .pending : .tooSoon
        case nil: return admissionOfOffer
        }
    }

    /// Judges an UPDATE of the peer.
    public func admissionOfUpdate(hasDescription: Bool) -> Admission {
        if updatesInProgress.contains(.remote) { return .tooSoon }
        return hasDescription ? admissionOfOffer : .accept
    }

    private var admissionOfOffer: Admission {
        switch state {
        case .settled: .accept
        case .offered(by: .local, in: _), .offerDue(from: .remote): .pending
        case .offered(by: .remote, in: _), .offerDue(from: .local): .tooSoon
        }
    }

    /// Whether this side may send a re-INVITE.
    public var allowsInvite: Bool {
        inviteInProgress == nil && state == .settled && !updatesInProgress.contains(.local)
    }

    /// Whether this side may send an UPDATE with an offer.
    public var allowsOfferInUpdate: Bool {
        state == .settled && isAgreed && !awaitsPrack && !updatesInProgress.contains(.local)
    }

    /// Whether an UPDATE of this side is on its way.
    public var isUpdating: Bool { updatesInProgress.contains(.local) }

    /// How long to wait before a re-INVITE or UPDATE that got 491 is tried again, so that both sides do not meet again (RFC 3261
    /// §14.1): in steps of 10 ms, 2.1 to 4 s for the owner of the Call-ID, up to 2 s for the other one.
    public static func retryDelay(ownsCallID: Bool, random: UInt64) -> Duration {
        ownsCallID ? .milliseconds(2_100 + 10 * (random % 191)) : .milliseconds(10 * (random % 201))
    }
}
