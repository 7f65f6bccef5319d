/// The sender's side of one re-INVITE (RFC 3261 §14.1): it does not fork, its 2xx is acknowledged each time it comes, and a refusal
/// leaves the session as it was (RFC 6141 §3).
///
/// ```
///   +---------+ 1xx  +------------+
///   | calling |----->| proceeding |
///   +---------+      +------------+
///      |    | 300-699   |   | 2xx: ACK
///      |    v           |   v
///      |  +---------+ <-+  +----------+
///      |  | refused |      | accepted | 2xx: ACK again
///      |  +---------+      +----------+
///      +------------------------^ 2xx
/// ```
public struct OutgoingReinvite: Sendable {
    /// How far the re-INVITE is.
    public enum State: UInt8, Hashable, Sendable {
        case calling, proceeding, accepted, refused
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// A provisional response came, which is to be acknowledged by a PRACK when it has a number.
        case progress(StatusCode, reliable: UInt32?)
        /// The 2xx came: take its description, then send the ACK.
        case accepted
        /// Send the ACK once more, as it was.
        case resendAck
        /// It was refused.
        case refused(ChangeRefusal)
    }

    /// How far the re-INVITE is.
    public private(set) var state = State.calling
    private var receipts = ReliableReceipts()

    /// A re-INVITE that was sent.
    public init() {}

    /// A response came.
    public mutating func receive(_ response: MessageView) -> [Action] {
        let status = response.statusCode
        switch (state, status.category) {
        case (.calling, 1), (.proceeding, 1):
            state = .proceeding
            guard let number = response.reliableNumber else { return [.progress(status, reliable: nil)] }
            guard receipts.receive(number) == .inOrder else { return [] }
            return [.progress(status, reliable: number)]
        case (.calling, 2), (.proceeding, 2):
            state = .accepted
            return [.accepted]
        case (.accepted, 2):
            return [.resendAck]
        case (.calling, 3...6), (.proceeding, 3...6):
            state = .refused
            return [.refused(ChangeRefusal(response))]
        default:
            return []
        }
    }

    /// The transaction failed without a final response.
    public mutating func transactionFailed() -> [Action] {
        guard state == .calling || state == .proceeding else { return [] }
        state = .refused
        return [.refused(.lost(408))]
    }
}

/// What the refusal of a re-INVITE or UPDATE means for the session and the dialog (RFC 3261 §12.2.1.2, §14.1, RFC 3311 §5.3).
public enum ChangeRefusal: Hashable, Sendable {
    /// Another change is under way: try again after a random time (``SessionExchange/retryDelay(ownsCallID:random:)``).
    case glare
    /// Not now: try again after that time.
    case later(Duration)
    /// No: the session stays as it is.
    case rejected(StatusCode)
    /// The peer does not know the dialog, or is silent: the dialog is over.
    case lost(StatusCode)

    /// The longest Retry-After that is waited for; what takes longer is a rejection.
    public static let longestWait = Duration.seconds(60)

    /// Judges a final response of 300 to 699.
    public init(_ response: MessageView) {
        let status = response.statusCode
        switch status {
        case 491: self = .glare
        case 408, 481: self = .lost(status)
        case 500, 503, 504:
            let seconds = (try? response.retryAfter).flatMap { $0 }.map { Duration.seconds(Int64($0.seconds)) }
            if let seconds, seconds <= Self.longestWait { self = .later(seconds) } else { self = .rejected(status) }
        default: self = .rejected(status)
        }
    }
}
