import Reactor
public import SIP

// Client transactions (RFC 3261 §17.1) and the choice of transport for requests (§18.1.1).
extension TransactionLayer {
    /// Sends a request in a new transaction.
    ///
    /// - Parameters:
    ///   - target: where to.
    ///   - branchSuffix: a number to add to the branch, such as a proxy's loop hash; 0 adds none.
    ///   - isContact: whether the target is where a user has registered, and no server.
    ///   - staysOnDatagram: forbids TCP for large requests, as for a contact behind a NAT that would not take a connection.
    ///   - write: writes the whole request; with the Via field to put on top, line end included, and the flow
    ///     that it leaves by. It may be called twice, when its size changes the transport.
    /// - Returns: the transaction, or nil when no listener of ours reaches the target: then no callback follows.
    public func send(
        _ method: Method, to target: Target, user: (any ClientTransactionUser)?, tag: Int = 0,
        branchSuffix: UInt64 = 0, isContact: Bool = false, staysOnDatagram: Bool = false, isProxied: Bool = false,
        _ write: (inout ByteWriter, UnsafeRawBufferPointer, Flow) -> Void
    ) -> ClientTransaction? {
        guard var flow = route(target) else { return nil }
        let token = clients.reserve()
        var extras = ViaExtras()
        extras.isOfOurs = target.flow == nil
        extras.offersOverloadControl = offersOverloadControl(to: target, isContact: isContact)
        writeRequest(flow, token, branchSuffix, extras, write)
        var datagramForm: ClientTransaction.DatagramForm?
        if flow.transport == .udp, scratch.count > configuration.datagramThreshold, !staysOnDatagram,
            target.flow == nil, acceptsTCP, let larger = route(Target(.tcp, target.address))
        {
            datagramForm = .init(request: scratch.array, flow: flow, isProxied: isProxied)
            flow = larger
            writeRequest(flow, token, branchSuffix, extras, write)
        }
        let reliable = flow.transport.isReliable
        let transaction = ClientTransaction(
            machine: method == .invite
                ? .invite(InviteClientTransaction(isReliable: reliable, isProxied: isProxied))
                : .nonInvite(NonInviteClientTransaction(isReliable: reliable)),
            token: token, request: scratch.array, method: method, flow: flow, isLocated: target.flow == nil,
            domain: target.domain, user: user, tag: tag)
        transaction.isProxied = isProxied
        transaction.datagramForm = datagramForm
        clients.insert(transaction, token)
        if flow.connection != 0 { clientsByConnection[flow.connection, default: []].insert(token) }
        counters.clientTransactions &+= 1
        start(transaction)
        return transaction
    }

    /// Sends a request that has no transaction of its own: the ACK to a 2xx (RFC 3261 §13.2.2.4).
    ///
    /// - Returns: the bytes as sent and their flow, to send them again when the 2xx comes again; nil when no listener of ours
    ///   reaches the target.
    public func sendOnce(
        to target: Target, _ write: (inout ByteWriter, UnsafeRawBufferPointer, Flow) -> Void
    ) -> (bytes: [UInt8], flow: Flow)? {
        guard let flow = route(target) else { return nil }
        // A branch like any other; no response will ever carry it.
        var extras = ViaExtras()
        extras.isOfOurs = target.flow == nil
        writeRequest(flow, driver.random() >> 8, 0, extras, write)
        let bytes = scratch.array
        counters.requestsSent &+= 1
        send(bytes, flow)
        return (bytes, flow)
    }

    /// Whether large requests are sent by TCP in place of UDP (RFC 3261 §18.1.1): where this element speaks both. One that is asked by
    /// UDP alone may be where nothing else passes, and connects only where it is told to.
    private var acceptsTCP: Bool { listeners.contains { $0.transport == .tcp && $0.isAccepting } }

    /// Chooses the flow to a target: its own, or the listener of that transport and family.
    public func route(_ target: Target) -> Flow? {
        guard !isEnded else { return nil }
        if let flow = target.flow { return flow }
        guard
            let listener = listeners.firstIndex(where: {
                $0.transport == target.transport && $0.address.family == target.address.family
            })
        else { return nil }
        var flow = Flow(
            transport: target.transport, listener: UInt16(listener), local: listeners[listener].address,
            remote: target.address)
        if target.transport.isReliable {
            flow.connection = driver.connect(to: target)
            guard flow.connection != 0 else { return nil }
        }
        return flow
    }

    // MARK: Responses

    func receiveResponse(_ view: MessageView, _ flow: Flow) {
        guard let via = try? view.topVia, let token = token(of: view.bytes(via.branch)),
            let found = clients.find(token), let cSeq = try? view.cSeq,
            let transaction = cSeq.method == .cancel && found.method != .cancel ? found.cancel : found,
            cSeq.method == transaction.method
        else {
            if !handler.receiveUnmatched(IncomingResponse(view: view, flow: flow), in: self) {
                counters.strayResponses &+= 1
            }
            return
        }
        let status = view.statusCode
        if via.hasOverloadControl { heedOverload(via, view, transaction) }
        let actions = transaction.machine.receive(status, configuration.timers)
        transaction.datagramForm = nil
        if actions.effects.contains(.sendAck) { buildAck(transaction, view) }
        if actions.effects.contains(.passResponse) {
            transaction.lastStatus = status
            targetAnswered(transaction, view)
        } else {
            counters.retransmissionsReceived &+= 1
        }
        perform(actions, transaction, IncomingResponse(view: view, flow: flow))
        if status.isFinal, transaction.isProxied { release(transaction) }
    }

    /// Lets go of what a proxy needs no more behind the final response, though the transaction lives on for the sake of what may be
    /// repeated.
    private func release(_ transaction: ClientTransaction) {
        transaction.request = []
        // Of an INVITE there may be further 2xx to pass on.
        if !transaction.isInvite { transaction.user = nil }
    }

    /// Sends CANCEL for an INVITE transaction; the caller waits for a provisional response first (RFC 3261 §9.1).
    ///
    /// `reason` is written as a Reason field when it is not empty (RFC 3326). The responses to the CANCEL are absorbed.
    /// An INVITE is cancelled once: a second call does nothing.
    public func sendCancel(_ invite: ClientTransaction, reason: [UInt8] = []) {
        guard invite.isInvite, !invite.isTerminated, !invite.lastStatus.isFinal, invite.cancel == nil else { return }
        if case .invite(var machine) = invite.machine {
            let actions = machine.cancelled(configuration.timers)
            invite.machine = .invite(machine)
            perform(actions, invite, nil)
        }
        var bytes = derived(invite, method: "CANCEL", to: nil)
        guard !bytes.isEmpty else { return }
        if !reason.isEmpty {
            let end = Array("Content-Length: 0\r\n\r\n".utf8)
            bytes.removeLast(end.count)
            bytes += Array("Reason: ".utf8) + reason + [0x0D, 0x0A] + end
        }
        // A CANCEL has the branch of its INVITE (RFC 3261 §9.1): its responses are found by way of that.
        let token = clients.reserve()
        let cancel = ClientTransaction(
            machine: .nonInvite(NonInviteClientTransaction(isReliable: invite.flow.transport.isReliable)),
            token: token, request: bytes, method: .cancel, flow: invite.flow, isLocated: invite.isLocated, user: nil,
            tag: 0)
        clients.insert(cancel, token)
        if cancel.flow.connection != 0 { clientsByConnection[cancel.flow.connection, default: []].insert(token) }
        counters.clientTransactions &+= 1
        invite.cancel = cancel
        start(cancel)
    }

    // MARK: Inputs

    private func start(_ transaction: ClientTransaction) {
        perform(transaction.machine.start(configuration.timers), transaction, nil)
    }

    func clientTimerFired(_ token: UInt64, _ timer: TransactionTimer) {
        guard let transaction = clients.find(token) else { return }
        let actions = transaction.machine.fire(timer, configuration.timers)
        // A large request that went by TCP and met silence goes by UDP, where the far end may listen (RFC 3261 §18.1.1).
        if actions.effects.contains(.reportTimeout), returnToDatagram(transaction) { return }
        perform(actions, transaction, nil)
    }

    /// The network said that a datagram of ours does not arrive: ICMP, or no route (RFC 3261 §18.4).
    ///
    /// - Parameter datagram: as much of the datagram as came back; its topmost Via names the transaction.
    /// - Returns: whether the datagram was one of this layer's.
    @discardableResult
    public func datagramFailed(_ datagram: UnsafeRawBufferPointer, _ reason: String) -> Bool {
        let cookie = UInt8(ascii: "z")
        guard let lineEnd = datagram.firstIndex(of: 0x0A) else { return false }
        var at = lineEnd
        // What came back may be cut anywhere, so that it is searched for a branch of ours and not parsed.
        while at + 39 <= datagram.count, datagram[at] != 0x0D || at == lineEnd {
            if datagram[at] == cookie {
                let rest = UnsafeRawBufferPointer(rebasing: datagram[at...])
                if let token = token(of: rest) {
                    if let transaction = clients.find(token) { fail(transaction, reason) }
                    return true
                }
            }
            at += 1
        }
        return false
    }

    /// A connection has ended or could not be made; what waited on it is told.
    public func connectionClosed(_ connection: UInt64, _ reason: String) {
        let waiting = clientsByConnection.removeValue(forKey: connection)
        // First, so that whoever tries elsewhere finds nothing that is gone; what it sends is none of what waited.
        handler.connectionClosed(connection, in: self)
        guard let tokens = waiting else { return }
        for token in tokens.sorted() {
            guard let transaction = clients.find(token), transaction.flow.connection == connection else { continue }
            if !returnToDatagram(transaction) { fail(transaction, reason) }
        }
    }

    func fail(_ transaction: ClientTransaction, _ reason: String) {
        guard !transaction.isTerminated, !transaction.lastStatus.isFinal else { return }
        perform(transaction.machine.transportFailed(), transaction, nil, reason)
    }

    /// Sends by UDP what went by TCP for its size alone; false when that is not the case.
    private func returnToDatagram(_ transaction: ClientTransaction) -> Bool {
        guard let form = transaction.datagramForm, transaction.lastStatus == 0 else { return false }
        transaction.datagramForm = nil
        transaction.request = form.request
        leaveConnection(transaction)
        transaction.flow = form.flow
        transaction.machine =
            transaction.isInvite
            ? .invite(InviteClientTransaction(isReliable: false, isProxied: form.isProxied))
            : .nonInvite(NonInviteClientTransaction(isReliable: false))
        start(transaction)
        return true
    }

    // MARK: Carrying out

    private func perform(
        _ actions: TransactionActions, _ transaction: ClientTransaction, _ response: IncomingResponse?,
        _ reason: String = "the request cannot be sent"
    ) {
        let effects = actions.effects
        var hasFailed = false
        if effects.contains(.sendRequest) {
            counters.requestsSent &+= 1
            hasFailed = !send(transaction.request, transaction.flow)
        }
        if effects.contains(.resendRequest) {
            counters.retransmissionsSent &+= 1
            hasFailed = !send(transaction.request, transaction.flow)
        }
        if effects.contains(.sendAck) {
            if transaction.ack.isEmpty == false { send(transaction.ack, transaction.flow) }
        }
        apply(actions.retransmission, &transaction.retransmissionTimer, .client, transaction.token, lifetime: false)
        apply(actions.lifetime, &transaction.lifetimeTimer, .client, transaction.token, lifetime: true)
        let user = transaction.user
        if effects.contains(.terminate) { remove(transaction) }
        if effects.contains(.passResponse), let response {
            user?.receive(response, for: transaction, in: self)
        }
        if effects.contains(.sendCancel) {
            transaction.isGivenUp = true
            sendCancel(transaction)
        }
        if effects.contains(.reportTimeout) {
            counters.timeouts &+= 1
            targetFailed(transaction)
            user?.failed(transaction, .timeout, in: self)
        }
        if effects.contains(.reportTransportFailure) {
            counters.transportFailures &+= 1
            if transaction.request.count <= DatagramSocket.longestPayload || transaction.flow.transport.isReliable {
                targetFailed(transaction)
            }
            user?.failed(transaction, .transport(reason), in: self)
        }
        guard hasFailed else { return }
        // A connection that is gone fails at once, and so does what no datagram holds; a datagram without room in the
        // backlog is repeated by its timer.
        if transaction.flow.connection != 0 {
            let reason = driver.reasonOfEnd(of: transaction.flow.connection) ?? "the connection is closed"
            if !returnToDatagram(transaction) { fail(transaction, reason) }
        } else if transaction.request.count > DatagramSocket.longestPayload {
            fail(transaction, "the request is larger than a datagram")
        }
    }

    private func remove(_ transaction: ClientTransaction) {
        guard !transaction.isTerminated else { return }
        transaction.isTerminated = true
        transaction.user = nil
        transaction.cancel = nil
        clients.remove(transaction.token)
        leaveConnection(transaction)
    }

    /// The end of the connection that a transaction has used is of no more interest to it.
    private func leaveConnection(_ transaction: ClientTransaction) {
        let connection = transaction.flow.connection
        guard connection != 0 else { return }
        clientsByConnection[connection]?.remove(transaction.token)
        if clientsByConnection[connection]?.isEmpty == true { clientsByConnection[connection] = nil }
    }
}
