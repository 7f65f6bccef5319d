/// What the owner of a transaction has to do after an input.
///
/// A plain value without references: returning it allocates nothing. First obey ``effects`` in the order in which they are
/// declared, then the two timer changes, unless ``TransactionEffects/terminate`` is among the effects: that ends both timers.
public struct TransactionActions: Hashable, Sendable {
    /// What to send, whom to tell, and whether the transaction is over.
    public var effects: TransactionEffects

    /// What becomes of the timer that repeats messages: A, E, G, or the one that sends 100 (Trying).
    public var retransmission: TimerChange

    /// What becomes of the timer that bounds the present state: B, C, D, F, H, I, J, K, L, M, or the expiry.
    public var lifetime: TimerChange

    /// Actions with the given parts; by default nothing is to be done.
    @inlinable
    public init(
        _ effects: TransactionEffects = [], retransmission: TimerChange = .keep, lifetime: TimerChange = .keep
    ) {
        self.effects = effects
        self.retransmission = retransmission
        self.lifetime = lifetime
    }

    /// Nothing is to be done.
    @inlinable
    public static var none: TransactionActions { TransactionActions() }

    /// The transaction ends, after `effects`.
    static func end(_ effects: TransactionEffects = []) -> TransactionActions {
        TransactionActions(effects.union(.terminate), retransmission: .cancel, lifetime: .cancel)
    }
}

/// What becomes of one of the two timers of a transaction.
public enum TimerChange: Hashable, Sendable {
    /// It stays as it is, running or not.
    case keep
    /// It is stopped, if it runs.
    case cancel
    /// It is started anew, to fire after the duration as the given timer.
    case set(TransactionTimer, Duration)
}

/// The effects of an input on the world outside a transaction, in the order in which they are carried out.
public struct TransactionEffects: OptionSet, Hashable, Sendable {
    public var rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Client: give the request to the transport for the first time.
    public static let sendRequest = TransactionEffects(rawValue: 1 << 0)

    /// Client: give the request to the transport once more, byte for byte.
    public static let resendRequest = TransactionEffects(rawValue: 1 << 1)

    /// INVITE client: build the ACK of RFC 3261 §17.1.1.3 if there is none yet, and send it to where the INVITE went.
    public static let sendAck = TransactionEffects(rawValue: 1 << 2)

    /// Server: build and send 100 (Trying); it becomes the last response (RFC 3261 §8.2.6.1).
    public static let sendTrying = TransactionEffects(rawValue: 1 << 3)

    /// Server: send the response that was handed in; it becomes the last response.
    public static let sendResponse = TransactionEffects(rawValue: 1 << 4)

    /// Server: send the last response once more, byte for byte.
    public static let resendResponse = TransactionEffects(rawValue: 1 << 5)

    /// Server: the response that was handed in must not be sent: the transaction is past it, or RFC 4320 forbids it.
    public static let refuseResponse = TransactionEffects(rawValue: 1 << 6)

    /// Server: hand the request to the transaction user.
    public static let passRequest = TransactionEffects(rawValue: 1 << 7)

    /// Client: hand the response to the transaction user.
    public static let passResponse = TransactionEffects(rawValue: 1 << 8)

    /// INVITE server: hand the ACK to the transaction user (RFC 6026 §7.1).
    public static let passAck = TransactionEffects(rawValue: 1 << 9)

    /// INVITE client of a proxy: Timer C fired, send CANCEL (RFC 3261 §16.8).
    public static let sendCancel = TransactionEffects(rawValue: 1 << 10)

    /// Tell the transaction user that the transaction timed out: a client acts as if it had received 408, an INVITE server
    /// has not seen the ACK.
    public static let reportTimeout = TransactionEffects(rawValue: 1 << 11)

    /// Tell the transaction user that the transport failed (RFC 3261 §17.1.4, §17.2.4): a client acts as if it had received
    /// 503.
    public static let reportTransportFailure = TransactionEffects(rawValue: 1 << 12)

    /// Destroy the transaction, at once.
    public static let terminate = TransactionEffects(rawValue: 1 << 15)
}
