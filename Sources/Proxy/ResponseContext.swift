import Reactor
import Routing
import SIP
import SIPEndpoint

/// The response context of one forwarded request (RFC 3261 §16.2, §16.7): its branches, and the choice of the response
/// that goes back.
///
/// Bound to its lane. It lives as long as one of its transactions does.
final class ResponseContext: ServerTransactionUser, ClientTransactionUser {
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
    private let breadth: Int
    private let loopHash: UInt64
    private let strips: [HeaderName]
    let directives: ForwardingDirectives
    private let arrival: Flow
    @exclusivity(unchecked) private var server: ServerTransaction?
    /// One for each target.
    @exclusivity(unchecked) var branches: [Branch]
    /// The branches that were not tried yet, in the order in which they will be.
    @exclusivity(unchecked) var waiting: [Int]
    /// The best final response so far that is no 2xx.
    @exclusivity(unchecked) var best = BestResponse()
    /// Whether a final response has gone back.
    @exclusivity(unchecked) private(set) var isAnswered = false
    @exclusivity(unchecked) private(set) var isCancelled = false
    /// The reason to put into the CANCELs of losing branches.
    @exclusivity(unchecked) private var cancelReason: [UInt8] = []
    let isInvite: Bool
    /// Whether the request is a REGISTER that our Path is put into.
    private let wantsPath: Bool
    /// The way of the request, where it is kept.
    @exclusivity(unchecked) var history: RequestHistory?
    /// The Diversion fields of the targets of redirections, by branch.
    @exclusivity(unchecked) var diversions: [Int: [UInt8]] = [:]
    /// The timer of the group that rings while others wait.
    @exclusivity(unchecked) private var ringTimer: Proxy.RingTimer?

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

    // MARK: Branches

    /// Starts all branches of the highest preference that wait; false when none does.
    @discardableResult
    func startGroup(_ layer: TransactionLayer) -> Bool {
        guard !isAnswered, !isCancelled, let first = waiting.first else { return false }
        let used = branches.reduce(0) { $0 + ($1.state == .pending || $1.state == .resolving ? $1.breadth : 0) }
        // RFC 5393 §5.3.3.1: where there is not breadth enough for all at once, the rest is tried after them.
        let group = Array(
            waiting.prefix { targets[$0].isEquallyPreferred(to: targets[first]) }.prefix(max(0, breadth - used)))
        guard !group.isEmpty else { return false }
        waiting.removeFirst(group.count)
        // Those that are tried later need some too: what rings has its breadth until its final response.
        let usable = max(group.count, breadth - used - waiting.count)
        for (n, i) in group.enumerated() {
            branches[i].state = .resolving
            branches[i].breadth = usable / group.count + (n < usable % group.count ? 1 : 0)
        }
        startRingTimer(layer)
        for i in group { start(i, layer) }
        return true
    }

    /// Starts a branch.
    ///
    /// - Parameter known: what Route says, where that was read already.
    func start(_ i: Int, _ layer: TransactionLayer, _ known: RoutePlan? = nil) {
        if parks(i, layer) { return }
        guard let plan = known ?? (try? proxy.plan(message.view, layer)) else { return finish(i, 400, layer) }
        if layer.prefersNoTarget, let hop = proxy.plainHop(message.view, plan, targets[i], layer) {
            guard isWanted(i, layer), !send(i, to: hop, plan, layer) else { return }
            return finish(i, 480, layer)
        }
        proxy.nextHops(message.view, plan, targets[i], layer) { [self] hops in
            guard isWanted(i, layer) else { return }
            branches[i].alternatives = TargetSet(hops)
            guard !sendToNext(i, layer) else { return }
            finish(i, branches[i].alternatives.wasThrottled ? 503 : 480, layer)
        }
    }

    /// Whether a branch whose next hops are known is still to be sent; ends it when it is not.
    private func isWanted(_ i: Int, _ layer: TransactionLayer) -> Bool {
        guard branches[i].state == .resolving else { return false }
        if isAnswered || isCancelled {
            finish(i, 487, layer)
        } else if branches[i].isGivenUp {
            finish(i, 408, layer)
        } else {
            return true
        }
        return false
    }

    /// Sends to the next hop that can be reached; false when there is none left.
    private func sendToNext(_ i: Int, _ layer: TransactionLayer) -> Bool {
        // Only where somebody has asked for less does it matter what kind of request this is.
        let isSheddable = layer.isThrottled && message.view.beginsSomething
        while let hop = branches[i].alternatives.next(in: layer, isSheddable: isSheddable) {
            if send(i, to: hop, nil, layer) { return true }
        }
        return false
    }

    /// Sends a branch; false when no listener of ours reaches the hop.
    private func send(_ i: Int, to hop: Target, _ known: RoutePlan?, _ layer: TransactionLayer) -> Bool {
        guard let departure = layer.route(hop), let plan = known ?? (try? proxy.plan(message.view, layer)) else {
            return false
        }
        var forwarding = Forwarding(
            target: targets[i], loopHash: loopHash, breadth: branches[i].breadth, strips: strips, arrival: arrival,
            recordsRoute: message.method.makesDialog
                && (proxy.configuration.recordsRoute || directives.recordsRoute || targets[i].recordsRoute))
        if let history = historyFields(of: i) {
            forwarding.history = history.fields
            forwarding.heedsPrivacy = history.heedsPrivacy
        }
        if let fields = diversions[i] { forwarding.diversion = fields }
        forwarding.addsPath = wantsPath
        if let anchor = proxy.anchor {
            switch anchor.forwards(message.view, passage(of: i, by: departure)) {
            case .untouched: break
            case .replaced(let body):
                forwarding.body = body
            case .refused(let status):
                finish(i, status, layer)
                return true
            }
        }
        branches[i].state = .pending
        proxy.counters.branches &+= 1
        let client = layer.send(
            message.method, to: hop, user: self, tag: i, branchSuffix: loopHash, isContact: targets[i].isContact,
            staysOnDatagram: targets[i].isBehindNAT, isProxied: true
        ) { writer, via, flow in
            proxy.write(message.view, plan, forwarding, flow, via, into: &writer, layer)
        }
        guard let client else { return false }
        // One that has failed already may have led on to the next.
        if branches[i].state == .pending, !client.isTerminated { branches[i].client = client }
        return true
    }

    /// The number of the context among those of the lane.
    private var number: UInt64 { UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())) }

    private func passage(of i: Int, by departure: Flow) -> MediaPassage {
        var passage = MediaPassage(
            context: number, branch: i, arrival: arrival, departure: departure,
            leadsBehindNAT: targets[i].isBehindNAT, mode: directives.media)
        passage.encryption = directives.mediaEncryption
        return passage
    }

    /// Goes on with the next server of a branch whose last one is of no use (RFC 3263 §4.3), in a transaction of its own; false when
    /// there is none, or nobody waits for the branch any more.
    private func goOn(_ i: Int, _ layer: TransactionLayer) -> Bool {
        let branch = branches[i]
        guard branch.state == .pending, !branch.isGivenUp, !branch.hasRung, !branch.wantsCancel, !isAnswered,
            !isCancelled, !best.isGlobalFailure, !branch.alternatives.isEmpty
        else { return false }
        branches[i].client = nil
        guard sendToNext(i, layer) else { return false }
        proxy.counters.nextServers &+= 1
        return true
    }

    /// Goes on with the next way to the device of a branch that led nowhere (RFC 5626 §7); false when there is none.
    func failOver(_ i: Int, _ layer: TransactionLayer) -> Bool {
        guard branches[i].state != .finished, !isAnswered, !isCancelled, !branches[i].isGivenUp,
            var next = targets[i].alternates.first
        else { return false }
        next.alternates = Array(targets[i].alternates.dropFirst())
        next.preference = targets[i].preference
        next.redirections = targets[i].redirections
        branches[i].state = .finished
        branches[i].client = nil
        proxy.counters.failOvers &+= 1
        targets.append(next)
        branches.append(Branch())
        // It takes the place of the branch, and so its breadth.
        branches[branches.count - 1].state = .resolving
        branches[branches.count - 1].breadth = branches[i].breadth
        diversions[branches.count - 1] = diversions[i]
        start(branches.count - 1, layer)
        return true
    }

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

    private var isSettled: Bool { branches.allSatisfy { $0.state == .finished || $0.state == .waiting } }

    /// When no branch is under way: the next group, or the best response.
    func settle(_ layer: TransactionLayer) {
        guard !isAnswered else { return releaseMessage() }
        guard isSettled else { return }
        if !best.isGlobalFailure, startGroup(layer) { return }
        answer(layer)
    }

    /// The final response goes back, or none will.
    private func conclude(_ status: StatusCode, _ layer: TransactionLayer) {
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

    private func releaseMessage() {
        if isAnswered, history == nil, isSettled { message = .none }
    }

    private func answer(_ layer: TransactionLayer) {
        guard !isAnswered else { return }
        conclude(best.status, layer)
        stopRingTimer(layer)
        guard let server else { return }
        best.send(
            server, layer, isHome: isHome, noAnswer: proxy.configuration.noAnswerStatus, further: returnedFields()
        ) { editHistory(of: $0, with: &$1) }
    }

    // MARK: Time to ring

    /// Limits how long a group rings while further targets wait; the last group has Timer C alone.
    private func startRingTimer(_ layer: TransactionLayer) {
        stopRingTimer(layer)
        guard isInvite, !waiting.isEmpty else { return }
        ringTimer = proxy.startRingTimer(self, layer)
    }

    private func stopRingTimer(_ layer: TransactionLayer) {
        guard let timer = ringTimer else { return }
        ringTimer = nil
        proxy.stop(timer, layer)
    }

    /// The group has rung for long enough: it is cancelled, and the next is tried without waiting for its 487.
    func ringTimeIsOver(_ layer: TransactionLayer) {
        ringTimer = nil
        guard !isAnswered, !isCancelled else { return }
        for i in branches.indices where branches[i].state == .pending || branches[i].state == .resolving {
            branches[i].isGivenUp = true
            history?.received(408, nil, for: i)
        }
        cancelPending(layer)
        startGroup(layer)
    }

    // MARK: ClientTransactionUser

    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        let i = transaction.tag
        let view = response.view
        let status = view.statusCode
        if status.isProvisional {
            if status != 100 {
                branches[i].hasRung = true
                history?.received(status, view, for: i)
            }
            if branches[i].wantsCancel {
                branches[i].wantsCancel = false
                layer.sendCancel(transaction, reason: cancelReason)
            }
            // 100 is not passed on; others are until a final response went back (§16.7 step 5).
            if status != 100, !isAnswered, let server { pass(view, i, status, server, layer) }
            return
        }
        // §16.8: what Timer C or the time to ring has cancelled counts as 408; the 487 tells of our own CANCEL only.
        if status == 487, !isCancelled, branches[i].isGivenUp || transaction.isGivenUp { return finish(i, 408, layer) }
        if TargetSet.leadsOn(status), goOn(i, layer) { return }
        history?.received(status, view, for: i)
        // RFC 5626 §7: the flow is gone, and the device may have another. What rang was there.
        if status == 430 || status == 408 && !branches[i].hasRung, failOver(i, layer) { return }
        let wasFinished = branches[i].state == .finished
        branches[i].state = .finished
        branches[i].client = nil
        if status.isSuccess {
            // Each 2xx to INVITE goes back, also after the first; of others only the first response does.
            guard isInvite || !isAnswered else { return }
            let isFirst = !isAnswered
            if isInvite { proxy.policy?.answered(view) }
            conclude(status, layer)
            stopRingTimer(layer)
            if let server { pass(view, i, status, server, layer) }
            if isFirst, directives.cancelsLosers {
                cancelPending(layer, reason: Self.completedElsewhere)
            }
            return
        }
        guard !wasFinished, !isAnswered else { return releaseMessage() }
        if status.category == 3, follow(view, i, layer) { return }
        if status.category == 6 { cancelPending(layer) }
        let isLast = branches.allSatisfy { $0.state == .finished }
        if isLast, best.isEmpty, status != 503, status != 430 || !isHome, let server {
            // The only response there is needs no keeping.
            conclude(status, layer)
            stopRingTimer(layer)
            return pass(view, i, status, server, layer)
        }
        best.add(view)
        settle(layer)
    }

    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        let i = transaction.tag
        guard branches[i].state == .pending else { return }
        // RFC 3263 §4.3: the next address is for one that gave no sign of life, not for one that rang in vain.
        let isSilent = TargetSet.leadsOn(transaction) && !branches[i].isGivenUp
        if isSilent, goOn(i, layer) { return }
        var isFlowLost = false
        if case .transport = failure {
            isFlowLost = targets[i].isEdgeFlow || targets[i].isDialogFlow
            if let flow = targets[i].flow { lost(flow, i, layer) }
        }
        if isSilent, failOver(i, layer) { return }
        if isFlowLost { return finish(i, 430, layer) }
        // §16.7: a time-out counts as 408, a failed transport as 503.
        finish(i, failure == .timeout || branches[i].isGivenUp ? 408 : 503, layer)
    }

    /// Nothing arrives by the flow of a branch any more.
    private func lost(_ flow: Flow, _ i: Int, _ layer: TransactionLayer) {
        if isHome { message.withView { proxy.policy?.failed(flow, of: $0) } }
        guard targets[i].isDialogFlow, targets[i].uri == nil, targets[i].alternates.isEmpty,
            let plan = try? proxy.plan(message.view, layer)
        else { return }
        targets[i].alternates = message.withView { proxy.detours($0, plan, around: flow) }
    }

    /// Sends a response back: without our Via, all else byte for byte.
    private func pass(
        _ view: MessageView, _ i: Int, _ status: StatusCode, _ server: ServerTransaction, _ layer: TransactionLayer
    ) {
        var body: [UInt8]?
        if let anchor = proxy.anchor, !view.body.isEmpty || status.isSuccess || isInvite {
            switch anchor.passes(view, context: number, branch: i) {
            case .untouched: break
            case .replaced(let bytes): body = bytes
            // Nobody would hear the other; but the dialog is there, and the ends have to end it.
            case .refused: break
            }
        }
        layer.respond(server, status: status, isForwarded: true) { writer in
            proxy.editor.removeAll()
            proxy.editor.popFirstValue(.via, of: view)
            proxy.editor.setOverloadFeedback(layer.overloadFeedback(for: server), of: view)
            editHistory(of: view, with: &proxy.editor)
            if let body {
                body.withUnsafeBytes { proxy.editor.setBody($0, of: view) }
            } else {
                proxy.editor.completeLength(of: view, for: server.flow.transport)
            }
            proxy.editor.write(view, into: &writer)
        }
    }

    // MARK: CANCEL

    func cancelled(_ transaction: ServerTransaction, in layer: TransactionLayer) {
        isCancelled = true
        stopRingTimer(layer)
        leaveParking(layer)
        for i in waiting { branches[i].state = .finished }
        waiting.removeAll()
        // RFC 3326 §2: those who ring hear why, such as that the call was answered elsewhere.
        cancelPending(layer, reason: transaction.cancelReason)
        if isSettled, !isAnswered {
            best.add(local: 487)
            answer(layer)
        }
    }

    func failed(_ transaction: ServerTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        // The ACK of a negative response did not come, or nothing can be sent back: what still rings is stopped.
        conclude(408, layer)
        stopRingTimer(layer)
        cancelPending(layer)
    }

    /// Why those who lose are cancelled (RFC 3326 §3.1).
    private static let completedElsewhere = Array("SIP;cause=200;text=\"Call completed elsewhere\"".utf8)

    private func cancelPending(_ layer: TransactionLayer, reason: [UInt8] = []) {
        guard isInvite else { return }
        cancelReason = reason
        for i in branches.indices where branches[i].state == .pending {
            guard let client = branches[i].client else { continue }
            if client.lastStatus == 0 {
                branches[i].wantsCancel = true
            } else {
                layer.sendCancel(client, reason: cancelReason)
            }
        }
    }
}

extension Method {
    /// Whether a request of this method outside of a dialog can begin one, so that it is record-routed.
    var makesDialog: Bool { self == .invite || self == .subscribe || self == .notify || self == .refer }
}
