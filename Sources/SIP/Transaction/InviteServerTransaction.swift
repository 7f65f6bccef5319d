/// The INVITE server transaction: RFC 3261 §17.2.1 as changed by RFC 6026 §8.5 to §8.8.
///
/// ```
///                              | start
///                              | pass INVITE up; 100 after a delay
///   INVITE:                    v
///   last response sent  +------------+  1xx from user: send
///                +----->| proceeding |<----+
///                +------|            |-----+
///                       +------------+   transport failure: report, stay
///   300-699 from user:    |        | 2xx from user:
///   send                  |        | send
///   INVITE:               v        +----------------+   INVITE: absorbed
///   last response +------------+                    v   ACK: pass up
///   sent     +--->| completed  |<---+          +----------+   2xx from user: send
///            +----|            |----+ G fires: | accepted |
///                 +------------+  response     +----------+
///          ACK:     |      | H fires:   sent        |
///          absorbed v      | report                 | L fires
///         +-----------+    |                        |
///         | confirmed |    |                        |
///         +-----------+    |                        |
///           | I fires      |                        |
///           v              v                        v
///         +--------------------------------------------+
///         |                 terminated                 |
///         +--------------------------------------------+
/// ```
///
/// A transport failure is reported and changes no state, so that repeated INVITEs stay known (RFC 6026 §7.1). The repetition
/// of 2xx until its ACK comes is the user agent's part (RFC 3261 §13.3.1.4).
///
/// The machine keeps no message. Its owner keeps the last response. It is four bytes large.
public struct InviteServerTransaction: Hashable, Sendable {
    /// The states of RFC 6026 figure 7.
    public enum State: UInt8, Hashable, Sendable {
        /// The INVITE is with the transaction user.
        case proceeding
        /// A final response other than 2xx was sent; the ACK is awaited.
        case completed
        /// The ACK came; its repetitions are absorbed.
        case confirmed
        /// A 2xx was sent; repeated INVITEs are absorbed.
        case accepted
        /// The transaction is over and to be destroyed.
        case terminated
    }

    /// The present state.
    public private(set) var state = State.proceeding

    /// Whether the responses go over a reliable transport, so that Timers G and I do not run.
    public let isReliable: Bool

    /// Whether a response was sent, which a repeated INVITE brings back.
    public private(set) var hasResponded = false

    private var repetitions: UInt8 = 0

    /// A transaction for an INVITE that came and matched no other (RFC 3261 §17.2.3).
    public init(isReliable: Bool) {
        self.isReliable = isReliable
    }

    /// Passes the INVITE up and arranges for 100 (Trying). To be called once, first.
    public mutating func start(_ timers: TransactionTimers) -> TransactionActions {
        guard timers.inviteTrying > .zero else {
            hasResponded = true
            return TransactionActions([.sendTrying, .passRequest])
        }
        return TransactionActions(.passRequest, retransmission: .set(.trying, timers.inviteTrying))
    }

    /// The INVITE came again.
    public mutating func receiveRetransmission() -> TransactionActions {
        switch state {
        case .proceeding: hasResponded ? TransactionActions(.resendResponse) : .none
        case .completed: TransactionActions(.resendResponse)
        case .confirmed, .accepted, .terminated: .none
        }
    }

    /// An ACK came that matches this transaction (RFC 3261 §17.2.3).
    public mutating func receiveAck(_ timers: TransactionTimers) -> TransactionActions {
        switch state {
        case .completed:
            if isReliable {
                state = .terminated
                return .end()
            }
            state = .confirmed
            return TransactionActions(retransmission: .cancel, lifetime: .set(.i, timers.timerI))
        case .accepted:
            return TransactionActions(.passAck)
        case .proceeding, .confirmed, .terminated:
            return .none
        }
    }

    /// The transaction user wants a response with the given status code sent.
    public mutating func send(_ status: StatusCode, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, status) {
        case (.proceeding, 100...199):
            hasResponded = true
            return TransactionActions(.sendResponse, retransmission: .cancel)
        case (.proceeding, 200...299):
            hasResponded = true
            state = .accepted
            return TransactionActions(
                .sendResponse, retransmission: .cancel, lifetime: .set(.l, timers.timerL))
        case (.proceeding, 300...699):
            hasResponded = true
            state = .completed
            return TransactionActions(
                .sendResponse,
                retransmission: isReliable ? .cancel : .set(.g, timers.doublingToT2(0)),
                lifetime: .set(.h, timers.timerH))
        case (.accepted, 200...299):
            return TransactionActions(.sendResponse)
        default:
            return TransactionActions(.refuseResponse)
        }
    }

    /// A timer that this transaction had set fired. One that means nothing in the present state is ignored.
    public mutating func fire(_ timer: TransactionTimer, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, timer) {
        case (.proceeding, .trying) where !hasResponded:
            hasResponded = true
            return TransactionActions(.sendTrying)
        case (.completed, .g) where !isReliable:
            repetitions = min(repetitions + 1, TransactionTimers.mostDoublings)
            return TransactionActions(.resendResponse, retransmission: .set(.g, timers.doublingToT2(repetitions)))
        case (.completed, .h):
            state = .terminated
            return .end(.reportTimeout)
        case (.confirmed, .i), (.accepted, .l):
            state = .terminated
            return .end()
        default:
            return .none
        }
    }

    /// The transport could not deliver a response, to no address that RFC 3263 §5 allows.
    public mutating func transportFailed() -> TransactionActions {
        switch state {
        case .proceeding, .completed, .accepted: TransactionActions(.reportTransportFailure)
        case .confirmed, .terminated: .none
        }
    }
}
