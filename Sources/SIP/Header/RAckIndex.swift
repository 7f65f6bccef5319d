/// The value of RAck, typed in place: which reliable provisional response a PRACK acknowledges (RFC 3262 §7.2).
@frozen
public struct RAckIndex: Sendable {
    /// The RSeq of the response.
    public var responseNumber: UInt32
    /// The number in the CSeq of the response, below 2**31.
    public var sequenceNumber: UInt32
    /// The method in the CSeq of the response.
    public var method: Method
    /// The method as written.
    public var methodRange: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        guard let response = cursor.takeNumber(maximum: UInt64(UInt32.max)), cursor.peek.isLinearWhitespace else {
            throw Self.malformed
        }
        cursor.skipWhitespace()
        guard let sequence = cursor.takeNumber(maximum: UInt64(Int32.max)), cursor.peek.isLinearWhitespace else {
            throw Self.malformed
        }
        cursor.skipWhitespace()
        methodRange = cursor.take(run: .token)
        guard !methodRange.isEmpty, cursor.isAtEnd else { throw Self.malformed }
        responseNumber = UInt32(truncatingIfNeeded: response)
        sequenceNumber = UInt32(truncatingIfNeeded: sequence)
        method = Method(base, methodRange)
    }

    private static var malformed: MessageDefect {
        MessageDefect(.headerValue, "RAck is not two numbers and a method", header: .rAck)
    }
}

extension MessageView {
    /// RAck, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var rAck: RAckIndex? {
        get throws(MessageDefect) {
            guard let value = value(of: .rAck) else { return nil }
            return try RAckIndex(base, value)
        }
    }

    /// RSeq, nil when it is not there (RFC 3262 §7.1).
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var rSeq: Int? {
        get throws(MessageDefect) { try number(.rSeq, maximum: UInt64(UInt32.max)) }
    }
}
