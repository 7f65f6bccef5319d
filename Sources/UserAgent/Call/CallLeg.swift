public import Media
import Reactor
import SDP
public import SIP
import SIPEndpoint

/// One call as this side sees it: the INVITE, its dialogs, the offers and answers, and the media (RFC 3261 §13 to §15).
///
/// Bound to its lane. `CallAgent` makes it; `Call` is its face above the lanes.
public final class CallLeg {
    /// What happens to a call.
    public enum Event: Sendable, Hashable {
        /// The far side rings or says how far it is.
        case progress(StatusCode)
        /// The far side can be heard before it answers (RFC 3960).
        case earlyMedia
        /// The call is up.
        case answered
        /// The far side holds, or takes up again.
        case held(Bool)
        /// The far side pressed a key, and said so by INFO.
        case digit(Character)
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
        /// Why the media was not encrypted as it must be, where this side ended the call for that.
        public var security: MediaSecurityError?

        public init(_ status: StatusCode, _ reason: String, _ side: Side, _ security: MediaSecurityError? = nil) {
            self.status = status
            self.reason = reason
            self.side = side
            self.security = security
        }

        /// This side cannot use a description.
        init(_ refusal: SessionRefusal) {
            self.init(refusal.status, refusal.reason, .local, refusal.security)
        }
    }

    /// What the call has to do with another one, as its INVITE says.
    public internal(set) var relation: Relation?

    /// Which machine runs the INVITE that began the call.
    enum Role {
        case caller(OutgoingInvite)
        case callee(IncomingInvite, ServerTransaction)
    }

    let agent: CallAgent
    /// A number that no other leg of the agent has.
    public let number: UInt64
    /// The INVITE of a call that came in; nil for one that goes out.
    public let invitation: Message?
    /// The media of the call.
    public private(set) var media: any MediaLeg
    /// The session that the INVITE began with: of all early dialogs that have none of their own yet.
    private(set) var session: any CallSession
    var role: Role?
    /// What the caller's INVITE is made of.
    var calling: OutgoingCall?
    /// What the callee has to say to the INVITE.
    var answering = IncomingCall()
    /// The dialogs that the caller's responses have made, by their place in the machine.
    var early: [Int: CallDialog] = [:]
    /// INVITEs that others have taken the place of, and of which something may still come.
    var abandoned: [ObjectIdentifier: AbandonedInvite] = [:]
    /// The dialog of the call: for the callee from the beginning, for the caller from the answer on.
    var current: CallDialog?
    private var timers: [TimerName: CallAgent.RunningTimer] = [:]
    /// The REFER that has brought the call about, whose sender is told how it gets on.
    var referral: IncomingReferral?
    /// The REFER of this side that is under way.
    var outgoingReferral: OutgoingReferral?
    /// The face of the call above the lanes, if it has one.
    weak var face: Call?
    /// Told what happens, on the lane.
    public var onEvent: (Event) -> Void = { _ in }
    /// Whether the call is up.
    public internal(set) var isAnswered = false
    /// How it ended; nil while it has not.
    public private(set) var ending: Ending?
    /// Whether it is over.
    public var isEnded: Bool { ending != nil }
    /// Whether the far side holds the call.
    public private(set) var isHeldByPeer = false
    /// What is told as the reason when a machine ends the call.
    var endReason = ""
    /// Why this side gave the call up; set before it hangs up.
    var failure: Ending?
    /// Who refreshes the session, and when it ends without.
    var timer: SessionTimer
    /// Keys that are to be sent, and what is known of how.
    var keys = PressedKeys()
    /// When media was agreed on first, and where that of the far side is.
    private(set) var mediaBegan: SIPDate?
    private(set) var remoteMedia: TransportAddress?
    /// A change of the session that is wanted, and who waits for it.
    var change = WantedChange()
    /// Who waits for candidates: of the last time that servers were asked.
    private var gathering: (number: Int, waiting: [() -> Void]) = (0, [])

    init(_ agent: CallAgent, number: UInt64, media: any MediaLeg, invitation: Message?) {
        self.agent = agent
        self.number = number
        self.media = media
        self.invitation = invitation
        timer = SessionTimer(agent.configuration.sessionTimer)
        let box = UnownedBox<CallLeg>()
        session = NegotiatedSession(media: media, sessionID: agent.layer.driver.random()) { stream, keys, ways in
            box.value?.apply(stream, keys, ways)
        }
        box.value = self
    }

    /// A call of an existing session, without media here.
    init(_ agent: CallAgent, number: UInt64, session: RelayedSession) {
        self.agent = agent
        self.number = number
        self.session = session
        media = NoMedia()
        invitation = nil
        timer = SessionTimer(agent.configuration.sessionTimer)
        session.attach(self)
    }

    /// The session of a call that has not been answered becomes another one.
    func replaceSession(by session: any CallSession) {
        self.session.end()
        self.session = session
        current?.session = session
        media = NoMedia()
    }

    /// The dialog of the call; nil before there is one.
    public var dialog: Dialog? { current?.dialog.state }

    // MARK: Commands

    /// Hangs up, whatever the state: CANCEL, refusal or BYE.
    public func hangUp() {
        guard !isEnded else { return }
        switch role {
        case .caller:
            if isAnswered {
                sendBye()
                return end(Ending(200, "Normal call clearing", .local))
            }
            withCaller { $0.cancel() }
        case .callee:
            withCallee { $0.hangUp() }
        case nil:
            end(Ending(487, "Cancelled before it was sent", .local))
        }
    }

    /// Hangs up, and says why instead of what hanging up means by itself.
    func hangUp(because failure: Ending) {
        guard !isEnded else { return }
        self.failure = failure
        hangUp()
    }

    /// Tells what happens, and the one who has referred this side to the call.
    func tell(_ event: Event) {
        onEvent(event)
        referral?.report(event, of: self)
        if event == .answered { pressKeys() }
    }

    // MARK: Ending

    func end(_ ending: Ending) {
        guard !isEnded else { return }
        let ending = ending.side == .local ? failure ?? ending : ending
        self.ending = ending
        stopTimers(except: .moreSuccesses)
        session.end()
        change.fail(SessionRefusal(ending.status, ending.reason, ending.security))
        leaveDialogs()
        if case .callee(_, let transaction) = role { agent.merged.end(transaction: transaction.number) }
        tell(.ended(ending))
        // Nothing follows, and a face that hears of it keeps the leg.
        onEvent = { _ in }
        // Further answers of a fork are still to be acknowledged and ended.
        if case .caller(let machine) = role, machine.state == .accepted || machine.state == .proceeding {
            return agent.tellWhenQuiet()
        }
        forget()
    }

    /// Whether the call is over and nothing of it is under way; a further answer of a fork may still come.
    var isQuiet: Bool {
        guard isEnded else { return false }
        if case .caller(let machine) = role { return machine.state == .accepted }
        return true
    }

    /// Nothing will come for this call any more.
    func forget() {
        stopTimers()
        leaveDialogs()
        early = [:]
        role = nil
        agent.forget(self)
    }

    /// Requests that still come in the dialogs are none of this call's.
    private func leaveDialogs() {
        for dialog in early.values { dialog.dialog.leave(self) }
        current?.dialog.leave(self)
    }

    /// Ends the dialog of the call.
    func sendBye() { current?.sendBye() }

    // MARK: Media

    /// A call without sound is none: it is hung up, and the ending says why.
    private func mediaFailed(_ failure: MediaFailure) {
        switch failure {
        case .socket(let error): hangUp(because: Ending(500, "The audio cannot start: \(error)", .local))
        case .security(let error): hangUp(because: Ending(SessionRefusal(error)))
        case .way(.notFound): hangUp(because: Ending(500, "No address of the far side can be reached", .local))
        case .way(.lost): restartChecks()
        }
    }

    /// Asks servers for candidates before a description is made; `then` is called on the lane, at once when there are none to ask.
    ///
    /// Where the media moves meanwhile, those who wait go on when the servers have told of the new place.
    func gather(_ then: @escaping () -> Void) {
        guard let media = media as? AudioLeg, media.asksServers else { return then() }
        gathering.number += 1
        gathering.waiting.append(then)
        let number = gathering.number
        // Proof of `nonisolated(unsafe)`: the reference is used in what `execute` runs on this lane, and there alone.
        nonisolated(unsafe) let leg = self
        let execute = agent.layer.driver.execute
        media.gather { execute { leg.endGathering(number, of: media) } }
    }

    private func endGathering(_ number: Int, of media: AudioLeg) {
        guard number == gathering.number else { return }
        let waiting = gathering.waiting
        gathering.waiting = []
        if media.lacksRelay {
            let refusal = SessionRefusal(500, "No TURN server gives a relay")
            if case .callee = role, !isAnswered { refuse(refusal) } else { hangUp(because: Ending(refusal)) }
        }
        for then in waiting { then() }
    }

    /// Looks for another way (RFC 8445 §9). When the far side does not answer the offer either, the call ends.
    private func restartChecks() {
        gather { [weak self] in
            guard let self, !isEnded else { return }
            renegotiate { $0.restartChecks() }
        }
    }

    private func apply(_ stream: NegotiatedStream, _ keys: MediaKeys, _ ways: ICETerms?) {
        guard !isEnded else { return }
        // Proof of `nonisolated(unsafe)`: the reference is used in what `execute` runs on this lane, and there alone.
        nonisolated(unsafe) let leg = self
        let execute = agent.layer.driver.execute
        mediaBegan = mediaBegan ?? .now
        remoteMedia = stream.remoteAddress.transportAddress(port: stream.remotePort)
        // One who is told nothing by INFO tells nothing by it either, whatever a browser has written into its description.
        media.connect(by: tricklesPeer ? ways : ways?.complete)
        media.apply(stream, keys: keys) { failure in execute { leg.mediaFailed(failure) } }
        self.keys.takesEvents = stream.sendEvents(beside: stream.sendFormat) != nil
        pressKeys()
        if stream.isHeld != isHeldByPeer {
            isHeldByPeer = stream.isHeld
            tell(.held(stream.isHeld))
        }
    }

    // MARK: Timers

    /// The timers of a leg.
    enum TimerName: UInt8 {
        case expires, moreSuccesses, success, progress, inviteExpires, reliableProgress, reinviteSuccess, retryChange
        case sessionRefresh, sessionExpiry
    }

    func set(_ timer: TimerName, _ delay: Duration) {
        stop(timer)
        timers[timer] = agent.schedule(delay) { [weak self] in self?.fire(timer) }
    }

    func stop(_ timer: TimerName) {
        if let running = timers.removeValue(forKey: timer) { agent.cancel(running) }
    }

    private func stopTimers(except kept: TimerName? = nil) {
        for timer in timers.keys where timer != kept { stop(timer) }
    }

    private func fire(_ timer: TimerName) {
        timers[timer] = nil
        switch timer {
        case .expires: withCaller { $0.fire(.expires) }
        case .moreSuccesses: withCaller { $0.fire(.moreSuccesses) }
        case .success: withCallee { $0.fire(.success) }
        case .progress: withCallee { $0.fire(.progress) }
        case .inviteExpires: withCallee { $0.fire(.expires) }
        case .reliableProgress: fireReliableProgress()
        case .reinviteSuccess: repeatReinviteSuccess()
        case .retryChange: pursueChange()
        case .sessionRefresh: fire(SessionTimer.Timer.refresh)
        case .sessionExpiry: fire(SessionTimer.Timer.expiry)
        }
    }
}

/// Refers to an object that does not exist yet when the reference is made, and does not keep it alive.
private final class UnownedBox<Value: AnyObject> {
    weak var value: Value?
}

extension CallLeg {
    /// Gives the call what it plays and where what is heard goes; for those who use legs without `Call`.
    public func attach(_ ends: AudioEnds) {
        (media as? any AudioLegFace)?.attach(ends) { _ in }
    }
}
