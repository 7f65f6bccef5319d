import Reactor

/// Where one end of a stream wants its media, by its description.
struct LegRemote: Sendable, Hashable {
    /// Where RTP goes; nil while the end is not to be sent anything, or has given a name in place of an address.
    var media: TransportAddress?
    /// Where RTCP goes, unless it shares the port of RTP.
    var control: TransportAddress?
    /// Whether RTP and RTCP share a port (RFC 5761).
    var isMultiplexed = false
    /// The address that the end's signalling comes from, where its media may be expected too, whatever it says of itself behind
    /// a NAT (RFC 7362 §4).
    var signalling: TransportAddress?
    /// Its part in ICE, which says all of that better; nil where it has none.
    var ice: LegICE?
}

/// What a stream carries.
enum RelayedKind: Sendable, Hashable {
    /// RTP and RTCP, secured or not: what is neither, and no DTLS that makes its keys, is dropped.
    case rtp
    /// Datagrams of another protocol, such as T.38 in UDPTL or SCTP in DTLS.
    case datagrams
}
