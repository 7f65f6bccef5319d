import Reactor
import SDP
public import SIP
import SIPEndpoint

/// One call as this side sees it: the INVITE, its dialog, the offer and answer, and the media (RFC 3261 §13 to §15).
///
/// Bound to its lane. `CallAgent` makes it; `Call` is its face above the lanes.
public final class CallLeg {
    /// What happens to a call.
    public enum Event: Sendable, Hashable {
        /// The far side rings or says how far it is.
        case progress(StatusCode)
        /// The call is up.
        case answered
        /// The far side holds, or takes up again.
        case held(Bool)
        /// The call is over; nothing follows.
        case ended(Ending)
    }

    /// How a call ended.
    public struct Ending: Error, Sendable, Hashable {
        /// Who ended it.
        public enum Side: String, Sendable {
            case local, remote
        }

        /// 200 for a call that was up and was hung up; else the status that ended it (408 and 503 also stand for silence and
        /// failed transport).
        public var status: StatusCode
        /// The reason for a person.
        public var reason: String
        /// Who ended it.
        public var side: Side

        public init(_ status: StatusCode, _ reason: String, _ side: Side) {
            self.status = status
            self.reason = reason
            self.side = side
        }
    }

    /// What becomes of the leg's requests, and which machine runs it.
    enum Role {
        case caller(OutgoingInvite)
        case callee(IncomingInvite, ServerTransaction)
    }

    unowned let agent: CallAgent
    /// A number that no other leg of the agent has.
    public let number: UInt64
    /// The media.
    public let media: any MediaLeg
    var negotiation: OfferAnswer
    var role: Role?
    /// The dialog of the call; nil before there is one.
    public internal(set) var dialog: Dialog?
    var invite: ClientTransaction?
    var retry = AuthenticationRetry()
    var acks: [Int: (bytes: [UInt8], flow: Flow)] = [:]
    var timers: [UInt8: UInt64] = [:]
    /// The targets that are left when the first does not answer.
    var alternatives: [Target] = []
    var destination: URI?
    /// Where requests in the dialog go when its next hop is what the INVITE went to: the same flow.
    var flow: Flow?
    var reInviteRepetition: (SuccessRepetition, ServerTransaction, UInt64)?
    /// The INVITE of a call that came in; nil for one that goes out.
    public let invitation: Message?
    /// Told what happens, on the lane.
    public var onEvent: (Event) -> Void = { _ in }
    /// Whether the call is up.
    public internal(set) var isAnswered = false
    /// How it ended; nil while it has not.
    public internal(set) var ending: Ending?
    /// Whether it is over.
    public var isEnded: Bool { ending != nil }
    /// Whether the far side holds the call.
    public internal(set) var isHeldByPeer = false
    /// Whether the offer is to come with the ACK.
    var awaitsAnswerInAck = false

    init(_ agent: CallAgent, number: UInt64, media: any MediaLeg, invitation: Message?) {
        self.agent = agent
        self.number = number
        self.media = media
        self.invitation = invitation
        negotiation = OfferAnswer(
            sessionID: agent.layer.driver.random(), version: 1, address: ConnectionAddress(media.localAddress))
    }

    // MARK: Commands

    /// Rings: 180 to the caller.
    public func ring(_ status: StatusCode = 180) {
        guard case .callee(var machine, let transaction) = role else { return }
        let actions = machine.progress(status)
        role = .callee(machine, transaction)
        perform(actions)
    }

    /// Answers a call that came in.
    public func answer() {
        guard case .callee(var machine, let transaction) = role else { return }
        do {
            try prepareAnswer()
        } catch {
            return reject(488, "\(error)")
        }
        let actions = machine.accept(200)
        role = .callee(machine, transaction)
        perform(actions)
    }

    /// Refuses a call that came in.
    public func reject(_ status: StatusCode, _ reason: String = "") {
        guard case .callee(var machine, let transaction) = role else { return }
        let actions = machine.reject(status)
        role = .callee(machine, transaction)
        endReason = reason
        perform(actions)
    }

    /// Hangs up, whatever the state: CANCEL, refusal or BYE.
    public func hangUp() {
        guard !isEnded else { return }
        switch role {
        case .caller(var machine):
            if isAnswered {
                sendBye()
                return end(Ending(200, "Normal call clearing", .local))
            }
            let actions = machine.cancel()
            role = .caller(machine)
            perform(actions)
        case .callee(var machine, let transaction):
            let actions = machine.hangUp()
            role = .callee(machine, transaction)
            perform(actions)
        case nil:
            end(Ending(487, "Cancelled before it was sent", .local))
        }
    }

    var endReason = ""

    /// Why this side gave the call up; set before it hangs up.
    private var failure: Ending?

    /// A call without sound is none: it is hung up, and the ending says why.
    private func mediaFailed(_ error: SocketError) {
        guard !isEnded else { return }
        failure = Ending(500, "The audio cannot start: \(error)", .local)
        hangUp()
    }

    func end(_ ending: Ending) {
        guard !isEnded else { return }
        let ending = ending.side == .local ? failure ?? ending : ending
        self.ending = ending
        media.stop()
        onEvent(.ended(ending))
        agent.ended(self)
    }

    // MARK: Offer and answer

    /// The answer to the offer of the INVITE, or an offer when there was none (RFC 3261 §13.3.1).
    private func prepareAnswer() throws {
        guard let invitation else { return }
        let body = invitation.body
        if body.isEmpty {
            answerBody = try negotiation.makeOffer(media.capabilities).serialised()
            awaitsAnswerInAck = true
        } else {
            let offer = try SessionDescription(parsing: body)
            _ = try negotiation.receiveOffer(offer)
            let answer = try negotiation.makeAnswer(media.capabilities)
            guard let stream = negotiation.streams.first else { throw OfferRefused() }
            answerBody = answer.serialised()
            apply(stream)
        }
    }

    /// No stream of the offer can be used.
    struct OfferRefused: Error, CustomStringConvertible {
        var description: String { "no media that this side can use was offered" }
    }

    /// The description that goes out next: the offer of the INVITE, or the answer of the 2xx.
    var answerBody: [UInt8] = []
    /// The answer to an offer in the 2xx, which goes with the ACK.
    var ackBody: [UInt8] = []
    var callee: URI?
    var identity: CallAgent.Identity?
    var callID: [UInt8] = []
    var localTag: [UInt8] = []
    var sequence: UInt32 = 0
    var transactionNumber: UInt64 = 0

    /// The call has come in: the machine starts its timers.
    func begin() {
        guard case .callee(var machine, let transaction) = role else { return }
        let actions = machine.start()
        role = .callee(machine, transaction)
        perform(actions)
    }

    /// Stops all timers but the one that waits for further 2xx.
    func stopTimersButStragglers() {
        for timer in [TimerName.expires, .success, .progress, .inviteExpires, .reInviteSuccess] { stop(timer) }
    }

    func apply(_ stream: NegotiatedStream) {
        let leg = LaneBound(self)
        let execute = agent.layer.driver.execute
        media.apply(stream) { error in execute { leg.value.mediaFailed(error) } }
        if stream.isHeld != isHeldByPeer {
            isHeldByPeer = stream.isHeld
            onEvent(.held(stream.isHeld))
        }
    }

    /// Takes the answer in a 2xx or ACK; false when it cannot be used, and then the call must end.
    func takeAnswer(_ body: [UInt8]) -> Bool {
        guard !body.isEmpty else { return !negotiation.streams.isEmpty }
        do {
            let answer = try SessionDescription(parsing: body)
            try negotiation.receiveAnswer(answer)
        } catch {
            endReason = "The answer cannot be used: \(error)"
            return false
        }
        guard let stream = negotiation.streams.first else { return false }
        apply(stream)
        return true
    }
}

extension CallLeg {
    /// Gives the call what it plays and where what is heard goes; for those who use legs without `Call`.
    public func attach(_ ends: AudioEnds) {
        (media as? any AudioLegFace)?.attach(ends) { _ in }
    }
}
