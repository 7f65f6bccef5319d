import Reactor
import SIP
import SIPEndpoint

/// What requests have in common that go to one place from one user: those of a dialog, or those outside of any that repeat or
/// follow one another with one Call-ID.
protocol RequestScope: AnyObject {
    /// The Request-URI.
    var requestURI: URI { get }
    /// The URI whose servers the request goes to.
    var nextHop: URI { get }
    /// The flow by which the peer was reached, to be used again where it leads to the next hop.
    var flow: Flow? { get }
    /// The number for the next request.
    func nextSequence() -> UInt32
    /// Writes request line, Via, Max-Forwards, Route, From, To, Call-ID and CSeq.
    func writeHead(
        of method: Method, sequence: UInt32, via: UnsafeRawBufferPointer, into writer: inout ByteWriter)
}

extension RequestScope {
    /// Whether Contact in a request must be SIPS: it goes to a SIPS URI, or by one (RFC 3261 §8.1.1.8).
    var demandsSecureContact: Bool { requestURI.scheme == .sips || nextHop.scheme == .sips }
}

/// Requests outside of a dialog, from an identity to a URI.
final class RequestOrigin: RequestScope {
    var requestURI: URI
    let identity: CallAgent.Identity
    /// The value of To, without tag.
    let to: NameAddress
    let callID: [UInt8]
    let localTag: [UInt8]
    private(set) var sequence: UInt32
    var flow: Flow? { nil }

    /// An origin with a Call-ID and a tag of its own.
    init(_ agent: CallAgent, to uri: URI, as identity: CallAgent.Identity) {
        requestURI = uri.asRequestURI
        self.identity = identity
        to = NameAddress(uri.asAddress)
        let near = agent.layer.listeners.first?.address ?? .loopback()
        callID = Array("\(CallAgent.token(agent.layer))@\(near.host)".utf8)
        localTag = Array(CallAgent.token(agent.layer).utf8)
        sequence = 0
    }

    var nextHop: URI { identity.proxy ?? requestURI }

    func nextSequence() -> UInt32 {
        sequence = min(sequence + 1, Dialog.highestSequence)
        return sequence
    }

    func writeHead(
        of method: Method, sequence: UInt32, via: UnsafeRawBufferPointer, into writer: inout ByteWriter
    ) {
        writer.append(method.text)
        writer.append(0x20 as UInt8)
        writer.append(requestURI.bytes)
        writer.append(" SIP/2.0\r\n")
        writer.append(via)
        writer.append("Max-Forwards: \(Dialog.maxForwards)\r\nFrom: \(identity.address);tag=")
        writer.append(localTag)
        writer.append("\r\nTo: \(to)\r\nCall-ID: ")
        writer.append(callID)
        writer.append("\r\nCSeq: ")
        writer.append(decimal: UInt64(sequence))
        writer.append(0x20 as UInt8)
        writer.append(method.text)
        writer.append("\r\n")
    }
}
