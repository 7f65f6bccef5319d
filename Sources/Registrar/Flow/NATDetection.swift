import Reactor
import SIP
import SIPEndpoint

/// Tells whether a contact can be reached at the address it names, or only by the way its REGISTER came.
///
/// A user agent behind a NAT writes its own address into Via and Contact, and its datagrams come from another.
/// Names say nothing either way, except those under `invalid`, which no one can reach (RFC 2606 §2, as in RFC 7118 §8.1).
struct NATDetection {
    private let flow: Flow
    /// Whether the request came through another proxy, so that its source is not the user agent.
    private let isRelayed: Bool
    /// Whether sent-by of Via is not where the request came from (RFC 3261 §18.2.1, RFC 3581 §4).
    private let viaDiffers: Bool
    /// The host of sent-by, which was looked at already.
    private let viaHost: UnsafeRawBufferPointer

    init(_ request: IncomingRequest) {
        flow = request.flow
        let view = request.view
        let via = request.via
        // A second value stands in the same field behind the first, or in a field of its own.
        isRelayed =
            view.fieldCount(of: .via) > 1
            || view.value(of: .via).map { $0.upperBound > via.whole.upperBound } == true
        viaHost = view.bytes(via.host)
        viaDiffers =
            Self.differs(viaHost, from: flow.remote)
            || (flow.transport == .udp && (via.hasPort ? via.port : 5_060) != flow.remote.port)
    }

    /// Whether only the flow leads to a contact.
    func isBehindNAT(_ contact: URIIndex, _ view: MessageView) -> Bool {
        guard contact.isSIP, !isRelayed else { return false }
        if viaDiffers { return true }
        let host = view.bytes(contact.host)
        // The port may be another: what Via says is right, so that no NAT is on the way, and a registration may be made from
        // another socket than the one that takes calls.
        return !equal(host, viaHost) && Self.differs(host, from: flow.remote) || Self.isInvalid(host)
    }

    /// Whether a host is an IP address, and another than that; zones are put aside, as they mean something here only.
    private static func differs(_ host: UnsafeRawBufferPointer, from remote: TransportAddress) -> Bool {
        guard let address = TransportAddress(host: host, port: 0) else { return false }
        return address.family != remote.family || address.lowerBits != remote.lowerBits
            || address.upperBits != remote.upperBits
    }

    private static func isInvalid(_ host: UnsafeRawBufferPointer) -> Bool {
        let suffix: StaticString = ".invalid"
        guard host.count >= suffix.utf8CodeUnitCount else { return false }
        return equalIgnoringCase(
            UnsafeRawBufferPointer(rebasing: host.suffix(suffix.utf8CodeUnitCount)), suffix)
    }
}
