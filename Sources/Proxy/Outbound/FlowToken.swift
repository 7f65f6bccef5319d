import SIP
import SIPEndpoint

/// The user part of the Path value that an edge proxy puts into a REGISTER: the flow that leads back to the phone, under a
/// key of ours (RFC 5626 §5.2).
///
/// Unlike a `RouteToken` it is good for any call: whoever learns it may send to that phone.
enum FlowToken {
    /// Stands where a `RouteToken` has its Call-ID; no Call-ID holds a NUL.
    private static let context: [UInt8] = Array("\0flow".utf8)

    /// Writes the token of a flow.
    static func write(_ flow: Flow, key: SipHash, into writer: inout ByteWriter) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let token = RouteToken(callerFlow: nil, calleeFlow: flow, callerTag: nothing)
        context.withUnsafeBytes { token.write(callID: $0, key: key, into: &writer) }
    }

    /// The flow of a token; nil when it is none of ours.
    static func read(_ text: UnsafeRawBufferPointer, key: SipHash) -> Flow? {
        context.withUnsafeBytes { RouteToken(text, callID: $0, key: key)?.calleeFlow }
    }
}
