public import ICE
import Reactor

extension TransactionLayer {
    /// Answers a STUN Binding Request, by which a phone keeps its way through a NAT open and learns of its address
    /// (RFC 5626 §8); false when the datagram is no STUN.
    func answersSTUN(_ bytes: UnsafeRawBufferPointer, _ flow: Flow) -> Bool {
        guard flow.connection == 0, STUNMessage.isSTUN(bytes.bytes) else { return false }
        counters.keepAlives &+= 1
        if let (transaction, outcome) = STUNBinding.outcome(bytes.bytes) {
            handler.bindingAnswered(transaction, outcome, in: self)
            return true
        }
        let source = STUNAddress(
            isIPv6: flow.remote.isIPv6, upper: flow.remote.upperBits, lower: flow.remote.lowerBits,
            port: flow.remote.port)
        withUnsafeTemporaryAllocation(byteCount: STUNBinding.answerSize, alignment: 8) { memory in
            var answer = memory.mutableBytes
            guard let length = STUNBinding.answer(bytes.bytes, from: source, into: &answer) else { return }
            _ = send(UnsafeRawBufferPointer(rebasing: memory[..<length]), flow)
        }
        return true
    }

    // MARK: Flows of ours

    /// Sends a keep-alive along a flow of this element: a ping on a connection, or a STUN Binding Request (RFC 5626 §4.4). Answers
    /// come to the request handler.
    ///
    /// - Returns: whether it was sent.
    public func keepAlive(_ flow: Flow, _ transaction: STUNTransactionID) -> Bool {
        guard flow.connection == 0 else { return driver.ping(connection: flow.connection) }
        return withUnsafeTemporaryAllocation(byteCount: STUNBinding.requestSize, alignment: 8) { memory in
            var request = memory.mutableBytes
            let length = STUNBinding.writeRequest(transaction, into: &request)
            return send(UnsafeRawBufferPointer(rebasing: memory[..<length]), flow)
        }
    }

    /// Ends the connection of a flow that has failed, so that what follows goes by another one; nothing for datagrams.
    public func abandon(_ flow: Flow) {
        if flow.connection != 0 { driver.abort(connection: flow.connection) }
    }

    /// A ping of ours was answered.
    public func pongReceived(_ connection: UInt64) {
        counters.keepAlives &+= 1
        handler.pongReceived(connection, in: self)
    }
}
