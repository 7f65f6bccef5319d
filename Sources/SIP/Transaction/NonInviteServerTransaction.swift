/// The server transaction of every request but INVITE and ACK: RFC 3261 §17.2.2, with the rules of RFC 4320.
///
/// ```
///                        | start
///                        | pass request up
///                        v
///                  +------------+  request: absorbed; Expiry: report
///                  |   trying   |-----------------------------+
///                  +------------+                             |
///   200-699 from user:  |     | 100 from user,                |
///   send                |     | or time for it: send          |
///           +-----------+     v                               |
///           |          +------------+  Expiry: report         |
///           |       +->| proceeding |------------------------>|
///           |       +--|            |                         |
///           |  request:+------------+                         |
///           |  last response  | 200-699 from user:            |
///           |  sent           | send                          |
///           v                 v                               v
///        +-----------------------+  J fires            +------------+
///        |       completed       |-------------------->| terminated |
///        +-----------------------+                     +------------+
///          |   ^ request: last response sent
///          +---+ transport failure: report
/// ```
///
/// RFC 4320 §4.1: no provisional response but 100 is sent, over unreliable transports not before the client's Timer E has
/// grown to T2, and in any case then. RFC 4320 §4.2: no 408 is sent, and nothing at all when the client has given up.
///
/// A transport failure is reported and changes no state (RFC 3261 §17.2.4 as replaced by RFC 6026 §8.8): what was done for
/// the request is not done again when it is repeated.
///
/// The machine keeps no message. Its owner keeps the last response. It is three bytes large.
public struct NonInviteServerTransaction: Hashable, Sendable {
    /// The states of RFC 3261 figure 8.
    public enum State: UInt8, Hashable, Sendable {
        /// The request is with the transaction user; nothing was sent.
        case trying
        /// 100 (Trying) was sent.
        case proceeding
        /// The final response was sent; repeated requests bring it back.
        case completed
        /// The transaction is over and to be destroyed.
        case terminated
    }

    /// The present state.
    public private(set) var state = State.trying

    /// Whether the responses go over a reliable transport, so that Timer J is zero and 100 may be sent at any time.
    public let isReliable: Bool

    private var mayTry: Bool

    /// A transaction for a request that came and matched no other (RFC 3261 §17.2.3).
    public init(isReliable: Bool) {
        self.isReliable = isReliable
        mayTry = isReliable
    }

    /// Passes the request up. To be called once, first.
    public mutating func start(_ timers: TransactionTimers) -> TransactionActions {
        TransactionActions(
            .passRequest,
            retransmission: .set(.trying, timers.nonInviteTrying),
            lifetime: .set(.expiry, timers.nonInviteExpiry))
    }

    /// The request came again.
    public mutating func receiveRetransmission() -> TransactionActions {
        switch state {
        case .proceeding, .completed: TransactionActions(.resendResponse)
        case .trying, .terminated: .none
        }
    }

    /// The transaction user wants a response with the given status code sent.
    public mutating func send(_ status: StatusCode, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, status) {
        case (.trying, 100), (.proceeding, 100):
            guard mayTry else { return TransactionActions(.refuseResponse) }
            state = .proceeding
            return TransactionActions(.sendResponse, retransmission: .cancel)
        case (_, 408):
            return TransactionActions(.refuseResponse)
        case (.trying, 200...699), (.proceeding, 200...699):
            if isReliable {
                state = .terminated
                return .end(.sendResponse)
            }
            state = .completed
            return TransactionActions(
                .sendResponse, retransmission: .cancel, lifetime: .set(.j, timers.timerJ))
        default:
            return TransactionActions(.refuseResponse)
        }
    }

    /// A timer that this transaction had set fired. One that means nothing in the present state is ignored.
    public mutating func fire(_ timer: TransactionTimer, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, timer) {
        case (.trying, .trying):
            mayTry = true
            state = .proceeding
            return TransactionActions(.sendTrying)
        case (.trying, .expiry), (.proceeding, .expiry):
            state = .terminated
            return .end(.reportTimeout)
        case (.completed, .j):
            state = .terminated
            return .end()
        default:
            return .none
        }
    }

    /// The transport could not deliver a response, to no address that RFC 3263 §5 allows.
    public mutating func transportFailed() -> TransactionActions {
        switch state {
        case .proceeding, .completed: TransactionActions(.reportTransportFailure)
        case .trying, .terminated: .none
        }
    }
}
