/// The caller's side of reliable provisional responses in one early dialog (RFC 3262 §4): which are new, in order, and so are to
/// be acknowledged by PRACK.
public struct ReliableReceipts: Hashable, Sendable {
    /// What a reliable response is.
    public enum Verdict: Hashable, Sendable {
        /// New and in order: acknowledge it, and process it.
        case inOrder
        /// A repetition of one that was acknowledged: discard it, the PRACK repeats itself.
        case repeated
        /// One before it is missing: discard it, it comes again after that one.
        case early
    }

    /// The number of the last response in order, nil before the first.
    public private(set) var last: UInt32?

    /// The receipts of a dialog without any.
    public init() {}

    /// A reliable response came.
    public mutating func receive(_ number: UInt32) -> Verdict {
        guard let last else {
            self.last = number
            return .inOrder
        }
        if number <= last { return .repeated }
        guard number == last &+ 1 else { return .early }
        self.last = number
        return .inOrder
    }
}

extension MessageView {
    /// The number of a provisional response that is to be acknowledged by PRACK; nil for all other responses (RFC 3262 §4).
    public var reliableNumber: UInt32? {
        let status = statusCode
        guard status > 100, status.isProvisional, list(.require, contains: "100rel"),
            let number = (try? rSeq).flatMap({ $0 }), number > 0
        else { return nil }
        return UInt32(clamping: number)
    }
}
