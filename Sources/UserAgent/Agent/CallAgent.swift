public import Reactor
import SDP
public import SIP
public import SIPEndpoint

/// The calls of a user agent on one lane: makes them, takes them, and finds the one that a request belongs to.
///
/// Bound to its lane. A phone has one for its accounts; a server has one for its service numbers.
public final class CallAgent {
    /// Who the agent is when it calls.
    public struct Identity: Sendable {
        /// The value of From, without tag.
        public var address: NameAddress
        /// Where requests outside of a dialog go first (RFC 3261 §8.1.2), as a pre-loaded route; nil for the Request-URI.
        public var proxy: URI?

        public init(_ address: NameAddress, proxy: URI? = nil) {
            self.address = address
            self.proxy = proxy
        }
    }

    /// The extensions that an agent knows: what it says in Supported, and may find in Require.
    static let extensions = OptionTagSet(
        .reliableProvisional, .timer, .replaces, .join, .targetDialog, .noReferSubscription)

    /// The SIP layers.
    public let layer: TransactionLayer
    /// The user part of Contact.
    public let contactUser: String
    /// The URI that leads to this agent from everywhere, in place of its own address in Contact (RFC 5627 §4.4); nil for none.
    public var gruu: URI?

    /// What names the registration in Contact, so that requests in the dialog wake this agent (`pn-purr`, RFC 8599 §6.1.1).
    public var registrationReference: String?
    /// Whether the agent asks for GRUUs.
    public var supportsGRUU = false
    /// How calls are led.
    public var configuration = CallConfiguration()
    let media: any MediaProvider
    /// Credentials for those who ask.
    var credentials: DigestClient
    var merged = MergedRequests()
    private var legs: [UInt64: CallLeg] = [:]
    private var dialogs: [DialogID: AgentDialog] = [:]
    /// Dialogs that have ended not long ago.
    private var ended: Set<DialogID> = []
    /// The subscriptions whose SUBSCRIBE or REFER may still reach further notifiers.
    private var expected: [OriginKey: EventSubscription] = [:]
    private var nextNumber: UInt64 = 0
    private var timers: [UInt64: () -> Void] = [:]
    /// What goes on until it is ended, or the agent is.
    private var efforts: [ObjectIdentifier: any AgentEffort] = [:]
    /// Told of each call that comes in, on the lane; it rings or answers or refuses it.
    public var onInvitation: (CallLeg) -> Void = { $0.reject(480) }
    /// Told of each REFER, on the lane; nil when none is taken.
    public var onReferral: ((IncomingReferral) -> Void)?
    /// The event packages that are served, by their names.
    public var packages: [String: EventPackage] = [:]
    /// The further methods that are served, and told on the lane; INFO only with the packages in ``infoPackages``.
    public var servedMethods: MethodSet = []
    /// The Info packages that are understood (RFC 6086).
    public var infoPackages: [String] = []
    /// Whether candidates for ICE are taken that come by INFO (RFC 8840).
    var takesCandidates = false
    /// Told of each request of a served method; it answers.
    public var onRequest: (InboundRequest) -> Void = { $0.respond(480) }

    /// Call-ID and From tag of a request outside of a dialog: what its NOTIFYs are found by (RFC 6665 §4.4.1).
    private struct OriginKey: Hashable {
        var callID: [UInt8]
        var localTag: [UInt8]

        init(_ origin: RequestOrigin) {
            callID = origin.callID
            localTag = origin.localTag
        }

        init?(_ view: MessageView) {
            guard let id = try? DialogID(receiving: view) else { return nil }
            callID = id.callID
            localTag = id.localTag
        }
    }

    public init(
        layer: TransactionLayer, contactUser: String, media: any MediaProvider,
        credentials: DigestClient = DigestClient(accounts: [], hash: DigestHash())
    ) {
        self.layer = layer
        self.contactUser = contactUser
        self.media = media
        self.credentials = credentials
    }

    /// Calls that are there, ended ones that still wait for stragglers too.
    public var count: Int { legs.count }

    /// BYE requests that are under way.
    private var goodbyes = 0
    /// Who waits until nothing of a call is left.
    private var waiting: [() -> Void] = []

    /// Hangs up all calls; `completion` is called when each peer has answered, or its transaction has ended without. What
    /// cannot be hung up yet, since its ACK has not come, is hung up then (RFC 3261 §15).
    public func hangUpAll(_ completion: @escaping () -> Void) {
        waiting.append(completion)
        for leg in all { leg.hangUp() }
        tellWhenQuiet()
    }

    func tellWhenQuiet() {
        guard goodbyes == 0, legs.values.allSatisfy(\.isQuiet) else { return }
        let told = waiting
        waiting = []
        for completion in told { completion() }
    }

    func goodbyeBegins() { goodbyes += 1 }

    func goodbyeEnds() {
        goodbyes -= 1
        tellWhenQuiet()
    }

    // MARK: The end of the agent

    /// Subscriptions, publications and referrals that go on.
    var effortCount: Int { efforts.count }

    func keep(_ effort: any AgentEffort) { efforts[ObjectIdentifier(effort)] = effort }

    func release(_ effort: any AgentEffort) { efforts[ObjectIdentifier(effort)] = nil }

    /// Nothing can be sent or come any more: whoever waits for something is told so, and all is let go. To be called once, when the lane
    /// has come to its end.
    public func end() {
        for leg in all {
            leg.end(CallLeg.Ending(503, "This side has been stopped", .local))
            leg.forget()
        }
        for effort in efforts.values { effort.agentEnded() }
        for dialog in dialogs.values { dialog.lose(503) }
        for completion in waiting { completion() }
        waiting = []
        efforts = [:]
        dialogs = [:]
        expected = [:]
        legs = [:]
        timers = [:]
        packages = [:]
        onInvitation = { _ in }
        onReferral = nil
        onRequest = { _ in }
    }

    /// All calls.
    public var all: [CallLeg] { legs.values.sorted { $0.number < $1.number } }

    // MARK: Timers

    /// Marks the timer tokens of an agent, so that a handler with other timers can tell them apart.
    public static let timerMark: UInt64 = 1 << 59

    /// A timer of the agent has fired.
    public func timerFired(_ token: UInt64) { timers.removeValue(forKey: token)?() }

    /// A timer that runs.
    struct RunningTimer {
        fileprivate var token: UInt64
        fileprivate var handle: UInt64
    }

    func schedule(_ delay: Duration, _ work: @escaping () -> Void) -> RunningTimer {
        let token = Self.timerMark | newNumber()
        timers[token] = work
        return RunningTimer(token: token, handle: layer.schedule(token, after: delay))
    }

    /// Stops a timer; one that has fired is ignored.
    func cancel(_ timer: RunningTimer) {
        guard timers.removeValue(forKey: timer.token) != nil else { return }
        layer.cancel(timer: timer.handle)
    }

    // MARK: Calling

    /// Calls a URI. Events come through the leg's `onEvent`, set it before this lane's turn ends.
    ///
    /// - Throws: `SocketError` when there is no port for the media.
    public func call(
        _ uri: URI, as identity: Identity, options: OutgoingCallOptions = OutgoingCallOptions()
    ) throws(SocketError) -> CallLeg {
        let near = layer.listeners.first?.address ?? .loopback()
        let leg = CallLeg(self, number: newNumber(), media: try media.makeLeg(near: near), invitation: nil)
        legs[leg.number] = leg
        leg.begin(to: uri, as: identity, options)
        return leg
    }

    /// Calls a URI with the session of a call that came in and has not been answered: what either far side offers is passed on to
    /// the other one. Its answer, refusal and progress are not: that is for whoever called this.
    ///
    /// - Returns: nil when that call has been answered, or rung, already.
    public func call(
        _ uri: URI, as identity: Identity, relaying leg: CallLeg, options: OutgoingCallOptions = OutgoingCallOptions()
    ) -> CallLeg? {
        guard let session = leg.relay() else { return nil }
        let made = CallLeg(self, number: newNumber(), session: session)
        legs[made.number] = made
        var options = options
        options.offersLate = !session.hasOffer
        made.begin(to: uri, as: identity, options)
        return made
    }

    // MARK: Requests

    /// Whether a request belongs to a dialog of this agent.
    public func takes(_ request: IncomingRequest) -> Bool { dialog(of: request) != nil }

    func dialog(of request: IncomingRequest) -> AgentDialog? {
        guard !dialogs.isEmpty else { return nil }
        let view = request.view
        guard let to = try? view.to, !to.tag.isEmpty, let id = try? DialogID(receiving: view) else { return nil }
        return dialogs[id]
    }

    func remember(_ dialog: AgentDialog) { dialogs[dialog.state.id] = dialog }

    func forget(_ dialog: AgentDialog) {
        let id = dialog.state.id
        guard dialogs[id] === dialog else { return }
        dialogs[id] = nil
        ended.insert(id)
        _ = schedule(layer.configuration.timers.timerF) { [weak self] in self?.ended.remove(id) }
    }

    /// Whether a reference names a dialog that has ended not long ago.
    func hasEnded(_ reference: DialogReference) -> Bool { ended.contains { reference.matches($0) } }

    /// This machine has another address, at which the listeners of the layer listen already: calls and subscriptions tell their
    /// far sides, and go on.
    public func relocate() {
        for dialog in dialogs.values { dialog.relocate() }
        for leg in all { leg.addressChanged() }
    }

    /// The call that a reference names, and that is or was of this agent.
    func leg(_ reference: DialogReference) -> CallLeg? {
        dialogs.first { reference.matches($0.key) }?.value.call
    }

    // MARK: Subscriptions that wait for notifiers

    func expect(_ subscription: EventSubscription, _ origin: RequestOrigin) {
        expected[OriginKey(origin)] = subscription
    }

    func expectNoMore(_ origin: RequestOrigin) { expected[OriginKey(origin)] = nil }

    /// Gives a NOTIFY without a dialog to the subscription that it begins; whether there is one.
    func begins(_ request: IncomingRequest) -> Bool {
        guard let key = OriginKey(request.view), let subscription = expected[key] else { return false }
        return subscription.receiveFirst(request)
    }

    // MARK: Endings

    func forget(_ leg: CallLeg) {
        legs[leg.number] = nil
        tellWhenQuiet()
    }

    /// Where requests go: first by the flow that reached the peer before when the next hop is the same address, then as located.
    func targets(_ uri: URI, flow: Flow?, _ completion: @escaping ([Target]) -> Void) {
        layer.locate(uri) { targets in
            if let flow, flow.connection != 0, targets.isEmpty || targets.contains(where: { $0.address == flow.remote })
            {
                return completion([Target(flow)] + targets)
            }
            completion(targets)
        }
    }

    func add(_ leg: CallLeg) { legs[leg.number] = leg }

    func newNumber() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    static func token(_ layer: TransactionLayer) -> String {
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: layer.driver.random())
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// Something of an agent that goes on by itself until it is ended: a subscription, a publication.
protocol AgentEffort: AnyObject {
    /// The agent has come to its end, and nothing can be sent or come any more.
    func agentEnded()
}

/// How calls are led.
public struct CallConfiguration: Sendable, Hashable {
    /// Which provisional responses are sent reliably when the caller supports it (RFC 3262); all are when it requires it.
    public enum ReliableProgress: Sendable, Hashable {
        /// Those with a session description, and all after them.
        case withDescription
        /// All.
        case always
    }

    /// Which provisional responses are sent reliably.
    public var reliableProgress = ReliableProgress.withDescription

    /// How long a session lasts without being refreshed, and who refreshes it (RFC 4028).
    public var sessionTimer = SessionTimer.Configuration()

    /// The defaults.
    public init() {}
}

extension TransportAddress {
    /// The IP address without port, as text.
    var host: String {
        withUnsafeTemporaryAllocation(byteCount: TransportAddress.longestText, alignment: 1) { memory in
            let count = writeIP(into: memory)
            return String(decoding: memory[0..<count], as: UTF8.self)
        }
    }
}
