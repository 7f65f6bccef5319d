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

    /// Other addresses of this host.
    public var others: [Place] = []

    /// What servers have told; nil when none was asked.
    public var gathered: Gathered?

    /// What the checks have settled on; nil while they have not.
    public var settlement: Settlement?

    /// The pairs that checks have settled on.
    public struct Settlement: Sendable, Hashable {
        /// By what this side proves itself; behind a restart by something else.
        public let parameters: ICEParameters
        /// One for each component.
        public let pairs: [Pair]

        /// The pair of a component.
        public struct Pair: Sendable, Hashable {
            public let component: Int
            /// As the far side sees this one.
            public let local: Candidate
            public let remote: STUNAddress
        }
    }

    /// An address of this host with its ports.
    public struct Place: Sendable, Hashable {
        /// Where RTP is received.
        public let media: TransportAddress
        /// Where RTCP is received that has a port of its own.
        public let control: TransportAddress

        /// Makes it of its parts.
        public init(media: TransportAddress, control: TransportAddress) {
            self.media = media
            self.control = control
        }

        /// The components with their sockets (RFC 8445 §4): 1 for RTP, 2 for RTCP.
        var components: [(number: Int, address: TransportAddress)] { [(1, media), (2, control)] }
    }

    /// The ends without what becomes of them.
    var place: ICEEnds {
        var ends = self
        ends.settlement = nil
        ends.gathered?.candidates = []
        ends.gathered?.isComplete = true
        return ends
    }

    /// What is known of candidates when a description is made.
    public struct Gathered: Sendable, Hashable {
        /// By what this side proves itself from the beginning, so that checks that come early are answered.
        public let parameters: ICEParameters
        /// All candidates.
        public internal(set) var candidates: [Candidate]
        /// Whether all servers were asked that are waited for.
        public internal(set) var isComplete = true
    }

    /// Makes it of its parts.
    public init(isLite: Bool, media: TransportAddress, control: TransportAddress) {
        self.isLite = isLite
        self.media = media
        self.control = control
    }

    /// What checks with these parameters have settled on.
    func settlement(of parameters: ICEParameters) -> Settlement? {
        settlement.flatMap { $0.parameters == parameters && !$0.pairs.isEmpty ? $0 : nil }
    }

    /// The addresses of this host, that which descriptions name first.
    var places: [Place] { [Place(media: media, control: control)] + others }

    /// The candidates to tell of: each socket is a host candidate (RFC 8445 §5.1.1.1).
    func candidates(components count: Int) -> [Candidate] {
        if let gathered { return gathered.candidates.filter { $0.component <= count } }
        return zip(places, places.localPreferences).enumerated().flatMap { number, place in
            place.0.components.prefix(count).map { component in
                Candidate(
                    foundation: Array(String(number + 1).utf8), component: component.number, kind: .host,
                    priority: CandidatePriority.of(.host, localPreference: place.1, component: component.number),
                    address: STUNAddress(component.address))
            }
        }
    }
}

extension [ICEEnds.Place] {
    /// How much each is preferred (RFC 8421 §4).
    var localPreferences: [UInt16] { CandidatePriority.localPreferences(map { STUNAddress($0.media) }) }
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
