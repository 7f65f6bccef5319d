/// The client transaction of every request but INVITE and ACK: RFC 3261 §17.1.2.
///
/// ```
///                      | start
///                      | request sent
///   E fires            v
///   request sent +-----------+   F fires, or transport failure: report
///        +-------|  trying   |---------------------------+
///        +------>|           |                           |
///                +-----------+                           |
///   200-699:       |       | 1xx: pass up                |
///   pass up        |       v                             |
///          +-------+   +------------+  F fires, or       |
///          |           | proceeding |  transport failure |
///          |      +----|            |------------------->|
///          |      +--->|            |                    |
///          |  E fires, +------------+                    |
///          |  request sent;    | 200-699: pass up        |
///          |  1xx: pass up     |                         |
///          v                   v                         v
///        +-----------------------+   K fires      +------------+
///        |       completed       |--------------->| terminated |
///        +-----------------------+                +------------+
/// ```
///
/// The machine keeps no message. It is three bytes large.
public struct NonInviteClientTransaction: Hashable, Sendable {
    /// The states of RFC 3261 figure 6.
    public enum State: UInt8, Hashable, Sendable {
        /// The request is sent; no response yet.
        case trying
        /// A provisional response came.
        case proceeding
        /// A final response came; its repetitions are absorbed.
        case completed
        /// The transaction is over and to be destroyed.
        case terminated
    }

    /// The present state.
    public private(set) var state = State.trying

    /// Whether the request goes over a reliable transport, so that it is sent once and Timer K is zero.
    public let isReliable: Bool

    private var repetitions: UInt8 = 0

    /// A transaction that has not sent its request yet.
    public init(isReliable: Bool) {
        self.isReliable = isReliable
    }

    /// Sends the request. To be called once, first.
    public mutating func start(_ timers: TransactionTimers) -> TransactionActions {
        TransactionActions(
            .sendRequest,
            retransmission: isReliable ? .keep : .set(.e, timers.doublingToT2(0)),
            lifetime: .set(.f, timers.timerF))
    }

    /// A response with the given status code came.
    public mutating func receive(_ status: StatusCode, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, status) {
        case (.trying, 100...199), (.proceeding, 100...199):
            // Timer E runs on: it also brings a lost final response back (RFC 3261 §17.1.2.1).
            state = .proceeding
            return TransactionActions(.passResponse)
        case (.trying, 200...699), (.proceeding, 200...699):
            if isReliable {
                state = .terminated
                return .end(.passResponse)
            }
            state = .completed
            return TransactionActions(
                .passResponse, retransmission: .cancel, lifetime: .set(.k, timers.timerK))
        default:
            return .none
        }
    }

    /// A timer that this transaction had set fired. One that means nothing in the present state is ignored.
    public mutating func fire(_ timer: TransactionTimer, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, timer) {
        case (.trying, .e) where !isReliable:
            repetitions = min(repetitions + 1, TransactionTimers.mostDoublings)
            return TransactionActions(.resendRequest, retransmission: .set(.e, timers.doublingToT2(repetitions)))
        case (.proceeding, .e) where !isReliable:
            return TransactionActions(
                .resendRequest, retransmission: .set(.e, max(timers.t2, TransactionTimers.shortestInterval)))
        case (.trying, .f), (.proceeding, .f):
            state = .terminated
            return .end(.reportTimeout)
        case (.completed, .k):
            state = .terminated
            return .end()
        default:
            return .none
        }
    }

    /// The transport could not deliver the request (RFC 3261 §17.1.4).
    public mutating func transportFailed() -> TransactionActions {
        switch state {
        case .trying, .proceeding:
            state = .terminated
            return .end(.reportTransportFailure)
        case .completed, .terminated:
            return .none
        }
    }
}
