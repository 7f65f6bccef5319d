/// Which session description in the messages of a dialog is an offer, and which an answer (RFC 3261 §13.2.1, RFC 3262 §5, RFC
/// 3311 §5, RFC 6337 §2).
///
/// ```
///                    request with body: offered            INVITE without body
///   +-----------+  ------------------------>  +---------+      +-----------+
///   |  settled  |                             | offered | <----| offer due |
///   +-----------+  <------------------------  +---------+      +-----------+
///                   answer, refusal                      first reliable response
/// ```
///
/// | offer in | answer in |
/// | --- | --- |
/// | INVITE | 2xx of INVITE, or a reliable 1xx before it |
/// | 2xx of INVITE | ACK |
/// | reliable 1xx | PRACK |
/// | PRACK | 2xx of PRACK |
/// | UPDATE | 2xx of UPDATE |
///
/// Both ends run the same machine, each sees itself as `local`. It knows nothing of what the descriptions say. Where an INVITE
/// forks, each early dialog goes on with a copy of the machine that saw the INVITE.
public struct SessionExchange: Hashable, Sendable {
    /// An end of the dialog.
    public enum Side: UInt8, Hashable, Sendable {
        case local, remote

        /// The other end.
        public var other: Side { self == .local ? .remote : .local }
    }

    /// A place where a session description may stand.
    public enum Place: UInt8, Hashable, Sendable {
        case invite
        /// A provisional response to INVITE that is not acknowledged.
        case unreliableResponse
        /// A provisional response to INVITE that is acknowledged by PRACK.
        case reliableResponse
        /// A 2xx to INVITE.
        case success
        case ack
        case prack
        case prackSuccess
        case update
        case updateSuccess
    }

    /// Where the exchange stands.
    public enum State: Hashable, Sendable {
        /// No offer waits.
        case settled
        /// An INVITE without offer asks that side for one, in its first reliable response.
        case offerDue(from: Side)
        /// An offer of that side waits for its answer.
        case offered(by: Side, in: Place)
    }

    /// What a description is, or its absence.
    public enum Meaning: Hashable, Sendable {
        /// Nothing: there is no description, or it is to be ignored.
        case none
        case offer
        case answer
        /// What the answer will be, in a response that may get lost.
        case preview
        /// An offer or answer should be here and is not.
        case missing
    }

    /// What a message that the local side is about to send has to carry.
    public enum Duty: Hashable, Sendable {
        /// No description.
        case nothing
        case offer
        case answer
        /// An answer may stand here, or come later.
        case mayAnswer
        /// A preview of the answer may stand here.
        case mayPreview
        /// A new offer may stand here.
        case mayOffer
    }

    /// Where the exchange stands.
    public private(set) var state = State.settled

    /// Whether an offer was answered at some time: there is a session.
    public private(set) var isAgreed = false

    /// An INVITE transaction in the dialog: whose, and whether its 2xx waits for the ACK.
    struct InviteInProgress: Hashable {
        var side: Side
        var isAccepted = false
    }
    var inviteInProgress: InviteInProgress?
    /// The sides whose UPDATE has no final response.
    var updatesInProgress: Set<Side> = []
    /// Whether a description of the local side, in a reliable response, waits for its PRACK.
    var awaitsPrack = false

    /// An exchange that has not begun.
    public init() {}

    // MARK: Messages

    /// A message passes the dialog: it was received, or is sent now.
    ///
    /// - Parameters:
    ///   - place: what it is.
    ///   - side: who sent it.
    ///   - hasDescription: whether it has a session description.
    /// - Returns: what its description is.
    @discardableResult
    public mutating func pass(_ place: Place, from side: Side, hasDescription: Bool) -> Meaning {
        switch place {
        case .invite:
            inviteInProgress = InviteInProgress(side: side)
            guard hasDescription else {
                if state == .settled { state = .offerDue(from: side.other) }
                return .none
            }
            return offer(place, side)
        case .unreliableResponse:
            return state == .offered(by: side.other, in: .invite) && hasDescription ? .preview : .none
        case .reliableResponse:
            let meaning = respond(place, side, hasDescription)
            if side == .local, meaning != .none { awaitsPrack = true }
            return meaning
        case .success:
            inviteInProgress?.isAccepted = true
            return respond(place, side, hasDescription)
        case .ack:
            inviteInProgress = nil
            return answer(in: .success, side, hasDescription)
        case .prack:
            if side == .remote { awaitsPrack = false }
            if state == .settled, hasDescription, isAgreed { return offer(place, side) }
            return answer(in: .reliableResponse, side, hasDescription)
        case .prackSuccess:
            return answer(in: .prack, side, hasDescription)
        case .update:
            updatesInProgress.insert(side)
            return hasDescription ? offer(place, side) : .none
        case .updateSuccess:
            updatesInProgress.remove(side.other)
            return answer(in: .update, side, hasDescription)
        }
    }

    /// A request was refused, or has got no response: what it offered or asked for is void.
    ///
    /// - Parameters:
    ///   - request: INVITE, PRACK or UPDATE.
    ///   - side: who sent the request.
    public mutating func refuse(_ request: Place, from side: Side) {
        switch request {
        case .invite:
            inviteInProgress = nil
            awaitsPrack = false
            switch state {
            case .offered(by: side, in: .invite), .offered(by: side.other, in: .reliableResponse),
                .offerDue(from: side.other):
                state = .settled
            default: return
            }
        case .update:
            updatesInProgress.remove(side)
            if state == .offered(by: side, in: .update) { state = .settled }
        default:
            if state == .offered(by: side, in: request) { state = .settled }
        }
    }

    /// What a message that the local side is about to send has to carry.
    public func duty(of place: Place) -> Duty {
        switch (place, state) {
        case (.unreliableResponse, .offered(by: .remote, in: .invite)): .mayPreview
        case (.reliableResponse, .offered(by: .remote, in: .invite)): .mayAnswer
        case (.success, .offered(by: .remote, in: .invite)), (.ack, .offered(by: .remote, in: .success)),
            (.prack, .offered(by: .remote, in: .reliableResponse)), (.prackSuccess, .offered(by: .remote, in: .prack)),
            (.updateSuccess, .offered(by: .remote, in: .update)):
            .answer
        case (.reliableResponse, .offerDue(from: .local)), (.success, .offerDue(from: .local)): .offer
        case (.invite, .settled), (.update, .settled): .mayOffer
        case (.prack, .settled): isAgreed ? .mayOffer : .nothing
        default: .nothing
        }
    }

    // MARK: Meanings

    private mutating func offer(_ place: Place, _ side: Side) -> Meaning {
        guard state == .settled else { return .none }
        state = .offered(by: side, in: place)
        return .offer
    }

    /// A reliable 1xx or a 2xx of an INVITE.
    private mutating func respond(_ place: Place, _ side: Side, _ hasDescription: Bool) -> Meaning {
        // What must come has to be in the 2xx at last.
        let isLast = place == .success
        switch state {
        case .offered(by: side.other, in: .invite):
            if hasDescription { return agree() }
        case .offerDue(from: side):
            if hasDescription {
                state = .offered(by: side, in: place)
                return .offer
            }
        default: return .none
        }
        guard isLast else { return .none }
        state = .settled
        return .missing
    }

    private mutating func answer(in offerPlace: Place, _ side: Side, _ hasDescription: Bool) -> Meaning {
        guard state == .offered(by: side.other, in: offerPlace) else { return .none }
        if hasDescription { return agree() }
        state = .settled
        return .missing
    }

    private mutating func agree() -> Meaning {
        state = .settled
        isAgreed = true
        return .answer
    }
}
