/// Finds requests that came to this user agent server twice on different ways (RFC 3261 §8.2.2.2).
///
/// A request without To tag whose From tag, Call-ID and CSeq are those of an ongoing transaction, but which does not match that
/// transaction, is answered by 482 (Loop Detected). Proxies must not do this: they may see a request twice for good reasons.
public struct MergedRequests: Sendable {
    private struct Key: Hashable, Sendable {
        var callID: [UInt8]
        var fromTag: [UInt8]
        var sequence: UInt32
        var method: [UInt8]
    }

    private var transactions: [Key: UInt64] = [:]
    private var keys: [UInt64: Key] = [:]

    /// No ongoing transaction.
    public init() {}

    /// How many ongoing transactions are known.
    public var count: Int { keys.count }

    /// Notes the request of a new server transaction.
    ///
    /// - Parameters:
    ///   - request: the request.
    ///   - transaction: a number that no other ongoing transaction has.
    /// - Returns: whether the request has come on another way before and is to be answered by 482; it is not noted then.
    /// - Throws: `MessageDefect` if To, From, Call-ID or CSeq is missing or malformed.
    public mutating func isMerged(_ request: MessageView, transaction: UInt64) throws(MessageDefect) -> Bool {
        guard try request.to.tag.isEmpty else { return false }
        let cSeq = try request.cSeq
        let key = Key(
            callID: request.array(try request.callID), fromTag: request.array(try request.from.tag),
            sequence: cSeq.number, method: request.array(cSeq.methodRange))
        if let known = transactions[key] { return known != transaction }
        transactions[key] = transaction
        keys[transaction] = key
        return false
    }

    /// The transaction has ended.
    public mutating func end(transaction: UInt64) {
        guard let key = keys.removeValue(forKey: transaction) else { return }
        transactions.removeValue(forKey: key)
    }
}
