public import SIP
import SIPEndpoint

/// A REFER that came to this side: somebody wants it to contact somebody else (RFC 3515).
///
/// Bound to its lane. It is accepted, and the referrer told how the request gets on, or refused.
public final class IncomingReferral {
    let agent: CallAgent
    /// The REFER.
    public let request: Message
    /// What is to be contacted.
    public let target: ReferTarget
    /// The call that it came in, or names (RFC 4538); nil for one outside of any call.
    public let call: CallLeg?
    private let transaction: ServerTransaction
    private let makeDialog: () -> AgentDialog?
    private let isSilent: Bool
    private let id: String?
    private var subscription: NotifierSubscription?
    private var fragment = StatusFragment(100)
    /// Whether it was accepted or refused.
    public private(set) var isAnswered = false

    /// How long the referrer is told what becomes of its wish: 3 minutes, which is more than a phone rings.
    static let duration = Duration.seconds(180)

    /// How often: once a second (RFC 3515 §3.10).
    static let leastInterval = Duration.seconds(1)

    init(
        _ agent: CallAgent, _ request: Message, _ target: ReferTarget, _ transaction: ServerTransaction, call: CallLeg?,
        id: String?, isSilent: Bool, dialog: @escaping () -> AgentDialog?
    ) {
        self.agent = agent
        self.request = request
        self.target = target
        self.transaction = transaction
        self.call = call
        self.id = id
        self.isSilent = isSilent
        makeDialog = dialog
    }

    /// Who refers: Referred-By, or else From (RFC 3892).
    public var referrer: NameAddress? {
        (request[.referredBy] ?? request[.from]).flatMap { try? NameAddress($0) }
    }

    /// Refuses: 603 when it is not wanted.
    public func refuse(_ status: StatusCode = 603) {
        guard !isAnswered else { return }
        isAnswered = true
        agent.respond(transaction, status)
    }

    /// Accepts, and tells the referrer so: 200, as 202 is not to be used any more (RFC 7647 §5), and the first NOTIFY, unless the
    /// referrer wants none (RFC 4488).
    public func accept() {
        guard !isAnswered else { return }
        isAnswered = true
        guard let dialog = makeDialog() else {
            return agent.respond(transaction, 400, MessageContent([CallAgent.warning("REFER needs a Contact")]))
        }
        let fields = isSilent ? [MessageContent.Field(.referSub, "false")] : []
        agent.respond(transaction, 200, MessageContent(fields), copiesRecordRoute: true, hasContact: true)
        guard !isSilent else { return }
        var configuration = Notifier.Configuration()
        configuration.leastInterval = Self.leastInterval
        let made = NotifierSubscription(
            agent, EventPackage("refer", types: ["message/sipfrag"]) { _ in }, id: id, request: request, in: dialog,
            Notifier(configuration, expires: Self.duration, isAllowed: true, at: agent.layer.driver.now))
        made.content = { [self] in MessageContent(type: StatusFragment.mediaType, body: fragment.body) }
        subscription = made
        made.start()
    }

    /// Tells the referrer how the call gets on that it wanted.
    func report(_ event: CallLeg.Event, of leg: CallLeg) {
        switch event {
        case .progress(let status): report(StatusFragment(status))
        case .answered: report(StatusFragment(200))
        case .ended(let ending) where !leg.isAnswered: report(StatusFragment(ending.status, ending.reason))
        default: return
        }
    }

    /// Tells the referrer how the request gets on; a final status is the last that is told (RFC 3515 §2.4.5, §2.4.7).
    public func report(_ fragment: StatusFragment) {
        self.fragment = fragment
        if fragment.status.isFinal {
            subscription?.terminate(.noResource)
        } else {
            subscription?.changed()
        }
    }
}
