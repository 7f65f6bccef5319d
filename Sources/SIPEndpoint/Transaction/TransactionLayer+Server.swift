import Reactor
public import SIP

// Server transactions (RFC 3261 §17.2).
extension TransactionLayer {
    /// What names the transaction of a request: the bytes that must be equal (RFC 3261 §17.2.3).
    ///
    /// With the magic cookie these are branch and sent-by; without it, Call-ID, CSeq number, From tag, Request-URI and
    /// the whole topmost Via. The method is added by the caller, since ACK and CANCEL look for INVITE.
    private func identity(_ view: MessageView, _ via: ViaIndex) -> [UInt8] {
        var bytes: [UInt8] = []
        if Branch.hasMagicCookie(view.bytes(via.branch)) {
            bytes.reserveCapacity(Int(via.branch.count + via.sentBy.count) + 1)
            bytes.append(contentsOf: view.bytes(via.branch))
            bytes.append(0)
            bytes.append(contentsOf: view.bytes(via.sentBy))
            return bytes
        }
        bytes.append(contentsOf: view.bytes(via.whole))
        bytes.append(0)
        bytes.append(contentsOf: view.bytes(view.startLine.uriRange))
        bytes.append(0)
        if let callID = try? view.callID { bytes.append(contentsOf: view.bytes(callID)) }
        bytes.append(0)
        if let from = try? view.from { bytes.append(contentsOf: view.bytes(from.tag)) }
        if let cSeq = try? view.cSeq {
            withUnsafeBytes(of: cSeq.number) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// The hash under which a server transaction is kept; keyed by the process's seed, so that nobody can aim at a chain.
    func transactionKey(_ view: MessageView, _ via: ViaIndex, _ method: Method) -> UInt64 {
        var hasher = Hasher()
        if Branch.hasMagicCookie(view.bytes(via.branch)) {
            hasher.combine(bytes: view.bytes(via.branch))
            hasher.combine(bytes: view.bytes(via.sentBy))
        } else {
            let all = identity(view, via)
            all.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
        hasher.combine(method.rawValue)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    func findServer(_ key: UInt64, _ request: IncomingRequest) -> ServerTransaction? {
        let view = request.view
        return serversByKey.find(key) { candidate in
            Branch.hasMagicCookie(view.bytes(request.via.branch))
                ? matches(candidate.identity, view, request.via)
                : candidate.identity == identity(view, request.via)
        }
    }

    private func matches(_ identity: [UInt8], _ view: MessageView, _ via: ViaIndex) -> Bool {
        let branch = Int(via.branch.count)
        guard identity.count == branch + 1 + Int(via.sentBy.count) else { return false }
        return identity.withUnsafeBytes { bytes in
            bytes.prefix(branch).elementsEqual(view.bytes(via.branch))
                && bytes.dropFirst(branch + 1).elementsEqual(view.bytes(via.sentBy))
        }
    }

    /// Makes the server transaction of a request; nil when the lane is full, and then the request was answered 503.
    ///
    /// INVITE is answered 100 after `TransactionTimers.inviteTrying` unless something else was sent.
    ///
    /// - Parameter message: the request where its caller has kept it already, so that it is kept once.
    public func accept(
        _ request: IncomingRequest, user: (any ServerTransactionUser)?, keeping message: Message? = nil
    ) -> ServerTransaction? {
        guard transactionCount < configuration.transactionLimit else {
            counters.shed &+= 1
            respondStatelessly(to: request, 503) { $0.append("Retry-After: 5\r\n") }
            return nil
        }
        let view = request.view
        let method = view.method
        let reliable = request.flow.transport.isReliable
        let token = servers.reserve()
        let transaction = ServerTransaction(
            machine: method == .invite
                ? .invite(InviteServerTransaction(isReliable: reliable))
                : .nonInvite(NonInviteServerTransaction(isReliable: reliable)),
            token: token, key: request.key, identity: identity(view, request.via), request: message ?? request.keep(),
            flow: request.flow, responseFlow: responseFlow(request), toTag: tag(for: request))
        transaction.user = user
        if request.via.hasOverloadControl { transaction.overloadAlgorithms = OverloadAlgorithms(view, request.via) }
        servers.insert(transaction, token)
        serversByKey.insert(transaction)
        counters.serverTransactions &+= 1
        perform(transaction.machine.start(configuration.timers), transaction)
        return transaction
    }

    /// Sends a response in a transaction: status line and copied fields are written, then what `extra` writes, then the
    /// end of the header. A response with a body must be written by `respond(_:status:writing:)`.
    public func respond(
        _ transaction: ServerTransaction, _ status: StatusCode, reason: StaticString? = nil,
        copiesRecordRoute: Bool = false, _ extra: (inout ByteWriter) -> Void = { _ in }
    ) {
        respond(transaction, status: status) { writer in
            self.writeHead(transaction, status, reason, copiesRecordRoute, into: &writer)
            extra(&writer)
            MessageView.endResponse(into: &writer)
        }
    }

    /// Writes the status line and the copied fields of a response in a transaction.
    public func writeHead(
        _ transaction: ServerTransaction, _ status: StatusCode, _ reason: StaticString?, _ copiesRecordRoute: Bool,
        into writer: inout ByteWriter
    ) {
        guard let request = transaction.request else { return }
        let count = transaction.flow.remote.writeIP(into: addressText)
        request.withView { view in
            view.beginResponse(
                .init(
                    status, reason: reason, toTag: transaction.toTag, copiesRecordRoute: copiesRecordRoute,
                    received: UnsafeRawBufferPointer(rebasing: addressText[0..<count]),
                    receivedPort: transaction.flow.remote.port, overload: overloadFeedback(for: transaction)),
                into: &writer)
        }
    }

    /// Sends a response that `write` writes whole.
    ///
    /// - Parameter isForwarded: whether it is another's: a 2xx to INVITE is repeated by who sent it, and not kept here.
    public func respond(
        _ transaction: ServerTransaction, status: StatusCode, isForwarded: Bool = false,
        writing write: (inout ByteWriter) -> Void
    ) {
        guard !transaction.isTerminated else { return }
        let actions = transaction.machine.send(status, configuration.timers)
        if actions.effects.contains(.sendResponse) {
            scratch.removeAll()
            write(&scratch)
            transaction.lastResponse = isForwarded && status.isSuccess && transaction.isInvite ? [] : scratch.array
            transaction.lastStatus = status
        }
        perform(actions, transaction)
    }

    /// Sends the last response once more: the 2xx to INVITE that a user agent repeats until its ACK comes
    /// (RFC 3261 §13.3.1.4).
    public func resend(_ transaction: ServerTransaction) {
        guard !transaction.lastResponse.isEmpty else { return }
        counters.retransmissionsSent &+= 1
        send(transaction.lastResponse, transaction.responseFlow)
    }

    // MARK: Inputs

    func retransmitted(_ transaction: ServerTransaction) {
        perform(transaction.machine.receiveRetransmission(), transaction)
    }

    func receiveAck(_ transaction: ServerTransaction, _ request: IncomingRequest) {
        guard case .invite(var machine) = transaction.machine else { return }
        let actions = machine.receiveAck(configuration.timers)
        transaction.machine = .invite(machine)
        if actions.effects.contains(.passAck) { handler.receive(request, in: self) }
        perform(actions, transaction)
    }

    /// CANCEL: answered 200 here when its INVITE is known, whatever becomes of that (RFC 3261 §9.2).
    func receiveCancel(_ request: IncomingRequest) {
        guard let invite = findServer(transactionKey(request.view, request.via, .invite), request) else {
            return handler.receiveUnmatchedCancel(request, in: self)
        }
        guard let transaction = accept(request, user: nil) else { return }
        // The To tag of this response equals the one of the INVITE's responses, which RFC 3261 §9.2 wants.
        respond(transaction, status: 200) { writer in
            guard let cancel = transaction.request else { return }
            let count = transaction.flow.remote.writeIP(into: self.addressText)
            cancel.withView {
                $0.beginResponse(
                    .init(
                        200, toTag: invite.toTag,
                        received: UnsafeRawBufferPointer(rebasing: self.addressText[0..<count]),
                        receivedPort: transaction.flow.remote.port, overload: self.overloadFeedback(for: transaction)),
                    into: &writer)
            }
            MessageView.endResponse(into: &writer)
        }
        guard !invite.isAnswered, !invite.isCancelled else { return }
        invite.isCancelled = true
        invite.cancelReason = Self.reasons(of: request.view)
        invite.user?.cancelled(invite, in: self)
    }

    /// The most bytes of Reason that are taken over from a CANCEL; a value that goes beyond is left out, and those behind it.
    static let longestReason = 1_024

    /// The values of Reason, separated by commas.
    private static func reasons(of view: MessageView) -> [UInt8] {
        var found: [UInt8] = []
        var values = view.values(of: .reason)
        while let value = values.next() {
            let bytes = view.bytes(value)
            guard found.count + bytes.count + 2 <= longestReason else { break }
            if !found.isEmpty { found += [UInt8(ascii: ","), 0x20] }
            found += bytes
        }
        return found
    }

    func serverTimerFired(_ token: UInt64, _ timer: TransactionTimer) {
        guard let transaction = servers.find(token) else { return }
        perform(transaction.machine.fire(timer, configuration.timers), transaction)
    }

    // MARK: Carrying out

    private func perform(_ actions: TransactionActions, _ transaction: ServerTransaction) {
        let effects = actions.effects
        if !effects.isEmpty {
            if effects.contains(.sendTrying), let request = transaction.request {
                scratch.removeAll()
                let count = transaction.flow.remote.writeIP(into: addressText)
                request.withView {
                    $0.beginResponse(
                        .init(
                            100, received: UnsafeRawBufferPointer(rebasing: addressText[0..<count]),
                            receivedPort: transaction.flow.remote.port, overload: overloadFeedback(for: transaction)),
                        into: &scratch)
                }
                MessageView.endResponse(into: &scratch)
                transaction.lastResponse = scratch.array
                transaction.lastStatus = 100
                counters.responsesSent &+= 1
                send(transaction.lastResponse, transaction.responseFlow)
            }
            if effects.contains(.sendResponse) {
                counters.responsesSent &+= 1
                // As `respond` has written it; not every response is kept.
                send(scratch.bytes, transaction.responseFlow)
                if transaction.lastStatus.isFinal { transaction.request = nil }
            }
            if effects.contains(.resendResponse), !transaction.lastResponse.isEmpty {
                counters.retransmissionsSent &+= 1
                send(transaction.lastResponse, transaction.responseFlow)
            }
        }
        apply(actions.retransmission, &transaction.retransmissionTimer, .server, transaction.token, lifetime: false)
        apply(actions.lifetime, &transaction.lifetimeTimer, .server, transaction.token, lifetime: true)
        guard !effects.isEmpty else { return }
        let user = transaction.user
        if effects.contains(.terminate) { remove(transaction) }
        if effects.contains(.reportTimeout) {
            counters.timeouts &+= 1
            user?.failed(transaction, .timeout, in: self)
        }
        if effects.contains(.reportTransportFailure) {
            counters.transportFailures &+= 1
            user?.failed(transaction, .transport("the response cannot be sent"), in: self)
        }
    }

    private func remove(_ transaction: ServerTransaction) {
        guard !transaction.isTerminated else { return }
        transaction.isTerminated = true
        transaction.user = nil
        serversByKey.remove(transaction)
        servers.remove(transaction.token)
    }

    func apply(_ change: TimerChange, _ handle: inout UInt64, _ owner: TimerOwner, _ token: UInt64, lifetime: Bool) {
        switch change {
        case .keep: return
        case .cancel:
            if handle != 0 { driver.cancel(timer: handle) }
            handle = 0
        case .set(let timer, let delay):
            if handle != 0 { driver.cancel(timer: handle) }
            handle = driver.schedule(Self.timerToken(owner, token, lifetime: lifetime, timer), after: delay)
        }
    }
}
