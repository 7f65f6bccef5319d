import Routing
import SIP
import SIPEndpoint

// What the branches are answered (RFC 3261 §16.7).
extension ResponseContext: ClientTransactionUser {
    /// Why those who lose are cancelled (RFC 3326 §3.1).
    private static let completedElsewhere = Array("SIP;cause=200;text=\"Call completed elsewhere\"".utf8)

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
}
