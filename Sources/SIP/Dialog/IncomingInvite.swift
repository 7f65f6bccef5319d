/// The callee's side of one INVITE outside of a dialog: ringing, the answer that is repeated until its ACK comes, cancellation
/// (RFC 3261 §9.2, §13.3, §15).
///
/// ```
///        | INVITE received
///        v
///   +---------+ reject, CANCEL, Expires, BYE: final response
///   | pending |--------------------------------------------------+
///   +---------+                                                  |
///     | accept: 2xx, again and again                             |
///     v                                                          |
///   +----------+ no ACK in 64·T1: BYE                            |
///   | accepted |----------------------------------------+        |
///   +----------+                                        |        |
///     | ACK               | ACK after hangUp: BYE       |        |
///     v                   v                             v        v
///   +-----------+        +-----------------------------------------+
///   | confirmed |        |                  ended                  |
///   +-----------+        +-----------------------------------------+
/// ```
public struct IncomingInvite: Sendable {
    /// How far the INVITE is.
    public enum State: UInt8, Hashable, Sendable {
        /// No final response was sent.
        case pending
        /// A 2xx was sent; the ACK is awaited.
        case accepted
        /// The ACK came: the call is up.
        case confirmed
        /// There is no call.
        case ended
    }

    /// Why there is no call.
    public enum Ending: Hashable, Sendable {
        /// This side refused.
        case rejected(StatusCode)
        /// The caller gave up (CANCEL, or BYE before the answer).
        case cancelled
        /// The invitation expired (its Expires header field).
        case expired
        /// The ACK did not come.
        case unacknowledged
        /// This side hung up before the ACK came.
        case hungUp
        /// The caller hung up before the ACK came.
        case hungUpByPeer
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable {
        /// The 2xx is to be sent again, or given up (RFC 3261 §13.3.1.4).
        case success
        /// The last provisional response is to be sent again, so that no proxy cancels the INVITE (RFC 3261 §13.3.1.1).
        case progress
        /// The lifetime of the invitation, from its Expires header field (RFC 3261 §13.3.1).
        case expires
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Build a response to the INVITE with the local tag, Contact and the Record-Route of the request, keep it, and give it to
        /// the server transaction.
        case send(StatusCode)
        /// Give the last response to the server transaction once more, as it was.
        case resend
        /// End the dialog with BYE.
        case sendBye
        /// The ACK came: the call is up.
        case confirmed
        /// There is no call, or no longer one.
        case ended(Ending)
        /// Start a timer anew.
        case set(Timer, Duration)
        /// Stop a timer.
        case stop(Timer)
    }

    /// How often a provisional response is sent again: every minute (RFC 3261 §13.3.1.1).
    public static let progressInterval = Duration.seconds(60)

    /// How often a reliable provisional response is sent anew: every two and a half minutes (RFC 3262 §3).
    public static let reliableProgressInterval = Duration.seconds(150)

    /// How far the INVITE is.
    public private(set) var state = State.pending

    /// The dialog; early from the first provisional response with a tag on, confirmed with the 2xx.
    public var dialog: Dialog

    /// Whether a response was sent that makes the dialog known to the caller.
    public private(set) var hasDialog = false

    private let sequence: UInt32
    private let expires: Duration?
    private let timers: TransactionTimers
    private var repetition = SuccessRepetition()
    private var isHangingUp = false
    /// The last provisional response, if it was sent reliably.
    private var reliableProgress: StatusCode?

    /// A machine for an INVITE that was received.
    ///
    /// - Parameters:
    ///   - request: the INVITE.
    ///   - localTag: the To tag of all responses but 100.
    ///   - isSecureTransport: whether it came over TLS.
    ///   - timers: T1 and T2.
    /// - Throws: `MessageDefect` if a part that a dialog needs is missing or malformed: to be answered by 400.
    public init(
        request: MessageView, localTag: [UInt8], isSecureTransport: Bool = false,
        timers: TransactionTimers = TransactionTimers()
    ) throws(MessageDefect) {
        dialog = try Dialog(
            received: request, localTag: localTag, isConfirmed: false, isSecureTransport: isSecureTransport)
        sequence = try request.cSeq.number
        expires = try request.expires.map { .seconds($0) }
        self.timers = timers
    }

    /// The INVITE is with the user.
    public mutating func start() -> [Action] {
        expires.map { [.set(.expires, $0)] } ?? []
    }

    // MARK: The user

    /// The user rings, or shows progress of another kind: 101 to 199, as often as wanted.
    ///
    /// - Parameter isReliable: whether the response is acknowledged by PRACK (``ReliableResponses``); it is then not sent again but
    ///   sent anew, from time to time.
    public mutating func progress(_ status: StatusCode, isReliable: Bool = false) -> [Action] {
        guard state == .pending, status > 100, status.isProvisional else { return [] }
        hasDialog = true
        reliableProgress = isReliable ? status : nil
        return [.send(status), .set(.progress, isReliable ? Self.reliableProgressInterval : Self.progressInterval)]
    }

    /// The user answers, by a 2xx.
    public mutating func accept(_ status: StatusCode = 200) -> [Action] {
        guard state == .pending, status.isSuccess else { return [] }
        state = .accepted
        hasDialog = true
        dialog.confirm()
        var actions: [Action] = [.send(status), .stop(.progress), .stop(.expires)]
        if case .wait(let delay) = repetition.start(timers) { actions.append(.set(.success, delay)) }
        return actions
    }

    /// The user refuses, by 300 to 699.
    public mutating func reject(_ status: StatusCode) -> [Action] {
        guard status >= 300 else { return [] }
        return refuse(status, .rejected(status))
    }

    /// The user hangs up. Before the answer that is a refusal by 603 (Decline); after it BYE, which waits for the ACK or the end of
    /// its time (RFC 3261 §15).
    public mutating func hangUp() -> [Action] {
        switch state {
        case .pending: return reject(603)
        case .accepted:
            isHangingUp = true
            return []
        case .confirmed:
            state = .ended
            dialog.terminate()
            return [.sendBye, .ended(.hungUp)]
        case .ended: return []
        }
    }

    // MARK: The caller

    /// A CANCEL came for the INVITE; it is answered by 200 in any case. After a final response it has no effect (RFC 3261 §9.2).
    public mutating func receiveCancel() -> [Action] { refuse(487, .cancelled) }

    /// A BYE came in the dialog; it is answered by 200. The INVITE, if it waits for its final response, gets 487 (RFC 3261
    /// §15.1.2).
    public mutating func receiveBye() -> [Action] {
        switch state {
        case .pending: return refuse(487, .cancelled)
        case .accepted, .confirmed:
            state = .ended
            repetition.stop()
            dialog.terminate()
            return [.stop(.success), .ended(.hungUpByPeer)]
        case .ended: return []
        }
    }

    /// Whether an ACK is that of the INVITE, and not of a later one in the dialog.
    public func acknowledges(_ ack: MessageView) -> Bool { (try? ack.cSeq.number) == sequence }

    /// An ACK came in the dialog. One with another number than the INVITE's belongs to a later INVITE and is none of this machine's.
    public mutating func receiveAck(_ ack: MessageView) -> [Action] {
        guard state == .accepted, acknowledges(ack) else { return [] }
        repetition.stop()
        guard isHangingUp else {
            state = .confirmed
            return [.stop(.success), .confirmed]
        }
        state = .ended
        dialog.terminate()
        return [.stop(.success), .sendBye, .ended(.hungUp)]
    }

    // MARK: Time

    /// A timer fired.
    public mutating func fire(_ timer: Timer) -> [Action] {
        switch timer {
        case .progress:
            guard state == .pending, hasDialog else { return [] }
            if let reliableProgress { return progress(reliableProgress, isReliable: true) }
            return [.resend, .set(.progress, Self.progressInterval)]
        case .expires:
            return refuse(487, .expired)
        case .success:
            return repeatSuccess()
        }
    }

    private mutating func repeatSuccess() -> [Action] {
        guard state == .accepted else { return [] }
        switch repetition.fire(timers) {
        case .none: return []
        case .wait(let delay): return [.set(.success, delay)]
        case .resend(thenWait: let delay): return [.resend, .set(.success, delay)]
        case .giveUp:
            state = .ended
            dialog.terminate()
            return [.sendBye, .ended(isHangingUp ? .hungUp : .unacknowledged)]
        }
    }

    private mutating func refuse(_ status: StatusCode, _ ending: Ending) -> [Action] {
        guard state == .pending else { return [] }
        state = .ended
        dialog.terminate()
        return [.send(status), .stop(.progress), .stop(.expires), .ended(ending)]
    }
}
