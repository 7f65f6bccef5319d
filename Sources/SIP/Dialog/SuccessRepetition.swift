/// The 2xx to an INVITE, sent again until its ACK comes (RFC 3261 §13.3.1.4): after T1, with intervals that double up to T2, over
/// every transport, for 64·T1.
///
/// For the first INVITE of a dialog ``IncomingInvite`` runs it; a 2xx to a re-INVITE needs one of its own.
public struct SuccessRepetition: Hashable, Sendable {
    /// What to do after an input.
    public enum Action: Hashable, Sendable {
        /// Nothing.
        case none
        /// Wait for the duration, then call ``SuccessRepetition/fire(_:)``.
        case wait(Duration)
        /// Send the 2xx again, and wait as above.
        case resend(thenWait: Duration)
        /// The ACK did not come in 64·T1: end the session with BYE.
        case giveUp
    }

    /// Whether the ACK is still awaited.
    public private(set) var isWaiting = false

    private var elapsed = Duration.zero
    private var interval = Duration.zero

    /// A repetition that has not begun.
    public init() {}

    /// The 2xx was sent for the first time.
    public mutating func start(_ timers: TransactionTimers) -> Action {
        isWaiting = true
        elapsed = .zero
        interval = timers.doublingToT2(0)
        return .wait(interval)
    }

    /// The duration is over.
    public mutating func fire(_ timers: TransactionTimers) -> Action {
        guard isWaiting else { return .none }
        elapsed += interval
        guard elapsed < timers.timerH else {
            isWaiting = false
            return .giveUp
        }
        interval = min(interval * 2, max(timers.t2, TransactionTimers.shortestInterval), timers.timerH - elapsed)
        return .resend(thenWait: interval)
    }

    /// The ACK came, or the peer ended the dialog.
    public mutating func stop() {
        isWaiting = false
    }
}
