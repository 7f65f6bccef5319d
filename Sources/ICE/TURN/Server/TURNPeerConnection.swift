/// A connection between a relay and a peer, and what became of it (RFC 6062 §5.2 to §5.4).
///
/// ```
///   Connect        connected             ConnectionBind
///  ---------> connecting ----> waiting -----------------> bound
///                |               ^  |                        |
///       447      v    the peer   |  v  30 s                  v  either side closes
///             (gone)  connects --+ (gone)                  (gone)
/// ```
struct TURNPeerConnection: Sendable {
    /// A Connect request that is not answered yet.
    struct Request: Sendable {
        var transaction: STUNTransactionID
        var proof: TURNServer.Proof
    }

    enum State: Sendable {
        case connecting(Request)
        case waiting(until: ContinuousClock.Instant)
        case bound
    }

    /// CONNECTION-ID.
    let id: UInt32
    let peer: STUNAddress
    var state: State
}

/// Where clients' connections are, and the numbers of connections with peers that one of several servers gives.
public struct TURNServerPart: Hashable, Sendable {
    /// Which of them it is.
    public let index: Int
    /// How many there are.
    public let count: Int

    /// The only one.
    public static let whole = TURNServerPart(0, of: 1)

    public init(_ index: Int, of count: Int) {
        self.count = max(1, count)
        self.index = min(max(0, index), self.count - 1)
    }

    /// Which server has given the number of a connection.
    public static func index(ofConnection id: UInt32, of count: Int) -> Int { Int(id % UInt32(max(1, count))) }

    /// A number that this server may give.
    public func number(_ random: UInt64) -> UInt32 {
        let most = UInt64(UInt32.max) / UInt64(count)
        return UInt32(random % most * UInt64(count) + UInt64(index))
    }
}
