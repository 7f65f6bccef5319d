/// The INVITE client transaction: RFC 3261 §17.1.1 as changed by RFC 6026 §8.4.
///
/// ```
///                      | start
///                      | INVITE sent
///   A fires            v
///   INVITE sent  +-----------+   B fires, or transport failure: report
///        +-------|  calling  |--------------------------------------------+
///        +------>|           |------------------------+                   |
///                +-----------+  2xx: pass up          |                   |
///        300-699:   |     | 1xx: pass up              |                   |
///        send ACK,  |     v                           |                   |
///        pass up    |  +------------+  1xx: pass up   |                   |
///           +-------+  | proceeding |<--+             |                   |
///           |          |            |---+             |                   |
///           |          +------------+ 2xx: pass up    |                   |
///           | 300-699:   |   |    |                   |  Expiry after     |
///           | send ACK,  |   |    +------------------>|  CANCEL: report   |
///           | pass up    |   +------------------------|------------------>|
///           v            v                            v                   |
///        +---------------+                      +----------+              |
///    +-->|   completed   |-- transport          | accepted |<--+ 2xx:     |
///    +---|               |   failure: report    |          |---+ pass up  |
///        +---------------+         |            +----------+              |
///   300-699:     | D fires         |                  | M fires          |
///   send ACK     v                 v                  v                   v
///              +-------------------------------------------------------------+
///              |                         terminated                          |
///              +-------------------------------------------------------------+
/// ```
///
/// At a proxy the transaction runs Timer C while it is proceeding (RFC 3261 §16.6 item 11, §16.8). RFC 3261 starts that timer
/// with the INVITE; here it starts with the first provisional response, since until then Timer B, which is shorter, has the
/// same effect.
///
/// The machine keeps no message. Its owner keeps the INVITE for repetition and, once made, the ACK. It is four bytes large.
public struct InviteClientTransaction: Hashable, Sendable {
    /// The states of RFC 6026 figure 5.
    public enum State: UInt8, Hashable, Sendable {
        /// The INVITE is sent; no response yet.
        case calling
        /// A provisional response came.
        case proceeding
        /// A final response other than 2xx came and was acknowledged.
        case completed
        /// A 2xx came; more may follow.
        case accepted
        /// The transaction is over and to be destroyed.
        case terminated
    }

    /// The present state.
    public private(set) var state = State.calling

    private var options: Options
    private var repetitions: UInt8 = 0

    private struct Options: OptionSet, Hashable, Sendable {
        var rawValue: UInt8
        static let reliable = Options(rawValue: 1)
        static let runsTimerC = Options(rawValue: 2)
        static let cancelled = Options(rawValue: 4)
    }

    /// A transaction that has not sent its INVITE yet.
    ///
    /// - Parameters:
    ///   - isReliable: whether the INVITE goes over a reliable transport (TCP, TLS, WebSocket).
    ///   - isProxied: whether a proxy forwards the INVITE, so that Timer C runs.
    public init(isReliable: Bool, isProxied: Bool = false) {
        options = isReliable ? .reliable : []
        if isProxied { options.insert(.runsTimerC) }
    }

    /// Whether the INVITE goes over a reliable transport, so that it is sent once and Timer D is zero.
    public var isReliable: Bool { options.contains(.reliable) }

    /// Whether a proxy forwards the INVITE, so that Timer C runs.
    public var isProxied: Bool { options.contains(.runsTimerC) }

    /// Sends the INVITE. To be called once, first.
    public mutating func start(_ timers: TransactionTimers) -> TransactionActions {
        TransactionActions(
            .sendRequest,
            retransmission: isReliable ? .keep : .set(.a, timers.doubling(0)),
            lifetime: .set(.b, timers.timerB))
    }

    /// A response with the given status code came.
    public mutating func receive(_ status: StatusCode, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, status) {
        case (.calling, 100...199), (.proceeding, 100...199):
            return proceed(status, timers)
        case (.calling, 200...299), (.proceeding, 200...299):
            state = .accepted
            return TransactionActions(
                .passResponse, retransmission: .cancel, lifetime: .set(.m, timers.timerM))
        case (.calling, 300...699), (.proceeding, 300...699):
            return complete(timers)
        case (.completed, 300...699):
            return TransactionActions(.sendAck)
        case (.accepted, 200...299):
            return TransactionActions(.passResponse)
        default:
            // A late provisional response, or a final one of the other kind: a conforming server sends neither.
            return .none
        }
    }

    /// The transaction user sent a CANCEL: a final response is now awaited for a limited time (RFC 3261 §9.1).
    ///
    /// Has no effect unless the transaction is proceeding, as before that no CANCEL may be sent.
    public mutating func cancelled(_ timers: TransactionTimers) -> TransactionActions {
        guard state == .proceeding, !options.contains(.cancelled) else { return .none }
        options.insert(.cancelled)
        return TransactionActions(lifetime: .set(.expiry, timers.cancelExpiry))
    }

    /// A timer that this transaction had set fired. One that means nothing in the present state is ignored.
    public mutating func fire(_ timer: TransactionTimer, _ timers: TransactionTimers) -> TransactionActions {
        switch (state, timer) {
        case (.calling, .a) where !isReliable:
            repetitions = min(repetitions + 1, TransactionTimers.mostDoublings)
            return TransactionActions(.resendRequest, retransmission: .set(.a, timers.doubling(repetitions)))
        case (.calling, .b), (.proceeding, .expiry):
            state = .terminated
            return .end(.reportTimeout)
        case (.proceeding, .c) where options.contains(.runsTimerC) && !options.contains(.cancelled):
            options.insert(.cancelled)
            return TransactionActions(.sendCancel, lifetime: .set(.expiry, timers.cancelExpiry))
        case (.completed, .d), (.accepted, .m):
            state = .terminated
            return .end()
        default:
            return .none
        }
    }

    /// The transport could not deliver the INVITE or the ACK (RFC 3261 §17.1.4).
    public mutating func transportFailed() -> TransactionActions {
        switch state {
        case .calling, .completed:
            state = .terminated
            return .end(.reportTransportFailure)
        case .proceeding, .accepted, .terminated:
            // Nothing is being sent: the news is about an earlier copy, and a response has proved it wrong.
            return .none
        }
    }

    private mutating func proceed(_ status: StatusCode, _ timers: TransactionTimers) -> TransactionActions {
        let isFirst = state == .calling
        state = .proceeding
        var actions = TransactionActions(.passResponse, retransmission: isFirst ? .cancel : .keep)
        if options.contains(.runsTimerC), !options.contains(.cancelled) {
            // RFC 3261 §16.7 item 2: 101 to 199 restart Timer C, 100 does not.
            if isFirst || status > 100 { actions.lifetime = .set(.c, timers.timerC) }
        } else if isFirst {
            actions.lifetime = .cancel
        }
        return actions
    }

    private mutating func complete(_ timers: TransactionTimers) -> TransactionActions {
        if isReliable {
            state = .terminated
            return .end([.sendAck, .passResponse])
        }
        state = .completed
        return TransactionActions(
            [.sendAck, .passResponse], retransmission: .cancel, lifetime: .set(.d, timers.timerD))
    }
}
