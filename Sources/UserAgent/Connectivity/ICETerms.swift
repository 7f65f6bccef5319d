public import ICE
public import Reactor

/// What a leg brings to connectivity checks.
public struct ICEEnds: Sendable, Hashable {
    /// Whether checks are answered only.
    public let isLite: Bool
    /// Where RTP is received.
    public let media: TransportAddress
    /// Where RTCP is received that has a port of its own.
    public let control: TransportAddress

    /// Makes it of its parts.
    public init(isLite: Bool, media: TransportAddress, control: TransportAddress) {
        self.isLite = isLite
        self.media = media
        self.control = control
    }

    /// The components with their sockets (RFC 8445 §4): 1 for RTP, 2 for RTCP.
    var components: [(number: Int, address: TransportAddress)] { [(1, media), (2, control)] }

    /// The candidates to tell of: each socket is a host candidate (RFC 8445 §5.1.1.1).
    func candidates(components count: Int) -> [Candidate] {
        components.prefix(count).map { component in
            Candidate(
                foundation: [UInt8(ascii: "1")], component: component.number, kind: .host,
                priority: CandidatePriority.of(.host, localPreference: .max, component: component.number),
                address: STUNAddress(component.address))
        }
    }
}

/// What offer and answer have said of connectivity checks.
public struct ICETerms: Sendable, Hashable {
    /// Whether this side has made the offer that they began with, and picks the pairs (RFC 8445 §6.1.1).
    public let isControlling: Bool
    /// What this side proves itself by.
    public let local: ICEParameters
    /// What the far side says.
    public let remote: ICERemote

    /// The same with a far side that tells no other candidates.
    var complete: ICETerms {
        var remote = remote
        remote.isComplete = true
        return ICETerms(isControlling: isControlling, local: local, remote: remote)
    }
}

extension STUNAddress {
    /// The address of a socket; STUN has no zones.
    init(_ address: TransportAddress) {
        self.init(isIPv6: address.isIPv6, upper: address.upperBits, lower: address.lowerBits, port: address.port)
    }
}

extension TransportAddress {
    /// The address of a socket.
    init(_ address: STUNAddress) {
        if address.isIPv6 {
            self.init(ipv6: address.upper, address.lower, port: address.port)
        } else {
            self.init(ipv4: UInt32(truncatingIfNeeded: address.lower), port: address.port)
        }
    }
}
