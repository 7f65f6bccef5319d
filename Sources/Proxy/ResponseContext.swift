import Reactor
import Routing
import SIP
import SIPEndpoint

/// The response context of one forwarded request (RFC 3261 §16.2, §16.7): its branches, and the choice of the response
/// that goes back.
///
/// Bound to its lane. It lives as long as one of its transactions does.
final class ResponseContext {
    // `@exclusivity(unchecked)`, here and in what follows: members are touched by the lane's thread only, and none is handed
    // to foreign code while it is being changed, so that no check at run time is needed.
    /// One branch.
    struct Branch {
        enum State {
            case waiting
            case resolving
            case pending
            case finished
        }

        var state = State.waiting
        var client: ClientTransaction?
        /// Whether it is to be cancelled as soon as a provisional response has come.
        var wantsCancel = false
        /// Whether its time to ring is over: a 487 from it is the answer to our own CANCEL and counts as 408.
        var isGivenUp = false
        /// The number under which it waits for its user agent to be woken; nil when it does not.
        var parking: UInt64?
        /// Whether it has answered with more than 100.
        var hasRung = false
        /// The part of Max-Breadth that it has while it is under way.
        var breadth = 0
        /// The further hops to try when this one fails.
        var alternatives = TargetSet()
    }

    let proxy: Proxy
    /// The request; let go once it is answered and no branch is under way, as what comes then, such as a second 2xx, only
    /// passes through.
    @exclusivity(unchecked) private(set) var message: Message
    /// The target set; what redirections add comes behind (RFC 3261 §16.5).
    @exclusivity(unchecked) var targets: [ProxyTarget]
    let breadth: Int
    let loopHash: UInt64
    let strips: [HeaderName]
    let directives: ForwardingDirectives
    let arrival: Flow
    @exclusivity(unchecked) private(set) var server: ServerTransaction?
    /// One for each target.
    @exclusivity(unchecked) var branches: [Branch]
    /// The branches that were not tried yet, in the order in which they will be.
    @exclusivity(unchecked) var waiting: [Int]
    /// The best final response so far that is no 2xx.
    @exclusivity(unchecked) var best = BestResponse()
    /// Whether a final response has gone back.
    @exclusivity(unchecked) private(set) var isAnswered = false
    @exclusivity(unchecked) var isCancelled = false
    /// The reason to put into the CANCELs of losing branches.
    @exclusivity(unchecked) var cancelReason: [UInt8] = []
    let isInvite: Bool
    /// Whether the request is a REGISTER that our Path is put into.
    let wantsPath: Bool
    /// The way of the request, where it is kept.
    @exclusivity(unchecked) var history: RequestHistory?
    /// The Diversion fields of the targets of redirections, by branch.
    @exclusivity(unchecked) var diversions: [Int: [UInt8]] = [:]
    /// The timer of the group that rings while others wait.
    @exclusivity(unchecked) var ringTimer: Proxy.RingTimer?

    init(
        proxy: Proxy, message: Message, targets: [ProxyTarget], breadth: Int, loopHash: UInt64, strips: [HeaderName],
        directives: ForwardingDirectives, arrival: Flow
    ) {
        self.proxy = proxy
        self.message = message
        self.targets = targets.inOrder
        self.breadth = breadth
        self.loopHash = loopHash
        self.strips = strips
        self.directives = directives
        self.arrival = arrival
        branches = targets.count == 1 ? [Branch()] : Array(repeating: Branch(), count: targets.count)
        waiting = targets.count == 1 ? [] : Array(targets.indices)
        isInvite = message.method == .invite
        wantsPath = message.method == .register && message.withView { proxy.wantsPath($0) }
        history = message.withView { RequestHistory($0, proxy.configuration.history) }
    }

    /// Answers an INVITE 100 and sends the first branches.
    ///
    /// - Parameters:
    ///   - server: whoever is answered; nil for a request of this server's own.
    ///   - plan: what Route says; it is the same for the message that is kept.
    func start(_ server: ServerTransaction?, _ plan: RoutePlan, _ layer: TransactionLayer) {
        self.server = server
        if isInvite, let server { layer.respond(server, 100) }
        guard branches.count == 1 else {
            startGroup(layer)
            return
        }
        // The usual case: a group of one, behind which nothing waits.
        branches[0].state = .resolving
        branches[0].breadth = breadth
        start(0, layer, plan)
    }

    /// The number of the context among those of the lane.
    var number: UInt64 { UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())) }

    // MARK: The end

    /// A branch is over without a response of its own.
    func finish(_ i: Int, _ status: StatusCode, _ layer: TransactionLayer) {
        guard branches[i].state != .finished else { return }
        branches[i].state = .finished
        branches[i].client = nil
        history?.received(status, nil, for: i)
        best.add(local: status, isThrottled: branches[i].alternatives.wasThrottled)
        settle(layer)
    }

    /// Whether the request is for a resource of ours, and not on its way to somewhere else (RFC 3261 §16.5).
    var isHome: Bool { targets.first?.uri != nil }

    var isSettled: Bool { branches.allSatisfy { $0.state == .finished || $0.state == .waiting } }

    /// When no branch is under way: the next group, or the best response.
    func settle(_ layer: TransactionLayer) {
        guard !isAnswered else { return releaseMessage() }
        guard isSettled else { return }
        if !best.isGlobalFailure, startGroup(layer) { return }
        answer(layer)
    }

    /// The final response goes back, or none will.
    func conclude(_ status: StatusCode, _ layer: TransactionLayer) {
        guard !isAnswered else { return }
        isAnswered = true
        leaveParking(layer)
        if isInvite || message.method == .bye, let policy = proxy.policy {
            // A BYE of ours has ended the call, whatever it is answered: none with credentials follows.
            message.withView { policy.concluded($0, server == nil ? 200 : status) }
        }
        if server != nil, let anchor = proxy.anchor {
            message.withView { anchor.concluded($0, status, context: number) }
        }
        releaseMessage()
    }

    func releaseMessage() {
        if isAnswered, history == nil, isSettled { message = .none }
    }

    func answer(_ layer: TransactionLayer) {
        guard !isAnswered else { return }
        conclude(best.status, layer)
        stopRingTimer(layer)
        guard let server else { return }
        best.send(
            server, layer, isHome: isHome, noAnswer: proxy.configuration.noAnswerStatus, further: returnedFields()
        ) { editHistory(of: $0, with: &$1) }
    }
}

extension Method {
    /// Whether a request of this method outside of a dialog can begin one, so that it is record-routed.
    var makesDialog: Bool { self == .invite || self == .subscribe || self == .notify || self == .refer }
}
