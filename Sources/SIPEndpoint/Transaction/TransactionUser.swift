public import ICE
public import SIP

/// A request that no transaction has taken, as it lies in the receive buffer.
///
/// View and fields are valid until the handler returns; `keep()` makes a copy to hold.
public struct IncomingRequest {
    /// The request.
    public let view: MessageView
    /// The way it came.
    public let flow: Flow
    /// Its topmost Via.
    public let via: ViaIndex
    /// The hash of what names its transaction, an ACK's that of its INVITE: `TransactionLayer.transactionKey`.
    let key: UInt64

    /// A copy that outlives the handler.
    public func keep() -> Message { Message(copying: view) }
}

/// A response, as it lies in the receive buffer.
public struct IncomingResponse {
    /// The response.
    public let view: MessageView
    /// The way it came.
    public let flow: Flow
}

/// Takes requests that begin something: all that match no transaction, the ACK to a 2xx among them.
public protocol RequestHandler: AnyObject {
    /// The layer is made: called once, before the first message.
    func attached(to layer: TransactionLayer)

    /// The lane has come to its end: called once, after all else; what holds others in a circle is to be let go.
    func ended(in layer: TransactionLayer)

    /// A new request; it was parsed, but not validated.
    func receive(_ request: IncomingRequest, in layer: TransactionLayer)

    /// A CANCEL that matches no INVITE transaction; the usual answer is 481 (RFC 3261 §9.2).
    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer)

    /// A response that matches no transaction; true takes it, as a proxy without state does (RFC 3261 §18.1.2).
    func receiveUnmatched(_ response: IncomingResponse, in layer: TransactionLayer) -> Bool

    /// A timer started by `TransactionLayer.schedule`.
    func timerFired(_ token: UInt64, in layer: TransactionLayer)

    /// A connection is no more, whoever had opened it: what depends on it, such as the binding of a phone that only it leads
    /// to, is of no use any more. All lanes are told, before the transactions on it are.
    func connectionClosed(_ connection: UInt64, in layer: TransactionLayer)

    /// A ping that this element has sent on a connection was answered. All lanes are told.
    func pongReceived(_ connection: UInt64, in layer: TransactionLayer)

    /// An answer to a STUN Binding Request came by a flow of datagrams.
    func bindingAnswered(
        _ transaction: STUNTransactionID, _ outcome: STUNBinding.Outcome, in layer: TransactionLayer)
}

extension RequestHandler {
    /// Nothing to do.
    public func attached(to layer: TransactionLayer) {}

    /// Nothing to do.
    public func ended(in layer: TransactionLayer) {}

    /// Nothing to do.
    public func connectionClosed(_ connection: UInt64, in layer: TransactionLayer) {}

    /// Nothing to do.
    public func pongReceived(_ connection: UInt64, in layer: TransactionLayer) {}

    /// Nothing to do.
    public func bindingAnswered(
        _ transaction: STUNTransactionID, _ outcome: STUNBinding.Outcome, in layer: TransactionLayer
    ) {}

    /// Takes none.
    public func receiveUnmatched(_ response: IncomingResponse, in layer: TransactionLayer) -> Bool { false }
}

/// Why a transaction ended without what it waited for.
public enum TransactionFailure: Hashable, Sendable {
    /// Nothing came in time: Timer B or F for a client, Timer H for a server.
    case timeout
    /// The transport said that it cannot deliver, with the reason.
    case transport(String)
}

/// Hears of a server transaction that it has taken.
public protocol ServerTransactionUser: AnyObject {
    /// The client wants the INVITE cancelled; its CANCEL is answered already.
    func cancelled(_ transaction: ServerTransaction, in layer: TransactionLayer)

    /// The ACK of a final response to INVITE did not come, or no response can be sent.
    func failed(_ transaction: ServerTransaction, _ failure: TransactionFailure, in layer: TransactionLayer)
}

/// Hears of a client transaction that it has started.
public protocol ClientTransactionUser: AnyObject {
    /// A response: provisional ones, the final one, and for INVITE each further 2xx.
    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer)

    /// No final response will come.
    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer)
}
