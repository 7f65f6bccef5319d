import Reactor
public import SIP

// Answering without a transaction (RFC 3261 §8.2.7), and what responses have in common.
extension TransactionLayer {
    /// Answers a request at once and forgets it; a retransmission gets the same answer with the same tag.
    public func respondStatelessly(
        to request: IncomingRequest, _ status: StatusCode, reason: StaticString? = nil,
        _ extra: (inout ByteWriter) -> Void = { _ in }
    ) {
        counters.responsesSent &+= 1
        let flow = responseFlow(request)
        let toTag = tag(for: request)
        let count = request.flow.remote.writeIP(into: addressText)
        let head = MessageView.ResponseHead(
            status, reason: reason, toTag: toTag,
            received: UnsafeRawBufferPointer(rebasing: addressText[0..<count]),
            receivedPort: request.flow.remote.port, overload: overloadFeedback(for: request))
        sendDirectly(flow) { writer in
            request.view.beginResponse(head, into: &writer)
            extra(&writer)
            MessageView.endResponse(into: &writer)
        }
    }

    /// The way a response goes (RFC 3261 §18.2.2, RFC 3581 §4): a connection as it came; a datagram to the source
    /// address, at the source port when `rport` asks for it or else at the port of sent-by.
    func responseFlow(_ request: IncomingRequest) -> Flow {
        var flow = request.flow
        if flow.connection == 0, !request.via.hasRport {
            flow.remote.port = request.via.hasPort ? request.via.port : 5_060
        }
        return flow
    }

    /// The tag for To: the same for the same request, unguessable for others.
    func tag(for request: IncomingRequest) -> UInt64 {
        // Of the key, which nobody must know who could aim at the index of transactions then, nothing can be told.
        var hasher = Hasher()
        hasher.combine(bootIdentifier)
        hasher.combine(request.key)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// Whether an ACK is to a final response that was sent without a transaction: it has the branch of its request and
    /// our tag in To. Such an ACK is to be ignored (RFC 3261 §8.2.7).
    public func acknowledgesStatelessResponse(_ ack: IncomingRequest) -> Bool {
        let view = ack.view
        guard let to = try? view.to else { return false }
        let theirs = view.bytes(to.tag)
        guard theirs.count == 16 else { return false }
        return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { memory in
            var ours = ByteWriter(into: memory)
            ours.append(hexadecimal: tag(for: ack))
            return ours.bytes.elementsEqual(theirs)
        }
    }

    /// Sends bytes on a flow.
    @discardableResult
    func send(_ bytes: [UInt8], _ flow: Flow) -> Bool {
        bytes.withUnsafeBytes { send($0, flow) }
    }

    /// Sends bytes on a flow; false when they cannot go.
    @discardableResult
    func send(_ bytes: UnsafeRawBufferPointer, _ flow: Flow) -> Bool {
        if let tap { tap(bytes, flow, true) }
        if flow.connection != 0 {
            if driver.sendStream(flow.connection, bytes) { return true }
            counters.sendFailures &+= 1
            return false
        }
        guard let memory = driver.reserveDatagram(Int(flow.listener)) else {
            counters.sendFailures &+= 1
            return false
        }
        guard memory.count >= bytes.count else {
            driver.commitDatagram(Int(flow.listener), count: 0, to: flow.remote, from: flow.local)
            counters.sendFailures &+= 1
            return false
        }
        memory.copyMemory(from: bytes)
        driver.commitDatagram(Int(flow.listener), count: bytes.count, to: flow.remote, from: flow.local)
        return true
    }

    /// Sends a message outside of any transaction, such as the ACK to a 2xx or a response that is passed on.
    @discardableResult
    public func sendDirectly(_ bytes: [UInt8], _ flow: Flow) -> Bool { send(bytes, flow) }

    /// Sends a message outside of any transaction that `write` writes whole: a datagram straight into the memory that it
    /// leaves from, so that nothing else may be sent meanwhile.
    @discardableResult
    public func sendDirectly(_ flow: Flow, writing write: (inout ByteWriter) -> Void) -> Bool {
        guard flow.connection == 0 else {
            scratch.removeAll()
            write(&scratch)
            return send(scratch.bytes, flow)
        }
        guard let memory = driver.reserveDatagram(Int(flow.listener)) else {
            counters.sendFailures &+= 1
            return false
        }
        var writer = ByteWriter(into: memory)
        write(&writer)
        let length = writer.overflowed ? 0 : writer.count
        if let tap { tap(UnsafeRawBufferPointer(rebasing: memory[0..<length]), flow, true) }
        if length == 0 { counters.sendFailures &+= 1 }
        driver.commitDatagram(Int(flow.listener), count: length, to: flow.remote, from: flow.local)
        return length > 0
    }
}
