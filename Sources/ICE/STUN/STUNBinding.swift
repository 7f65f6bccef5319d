/// A Binding Request without credentials and its answer: the address that it came from (RFC 8489 §6, RFC 5626 §8).
///
/// For keep-alives of SIP and for servers that tell whoever asks. No credentials and no fingerprint are looked at, and what else
/// STUN has is not answered.
public enum STUNBinding {
    /// What an answer to a Binding Request says.
    public enum Outcome: Sendable, Hashable {
        /// The address that the request came from.
        case mapped(STUNAddress)
        /// The server refuses, or says nothing of an address.
        case refused
    }

    /// Octets that hold any answer.
    public static let answerSize = 128
    /// Octets of a request.
    public static let requestSize = STUNMessage.headerLength

    /// Writes the answer to a message.
    ///
    /// - Parameter memory: at least ``answerSize`` octets.
    /// - Returns: octets written; nil when there is no answer: indications, responses and what is malformed have none.
    public static func answer(
        _ bytes: RawSpan, from source: STUNAddress, into memory: inout MutableRawSpan
    ) -> Int? {
        do throws(STUNDefect) {
            let message = try STUNMessage(parsing: bytes)
            guard message.kind == .request, message.method == .binding else { return nil }
            // Who proves that he knows a user is told an address as all others are.
            let unknown = message.unknown(besides: passedOver, in: bytes)
            guard unknown.isEmpty else {
                var writer = try STUNWriter(.error, .binding, message.transaction, into: &memory)
                try writer.add(.unknownAttribute, into: &memory)
                try writer.add(unknown: unknown, into: &memory)
                return writer.length
            }
            var writer = try STUNWriter(.success, .binding, message.transaction, into: &memory)
            try writer.add(.xorMappedAddress, source, into: &memory)
            return writer.length
        } catch { return nil }
    }

    /// Attributes of authentication.
    private static let passedOver: Set<STUNAttribute> = [
        .username, .messageIntegrity, .realm, .nonce, .messageIntegritySHA256, .passwordAlgorithm, .userhash,
    ]

    /// Writes a Binding Request without attributes.
    ///
    /// - Parameter memory: at least ``requestSize`` octets.
    /// - Returns: octets written; 0 when the memory is too small.
    public static func writeRequest(_ transaction: STUNTransactionID, into memory: inout MutableRawSpan) -> Int {
        (try? STUNWriter(.request, .binding, transaction, into: &memory))?.length ?? 0
    }

    /// Reads the answer to a Binding Request (RFC 8489 §6.3.3, §14.2); nil when a message is none, or malformed.
    public static func outcome(_ bytes: RawSpan) -> (transaction: STUNTransactionID, outcome: Outcome)? {
        guard let message = try? STUNMessage(parsing: bytes), message.method == .binding else { return nil }
        switch message.kind {
        case .request, .indication: return nil
        case .error: return (message.transaction, .refused)
        case .success:
            guard message.unknown(besides: STUNAttribute.basic, in: bytes).isEmpty,
                let address = message.address(.xorMappedAddress, in: bytes)
            else { return (message.transaction, .refused) }
            return (message.transaction, .mapped(address))
        }
    }
}
