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

    /// The methods that an agent knows.
    static let methods: MethodSet = [.invite, .ack, .cancel, .bye, .options, .prack, .update, .info]

    /// The extensions that an agent knows: what it says in Supported, and may find in Require.
    static let extensions = OptionTagSet(.reliableProvisional, .timer)

    /// The SIP layers.
    public let layer: TransactionLayer
    /// The user part of Contact.
    public let contactUser: String
    /// How calls are led.
    public var configuration = CallConfiguration()
    let media: any MediaProvider
    /// Credentials for those who ask.
    var credentials: DigestClient
    var merged = MergedRequests()
    private var legs: [UInt64: CallLeg] = [:]
    private var dialogs: [DialogID: AgentDialog] = [:]
    private var nextNumber: UInt64 = 0
    private var timers: [UInt64: () -> Void] = [:]
    /// Told of each call that comes in, on the lane; it rings or answers or refuses it.
    public var onInvitation: (CallLeg) -> Void = { $0.reject(480) }

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

    // MARK: Requests

    /// Whether a request belongs to a dialog of this agent.
    public func takes(_ request: IncomingRequest) -> Bool { dialog(of: request) != nil }

    private func dialog(of request: IncomingRequest) -> AgentDialog? {
        guard !dialogs.isEmpty else { return nil }
        let view = request.view
        guard let to = try? view.to, !to.tag.isEmpty, let id = try? DialogID(receiving: view) else { return nil }
        return dialogs[id]
    }

    func remember(_ dialog: AgentDialog) { dialogs[dialog.state.id] = dialog }

    func forget(_ dialog: AgentDialog) {
        if dialogs[dialog.state.id] === dialog { dialogs[dialog.state.id] = nil }
    }

    /// A request for this agent: in a dialog of its, or outside.
    public func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        if let dialog = dialog(of: request) { return dialog.receive(request) }
        let view = request.view
        if (try? view.to.tag.isEmpty) == false {
            if view.method != .ack { layer.respondStatelessly(to: request, 481) }
            return
        }
        guard view.method != .ack, view.method != .cancel, !refusesExtensions(of: request) else { return }
        switch view.method {
        case .invite: receiveInvite(request, layer)
        case .options: layer.respondStatelessly(to: request, 200) { self.writeAbilities(into: &$0) }
        case .bye, .prack, .update, .info: layer.respondStatelessly(to: request, 481)
        default: refuseMethod(request)
        }
    }

    /// A request in a dialog that nothing in it has taken.
    func receiveWithoutUsage(_ request: IncomingRequest, in dialog: AgentDialog) {
        switch request.view.method {
        case .options: layer.respondStatelessly(to: request, 200) { self.writeAbilities(into: &$0) }
        case .prack, .update, .info, .bye, .invite: layer.respondStatelessly(to: request, 481)
        default: refuseMethod(request)
        }
    }

    /// RFC 3261 §8.2.1: 405 for a method that is not allowed here, 501 for one that nobody knows (§21.5.2).
    private func refuseMethod(_ request: IncomingRequest) {
        layer.respondStatelessly(to: request, request.view.method == .unknown ? 501 : 405) {
            $0.append("Allow: \(Self.methods)\r\n")
        }
    }

    /// Refuses a request that requires an extension which is not known (RFC 3261 §8.2.2.3); whether it did.
    func refusesExtensions(of request: IncomingRequest) -> Bool {
        let view = request.view
        guard view.method != .ack, view.method != .cancel, view.firstIndex(of: .require) != nil else { return false }
        let required = view.optionTags(.require)
        guard required.intersection(Self.extensions) != required else { return false }
        layer.respondStatelessly(to: request, 420) {
            view.writeUnsupported(.require, supported: Self.extensions, into: &$0)
        }
        return true
    }

    private func receiveInvite(_ request: IncomingRequest, _ layer: TransactionLayer) {
        let view = request.view
        guard view.hasUsableBody else {
            return layer.respondStatelessly(to: request, 415) { $0.append("Accept: application/sdp\r\n") }
        }
        if let field = SessionTimer(configuration.sessionTimer).refusal(of: view) {
            return answer(request, 422, MessageContent([.init(field.name, field.value)]))
        }
        guard let transaction = layer.accept(request, user: nil) else { return }
        if (try? merged.isMerged(view, transaction: transaction.number)) == true {
            return layer.respond(transaction, 482)
        }
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: transaction.toTag)
        do {
            let machine = try IncomingInvite(
                request: view, localTag: writer.array, timers: layer.configuration.timers)
            let leg = CallLeg(
                self, number: newNumber(), media: try media.makeLeg(near: request.flow.local),
                invitation: transaction.request)
            legs[leg.number] = leg
            leg.begin(machine, transaction)
            if !leg.isEnded { onInvitation(leg) }
        } catch let defect as MessageDefect {
            merged.end(transaction: transaction.number)
            layer.respond(transaction, 400, reason: defect.reason)
        } catch {
            merged.end(transaction: transaction.number)
            layer.respond(transaction, 503, reason: "There is no port left for media")
        }
    }

    // MARK: Endings

    func forget(_ leg: CallLeg) { legs[leg.number] = nil }

    /// Where requests go: by the flow that reached the peer before when the next hop is the same address, else as located.
    func targets(_ uri: URI, flow: Flow?, _ completion: @escaping ([Target]) -> Void) {
        layer.locate(uri) { targets in
            if let flow, flow.connection != 0, targets.isEmpty || targets.contains(where: { $0.address == flow.remote })
            {
                return completion([Target(flow)])
            }
            completion(targets)
        }
    }

    private func newNumber() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    static func token(_ layer: TransactionLayer) -> String {
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: layer.driver.random())
        return String(decoding: writer.bytes, as: UTF8.self)
    }
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
