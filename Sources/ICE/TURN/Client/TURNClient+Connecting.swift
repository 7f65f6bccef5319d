/// Which relays are asked for, and how peers are connected with by those for connections (RFC 6062 §4).
extension TURNClient {
    /// Which port a relay for datagrams is to have (RFC 8656 §7.1).
    public enum Port: Hashable, Sendable {
        case any
        /// An even one (EVEN-PORT).
        case even
        /// An even one, and the next is kept for another allocation, which asks for it by ``Allocation/token``: for RTP and RTCP
        /// (EVEN-PORT with its R bit). Of ``Families/both`` it is IPv4 alone, since there is one token.
        case evenWithNext
        /// The one that was kept, whatever its family is (RESERVATION-TOKEN).
        case reserved(UInt64)
    }

    /// What peers send to a relay.
    public enum Kind: Hashable, Sendable {
        /// Datagrams, to a port.
        case datagrams(Port = .any)
        /// Connections (RFC 6062): of the server to peers and of peers to it, each bound to a ``TURNDataConnection`` of the client.
        case connections

        /// TCP or UDP, of the protocol numbers of IP (RFC 8656 §18.8, RFC 6062 §4.1).
        var protocolNumber: UInt32 { self == .connections ? 6 : 17 }
    }

    /// What became of the wish that a host may send to the relay, or connect to it.
    public enum Permission: Hashable, Sendable {
        /// The server was asked.
        case asked
        /// It has said so.
        case given
        /// It has refused, or has not answered; it is not asked again.
        case refused
    }

    /// What became of ``permit(_:now:)``; nil when the server was not asked.
    public func permission(of peer: STUNAddress) -> Permission? {
        guard let entry = peers[peer.with(port: 0)] else { return nil }
        return entry.isPermitted ? .given : entry.isRefused ? .refused : .asked
    }

    /// The most peers that a server is asked to connect to at once, and that are remembered as not reached: 64.
    public static let mostConnecting = 64
    /// How long a peer is left alone that could not be connected to (447): 10 s (RFC 6062 §4.3).
    public static let connectPause = Duration.seconds(10)

    /// Asks the server to connect to a peer (RFC 6062 §4.3): ``Output/connected(to:id:)`` or ``Output/notConnected(to:_:)`` follows.
    ///
    /// - Returns: false when it is not asked now: there is no relay for connections, or none of the family of the peer; it is being
    ///   asked for this peer, or was less than ``connectPause`` ago in vain; or it is asked for ``mostConnecting`` others.
    public mutating func connect(to peer: STUNAddress, now: Instant) -> Bool {
        guard state == .allocated, kind == .connections, reaches(peer), !connecting.contains(peer) else { return false }
        unreachable = unreachable.filter { $0.value > now }
        guard unreachable[peer] == nil, connecting.count + unreachable.count < Self.mostConnecting else { return false }
        connecting.insert(peer)
        ask(.connect(peer), now: now)
        return true
    }

    /// A ConnectionAttempt indication (RFC 6062 §4.4); of those without permission there should be none.
    mutating func takeAttempt(_ message: STUNMessage, in bytes: RawSpan) {
        guard state == .allocated, kind == .connections,
            message.unknown(besides: STUNAttribute.ofTURN, in: bytes).isEmpty,
            let peer = message.address(.xorPeerAddress, in: bytes), let id = message.word32(.connectionID, in: bytes),
            peers[peer.with(port: 0)]?.isOpen == true
        else { return }
        put(.attempted(by: peer, id: id))
    }
}
