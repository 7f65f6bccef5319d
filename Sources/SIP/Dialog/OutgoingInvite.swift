/// The caller's side of one INVITE outside of a dialog: its early dialogs, its answers from several phones, its cancellation
/// (RFC 3261 §9.1, §13.2, §15).
///
/// ```
///              | INVITE sent
///              v
///        +------------+ 300-699, no answer   +---------+
///        |  calling   |--------------------->|  ended  |
///        +------------+                      +---------+
///          |        | 1xx                      ^  ^
///          |        v (CANCEL if wanted)       |  |
///          |   +------------+ 300-699,         |  |
///      2xx |   | proceeding | no answer        |  |
///          |   |            |------------------+  |
///          |   +------------+                     | 64·T1 after the first 2xx
///          |        | 2xx                         |
///          v        v                             |
///        +------------------+                     |
///        |     accepted     |---------------------+
///        +------------------+
///          2xx of a new dialog: ACK, then BYE
///          2xx repeated: ACK again
/// ```
///
/// The first 2xx wins: its dialog is the call. Every other one, and every one that comes after ``cancel()``, is acknowledged and
/// ended by BYE, as nobody would hear what is said there (RFC 3261 §13.2.2.4).
///
/// A 401 or 407 ends this INVITE like any other refusal; an ``AuthenticationRetry`` may lead to the next.
public struct OutgoingInvite: Sendable {
    /// How far the INVITE is.
    public enum State: UInt8, Hashable, Sendable {
        /// No response yet.
        case calling
        /// A provisional response came.
        case proceeding
        /// A 2xx came; others may follow.
        case accepted
        /// Nothing more will come.
        case ended
    }

    /// How an INVITE ends that leads to no call.
    public enum Ending: Hashable, Sendable {
        /// The callee or a server refused.
        case rejected(StatusCode)
        /// Nobody answered in time.
        case timedOut
        /// The INVITE could not be delivered.
        case transportFailed
        /// The caller gave up, whatever the last response was.
        case cancelled
        /// The INVITE expired (its Expires header field).
        case expired
        /// The 2xx was malformed, so that it cannot be acknowledged.
        case malformed(MessageDefect)
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable {
        /// The lifetime of the invitation, from its Expires header field (RFC 3261 §13.2.1).
        case expires
        /// The end of waiting for more 2xx: 64·T1 after the first (RFC 3261 §13.2.2.4).
        case moreSuccesses
    }

    /// What to do, in order. Dialogs are named by their place in ``OutgoingInvite/dialogs``.
    public enum Action: Hashable, Sendable {
        /// A provisional response for the user; the dialog is nil if it makes none.
        case progress(StatusCode, dialog: Int?)
        /// Acknowledge the provisional response of that number (RSeq) by PRACK in its dialog (RFC 3262 §4).
        case sendPrack(dialog: Int, UInt32)
        /// The call is answered. The dialog is the keeper's from now on; if the 2xx holds an offer, its answer goes with the ACK.
        case accepted(dialog: Int)
        /// Build the ACK to the 2xx, keep it, and send it (`Dialog.writeAck`).
        case sendAck(dialog: Int)
        /// Send the ACK of this dialog once more, as it was.
        case resendAck(dialog: Int)
        /// End this dialog with BYE.
        case sendBye(dialog: Int)
        /// Send CANCEL where the INVITE went.
        case sendCancel
        /// This early dialog is over.
        case dialogEnded(Int)
        /// There will be no call, or no longer one wanted.
        case ended(Ending)
        /// Start a timer.
        case set(Timer, Duration)
        /// The machine can be forgotten.
        case finished
    }

    /// The most dialogs that one INVITE may make; responses with further To tags are ignored.
    public static let mostDialogs = 64

    /// How far the INVITE is.
    public private(set) var state = State.calling

    /// The INVITE as it was sent.
    public let request: Message

    /// The dialogs that responses have made, in order. A place never changes its dialog.
    public var dialogs: [Dialog] = []

    /// Whether CANCEL was sent.
    public private(set) var hasSentCancel = false

    /// Whether the caller wants no call any more, by hanging up or since the INVITE has expired: no other INVITE may follow.
    public var isGivenUp: Bool { giveUp != nil }

    private var giveUp: Ending?
    /// The reliable provisional responses of each dialog.
    private var receipts: [Int: ReliableReceipts] = [:]
    /// The dialogs whose 2xx was acknowledged.
    private var acknowledged: Set<Int> = []
    private let isSecureTransport: Bool
    private let timers: TransactionTimers

    /// A machine for an INVITE.
    ///
    /// - Parameters:
    ///   - request: the INVITE as it is sent.
    ///   - isSecureTransport: whether it goes over TLS.
    ///   - timers: T1.
    public init(request: Message, isSecureTransport: Bool = false, timers: TransactionTimers = TransactionTimers()) {
        self.request = request
        self.isSecureTransport = isSecureTransport
        self.timers = timers
    }

    /// The INVITE was given to its transaction.
    public mutating func start() -> [Action] {
        guard let seconds = try? request.withView({ try $0.expires }) else { return [] }
        return [.set(.expires, .seconds(seconds))]
    }

    /// The user gives up, for example by hanging up before the answer. CANCEL waits for a provisional response; a 2xx that
    /// overtakes it is acknowledged and ended (RFC 3261 §9.1, §15).
    public mutating func cancel() -> [Action] { giveUp(.cancelled) }

    /// A timer fired.
    public mutating func fire(_ timer: Timer) -> [Action] {
        switch timer {
        case .expires:
            return giveUp(.expired)
        case .moreSuccesses:
            guard state == .accepted else { return [] }
            state = .ended
            return endEarlyDialogs() + [.finished]
        }
    }

    /// The transaction failed without a final response.
    public mutating func transactionFailed(isTimeout: Bool) -> [Action] {
        guard state == .calling || state == .proceeding else { return [] }
        return end(giveUp ?? (isTimeout ? .timedOut : .transportFailed))
    }

    /// A response came.
    public mutating func receive(_ response: MessageView) -> [Action] {
        let status = response.statusCode
        switch (state, status.category) {
        case (.calling, 1), (.proceeding, 1):
            return proceed(response)
        case (.calling, 2), (.proceeding, 2), (.accepted, 2):
            return succeed(response)
        case (.calling, 3...6), (.proceeding, 3...6):
            return end(giveUp ?? .rejected(status))
        default:
            return []
        }
    }

    private mutating func giveUp(_ ending: Ending) -> [Action] {
        guard state == .calling || state == .proceeding, giveUp == nil else { return [] }
        giveUp = ending
        return state == .proceeding ? sendCancel() : []
    }

    private mutating func sendCancel() -> [Action] {
        guard giveUp != nil, !hasSentCancel else { return [] }
        hasSentCancel = true
        return [.sendCancel]
    }

    // MARK: Responses

    private mutating func proceed(_ response: MessageView) -> [Action] {
        state = .proceeding
        let status = response.statusCode
        var actions: [Action] = []
        var acknowledgement: [Action] = []
        // Without a To tag, or without what a dialog needs, it is progress all the same.
        let index = status == 100 ? nil : (try? dialog(of: response)) ?? nil
        if let index, let number = response.reliableNumber {
            // What is not in order is not processed any further (RFC 3262 §4).
            guard receipts[index, default: ReliableReceipts()].receive(number) == .inOrder else { return sendCancel() }
            acknowledgement = [.sendPrack(dialog: index, number)]
        }
        if let index, status == 199, dialogs[index].state == .early {
            // RFC 6228 §4: this branch was refused, the others ring on.
            dialogs[index].terminate()
            actions.append(.dialogEnded(index))
        }
        if giveUp == nil { actions.append(.progress(status, dialog: index)) }
        return actions + acknowledgement + sendCancel()
    }

    private mutating func succeed(_ response: MessageView) -> [Action] {
        do throws(MessageDefect) {
            guard let index = try dialog(of: response) else { return [] }
            guard !acknowledged.contains(index) else { return [.resendAck(dialog: index)] }
            try dialogs[index].confirm(by: response)
            acknowledged.insert(index)
            return accept(index)
        } catch {
            guard state != .accepted else { return [] }
            return end(giveUp ?? .malformed(error))
        }
    }

    private mutating func accept(_ index: Int) -> [Action] {
        let isFirst = state != .accepted
        state = .accepted
        let timer: [Action] = isFirst ? [.set(.moreSuccesses, timers.timerM)] : []
        guard isFirst, giveUp == nil else {
            dialogs[index].terminate()
            let ending: [Action] = isFirst ? [.ended(giveUp ?? .cancelled)] : []
            return [.sendAck(dialog: index), .sendBye(dialog: index)] + ending + timer
        }
        return [.accepted(dialog: index), .sendAck(dialog: index)] + timer
    }

    private mutating func end(_ ending: Ending) -> [Action] {
        state = .ended
        return endEarlyDialogs() + [.ended(ending), .finished]
    }

    /// RFC 3261 §13.2.2.3, §13.2.2.4: early dialogs end with a refusal, or some time after the first 2xx.
    private mutating func endEarlyDialogs() -> [Action] {
        dialogs.indices.compactMap { index in
            guard dialogs[index].state == .early else { return nil }
            dialogs[index].terminate()
            return .dialogEnded(index)
        }
    }

    /// The place of the dialog that a response belongs to, which is made if there is none; nil if it makes none.
    private mutating func dialog(of response: MessageView) throws(MessageDefect) -> Int? {
        let id = try DialogID(answering: response)
        guard !id.remoteTag.isEmpty || response.statusCode.isSuccess else { return nil }
        if let index = dialogs.firstIndex(where: { $0.id == id }) { return index }
        guard dialogs.count < Self.mostDialogs else { return nil }
        let isSecure = isSecureTransport
        let dialog = try request.withView { (view) throws(MessageDefect) in
            try Dialog(request: view, answeredBy: response, isSecureTransport: isSecure)
        }
        dialogs.append(dialog)
        return dialogs.count - 1
    }
}
