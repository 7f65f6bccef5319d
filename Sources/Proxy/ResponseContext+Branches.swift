import Reactor
import Routing
import SIP
import SIPEndpoint

// The branches: in which groups they are tried, what each of them sends, and which way it tries next.
extension ResponseContext {
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

    private func passage(of i: Int, by departure: Flow) -> MediaPassage {
        var passage = MediaPassage(
            context: number, branch: i, arrival: arrival, departure: departure,
            leadsBehindNAT: targets[i].isBehindNAT, mode: directives.media)
        passage.encryption = directives.mediaEncryption
        return passage
    }

    /// Goes on with the next server of a branch whose last one is of no use (RFC 3263 §4.3), in a transaction of its own; false when
    /// there is none, or nobody waits for the branch any more.
    func goOn(_ i: Int, _ layer: TransactionLayer) -> Bool {
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
}
